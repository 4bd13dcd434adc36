import os
import signal
import threading

import numpy as np
import pytest
import strata
from models import model

# Doubles x again and again for as long as `go` holds, which it does to the end.
FOREVER = model(
    """(bool go, float x) => (float y) <int64 trips = {9223372036854775807}>
    { y = Loop <body = rounds (int64 i, bool c, float a) => (bool d, float b)
        { d = Identity(c)  b = Add(a, a) }> (trips, go, x) }"""
)
FEEDS = {"go": np.array(True), "x": np.array(1, np.float32)}


def test_a_loop_ends_at_the_limit():
    session = strata.InferenceSession(FOREVER, loop_limit=1000)
    for _ in range(2):
        with pytest.raises(strata.Error, match="1000 times, which is the loop limit"):
            session.run(None, FEEDS)
    (y,) = session.run(None, {**FEEDS, "go": np.array(False)})
    assert y == 1


def test_ctrl_c_ends_a_loop():
    session = strata.InferenceSession(FOREVER, loop_limit=2**62)
    # Shells start programs in the background with the signal ignored, and Python leaves it so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            session.run(None, FEEDS)
        timer.join()
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("limit", [0, -1, 1.5, "many"])
def test_the_limit_is_checked(limit):
    with pytest.raises(strata.UsageError, match="loop_limit"):
        strata.InferenceSession(FOREVER, loop_limit=limit)

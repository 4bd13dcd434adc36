"""Sessions under threads and forks."""

import multiprocessing
import sys
import threading
import time

import numpy as np
import strata
from models import ADD_ONE, model

# A product long enough that other threads run meanwhile.
SLOW = model("(float[N, 512] a, float[512, 512] b) => (float[N, 512] y) { y = MatMul(a, b) }")


def in_threads(count, body):
    errors = []

    def guarded(i):
        try:
            body(i)
        except BaseException as error:  # reported by the thread that can fail the test
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def test_threads_take_turns_with_one_session():
    session = strata.InferenceSession(ADD_ONE, threads=2)

    def body(i):
        for k in range(300):
            x = np.full((1 + (i + k) % 12, 3), i * 1000 + k, np.float32)
            (y,) = session.run(None, {"x": x})
            np.testing.assert_array_equal(y, x + 1)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        in_threads(4, body)
    finally:
        sys.setswitchinterval(interval)


def test_python_goes_on_while_a_model_runs():
    session = strata.InferenceSession(SLOW, optimize=False)
    feeds = {"a": np.ones((2048, 512), np.float32), "b": np.ones((512, 512), np.float32)}
    session.run(None, feeds)
    running = threading.Event()
    counts = []

    def run():
        running.set()
        session.run(None, feeds)
        counts.append(count)

    thread = threading.Thread(target=run)
    count = 0
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)  # nobody is made to hand over the lock, so it must be given up
    try:
        thread.start()
        running.wait()
        while thread.is_alive():
            count += 1
            time.sleep(0)
    finally:
        sys.setswitchinterval(interval)
    thread.join()
    assert counts and counts[0] > 0


def test_sessions_are_made_in_threads():
    in_threads(4, lambda i: strata.InferenceSession(ADD_ONE).run(None, {"x": np.ones((i, 3), np.float32)}))


def child(session, queue):
    x = np.ones((64, 3), np.float32)
    queue.put(session.run(None, {"x": x})[0].sum())


def test_a_forked_child_goes_on_with_the_session():
    session = strata.InferenceSession(ADD_ONE, threads=2)
    session.run(None, {"x": np.ones((64, 3), np.float32)})
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=child, args=(session, queue))
    process.start()
    assert queue.get(timeout=60) == 2 * 64 * 3
    process.join(60)
    assert process.exitcode == 0

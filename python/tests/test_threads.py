"""Sessions under threads and forks."""

import multiprocessing
import sys
import threading
import time

import numpy as np
import strata
from models import ADD_ONE, model
from test_plans import COUNTER

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


def test_shared_sessions_run_at_the_same_time():
    session = strata.InferenceSession(SLOW)
    b = np.random.default_rng(3).normal(size=(512, 512)).astype(np.float32)
    feeds = [{"a": np.full((n, 512), n, np.float32), "b": b} for n in range(1, 5)]
    expected = [session.run(None, feed)[0] for feed in feeds]
    sessions = [session.share() for _ in feeds]
    assert sessions[0].kernels() == session.kernels()
    assert sessions[0].get_inputs()[0].name == "a"

    def body(i):
        for _ in range(20):
            np.testing.assert_array_equal(sessions[i].run(None, feeds[i])[0], expected[i])

    in_threads(4, body)


def test_shared_sessions_have_states_of_their_own():
    session = strata.InferenceSession(strata.Graph.from_text(COUNTER), keep_states=True)
    one = {"x": np.ones(1, np.float32)}
    session.run(None, one)
    other = session.share()
    assert [session.run(None, one)[0][0], other.run(None, one)[0][0]] == [2, 1]
    session.reset()
    assert [session.run(None, one)[0][0], other.run(None, one)[0][0]] == [1, 2]
    io = other.io_binding()
    with np.testing.assert_raises(strata.UsageError):
        session.run_with_iobinding(io)


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

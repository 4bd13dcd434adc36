"""Runs on arrays that the caller owns."""

import threading
import tracemalloc

import numpy as np
import pytest
import strata
from models import ADD_ONE, RELU, TWO_INPUTS, model

# The places of what is not zero: their number depends on data.
PLACES = model("(float[N] x) => (int64[1, M] places, float[N] y) { places = NonZero(x)  y = Neg(x) }")


def array(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


def test_arrays_are_read_and_written_where_they_lie():
    session = strata.InferenceSession(TWO_INPUTS)
    a, b = array(3, 2), array(2, 4)
    product, doubled = array(3, 4), array(3, 2)
    io = session.io_binding()
    io.bind_input("a", a)
    io.bind_cpu_input("b", b)
    io.bind_output("product", product)
    io.bind_output("doubled", doubled)
    for k in range(5):
        a[:], b[:] = k, k + 1
        session.run_with_iobinding(io)
        assert (product == 2 * k * (k + 1)).all() and (doubled == 2 * k).all()
    first, second = io.get_outputs()
    assert first is product and second is doubled
    copies = io.copy_outputs_to_cpu()
    assert not np.shares_memory(copies[0], product) and (copies[0] == product).all()


def test_arrays_of_outputs_are_made_and_kept():
    session = strata.InferenceSession(ADD_ONE)
    io = session.io_binding()
    io.bind_output("y")
    io.bind_input("x", array(2, 3))
    with pytest.raises(strata.UsageError, match="before the first run"):
        io.get_outputs()
    session.run_with_iobinding(io)
    (first,) = io.get_outputs()
    assert first.shape == (2, 3) and (first == 1).all()
    session.run_with_iobinding(io)
    assert io.get_outputs()[0] is first
    io.bind_input("x", array(4, 3))
    session.run_with_iobinding(io)
    assert io.get_outputs()[0].shape == (4, 3) and first.shape == (2, 3)


def test_outputs_that_are_not_bound_are_computed_all_the_same():
    session = strata.InferenceSession(TWO_INPUTS)
    io = session.io_binding()
    io.bind_input("a", array(3, 2) + 1)
    io.bind_input("b", array(2, 4) + 1)
    io.bind_output("doubled")
    session.run_with_iobinding(io)
    (doubled,) = io.get_outputs()
    assert (doubled == 2).all()
    io.clear_binding_outputs()
    assert io.get_outputs() == []


def test_a_run_allocates_nothing():
    session = strata.InferenceSession(RELU)
    io = session.io_binding()
    io.bind_input("x", array(2, 3))
    io.bind_output("y", array(2, 3))
    session.run_with_iobinding(io)

    def runs(count):
        for _ in range(count):
            session.run_with_iobinding(io)

    runs(10)
    tracemalloc.start()
    try:
        runs(10)
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        runs(1000)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Python's own ints and frames; an array alone has more than a hundred bytes.
    assert after - before < 1000 and peak - before < 2000


@pytest.mark.parametrize(
    ("bind", "part"),
    [
        (lambda io: io.bind_input("z", array(2, 3)), "no input is named 'z'; the inputs are: x"),
        (lambda io: io.bind_output("z"), "no output is named 'z'; the outputs are: y"),
        (lambda io: io.bind_input(3, array(2, 3)), "name: 3 given, expected a str"),
        (lambda io: io.bind_input("x", [[1, 2]]), "input x: a list given"),
        (lambda io: io.bind_input("x", array(2, 3, dtype=np.float64)), "input x: an array of float64"),
        (lambda io: io.bind_input("x", array(3, 2).T), "row-major"),
        (lambda io: io.bind_output("y", array(3, 2).T), "row-major"),
        (lambda io: io.bind_output("y", array(2, 3, dtype=np.int32)), "output y: an array of int32"),
        (lambda io: io.bind_output("y", "cpu"), "output y: a str given"),
        (lambda io: io.bind_output("y", np.broadcast_to(np.float32(1), (1, 1))), "read-only"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused(bind, part):
    io = strata.InferenceSession(RELU).io_binding()
    with pytest.raises(strata.UsageError) as caught:
        bind(io)
    assert part in str(caught.value)


def test_a_run_says_what_does_not_fit():
    session = strata.InferenceSession(RELU)

    def refused(part, **arrays):
        io = session.io_binding()
        if "x" in arrays:
            io.bind_input("x", arrays["x"])
        if "y" in arrays:
            io.bind_output("y", arrays["y"])
        with pytest.raises(strata.UsageError) as caught:
            session.run_with_iobinding(io)
        assert part in str(caught.value), caught.value

    refused("input x is not bound", y=array(2, 3))
    refused("[2,4]", x=array(2, 4))
    refused("output y: an array of shape [3,2] is bound, expected [2,3]", x=array(2, 3), y=array(3, 2))
    both = array(2, 3)
    refused("output y: its array shares memory with that of input x", x=both, y=both)
    wide = array(3, 3)
    refused("shares memory", x=wide[:2], y=wide[1:])
    with pytest.raises(strata.UsageError, match="iobinding: 3 given"):
        session.run_with_iobinding(3)
    other = strata.InferenceSession(RELU).io_binding()
    with pytest.raises(strata.UsageError, match="another session"):
        session.run_with_iobinding(other)


def test_sizes_that_depend_on_data():
    session = strata.InferenceSession(PLACES)
    io = session.io_binding()
    x, y = np.array([0, 2, 0, 4], np.float32), array(4)
    io.bind_input("x", x)
    io.bind_output("places")
    io.bind_output("y", y)
    session.run_with_iobinding(io)
    assert io.get_outputs()[0].tolist() == [[1, 3]] and y.tolist() == [0, -2, 0, -4]
    x[0] = 1
    session.run_with_iobinding(io)
    assert io.get_outputs()[0].tolist() == [[0, 1, 3]]
    io.bind_output("places", array(1, 2, dtype=np.int64))
    with pytest.raises(strata.UsageError, match=r"shape \[1,2\] is bound, expected \[1,3\]"):
        session.run_with_iobinding(io)


def test_bindings_outlive_their_session_and_stand_between_other_runs():
    session = strata.InferenceSession(ADD_ONE)
    io = session.io_binding()
    io.bind_input("x", array(2, 3))
    io.bind_output("y")
    for n in range(20):  # more sizes than plans are kept
        session.run(None, {"x": array(n, 3)})
        session.run_with_iobinding(io)
        assert (io.get_outputs()[0] == 1).all()
    del session
    io.bind_output("y", array(2, 3))


def test_threads_bind_while_others_run():
    session = strata.InferenceSession(ADD_ONE)
    io = session.io_binding()
    io.bind_input("x", array(2, 3))
    io.bind_output("y")
    errors = []

    def run():
        try:
            for n in range(300):
                io.bind_input("x", array(n % 5, 3))
                session.run_with_iobinding(io)
        except BaseException as error:  # reported by the thread that can fail the test
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors

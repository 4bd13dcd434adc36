"""Errors say what was given and what is accepted, and leave the session fit to be used."""

import pickle

import numpy as np
import pytest
import strata
from models import ADD_ONE, RELU, TWO_INPUTS, model

GOOD = np.zeros((2, 3), np.float32)


def refused(session, feeds, names=None):
    with pytest.raises(strata.Error) as caught:
        session.run(names, feeds)
    assert caught.value.code == "usage"
    return str(caught.value)


WRONG_FEEDS = [
    ("unknown name", {"z": GOOD}, ["'z'", "x"]),
    ("one too many", {"x": GOOD, "z": GOOD}, ["'z'", "x"]),
    ("name of bytes", {b"x": GOOD}, ["b'x'", "x"]),
    ("missing", {}, ["input x is missing", "float32 [2,3]"]),
    ("double", {"x": GOOD.astype(np.float64)}, ["input x", "float64", "float32 [2,3]"]),
    ("other byte order", {"x": GOOD.astype(">f4")}, ["input x", ">f4", "float32 [2,3]"]),
    ("objects", {"x": GOOD.astype(object)}, ["input x", "object", "float32 [2,3]"]),
    ("list", {"x": GOOD.tolist()}, ["input x", "list", "numpy array of float32 [2,3]"]),
    ("number", {"x": 3.0}, ["input x", "float given", "numpy array of float32 [2,3]"]),
    ("None", {"x": None}, ["input x", "NoneType", "numpy array of float32 [2,3]"]),
    ("rank", {"x": GOOD[0]}, ["input x", "[3]", "[2,3]"]),
    ("most axes", {"x": GOOD.reshape((1,) * 20 + (2, 3))}, ["input x", "22 axes", "[2,3]"]),
    ("size", {"x": GOOD[:, :2]}, ["input x", "[2,2]", "[2,3]", "axis 1"]),
    ("no dict", [GOOD], ["list", "dict", "x"]),
]


@pytest.mark.parametrize(("what", "feeds", "parts"), WRONG_FEEDS, ids=[w[0] for w in WRONG_FEEDS])
def test_wrong_inputs_are_named(what, feeds, parts):
    session = strata.InferenceSession(RELU)
    text = refused(session, feeds)
    for part in parts:
        assert part in text, text
    assert session.run(None, {"x": GOOD})[0].tolist() == GOOD.tolist()


def test_wrong_outputs_are_named():
    session = strata.InferenceSession(TWO_INPUTS)
    feeds = {"a": np.ones((1, 2), np.float32), "b": np.ones((2, 1), np.float32)}
    assert "'sum'; the outputs are: product, doubled" in refused(session, feeds, ["sum"])
    assert "expected a list of names" in refused(session, feeds, "product")
    assert "expected a list of names" in refused(session, feeds, 3)
    assert "no output is named 0" in refused(session, feeds, [0])


def test_sizes_of_one_name_agree():
    session = strata.InferenceSession(
        model("(float[N] a, float[N] b) => (float[N] y) { y = Add(a, b) }")
    )
    text = refused(session, {"a": np.ones(2, np.float32), "b": np.ones(3, np.float32)})
    assert "input b" in text and "[3]" in text and "2" in text


def test_errors_while_running_name_the_node():
    session = strata.InferenceSession(
        model("""(float[2] x, int64[1] i) => (float[1] y) { [take] y = Gather(x, i) }""")
    )
    x = np.array([1, 2], np.float32)
    with pytest.raises(strata.Error, match="take") as caught:
        session.run(None, {"x": x, "i": np.array([7])})
    assert caught.value.code == "model"
    assert session.run(None, {"x": x, "i": np.array([1])})[0].tolist() == [2]


@pytest.mark.parametrize(
    ("content", "code", "part"),
    [
        (b"", "model", "empty"),
        (b"\x00" * 100, "model", "reading model"),
        (b"PK\x03\x04" + b"\x00" * 100, "unsupported", "zip archive"),
        (RELU[:-10], "model", "reading model"),
        (RELU.replace(b"Relu", b"Rela"), "unsupported", "Rela"),
        (RELU.replace(b"Relu", b"R\xff\xfeu"), "model", "UTF-8"),
    ],
)
def test_bad_models_are_refused(content, code, part):
    with pytest.raises(strata.Error) as caught:
        strata.InferenceSession(content)
    assert caught.value.code == code
    assert part in str(caught.value)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(strata.Error, match="nothing here.onnx") as caught:
        strata.InferenceSession(tmp_path / "nothing here.onnx")
    assert caught.value.code == "io"


@pytest.mark.parametrize("wrong", [3, None, bytearray(RELU)])
def test_only_paths_and_bytes_are_models(wrong):
    with pytest.raises(strata.UsageError, match=f"path_or_bytes: a {type(wrong).__name__} given"):
        strata.InferenceSession(wrong)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"threads": -1}, "threads: -1"),
        ({"threads": 1000}, "threads: 1000"),
        ({"passes_off": ["fusion"]}, "fusion"),
        ({"kernels": {"nosuch": "conv"}}, "nosuch"),
    ],
)
def test_options_are_checked(options, part):
    with pytest.raises(strata.Error, match=part) as caught:
        strata.InferenceSession(RELU, **options)
    assert caught.value.code == "usage"


def test_a_budget_that_does_not_hold_fails_before_the_run():
    text = "(float[N] x) => (float[N] y) { a = Exp(x)  b = Sin(x)  c = Mul(a, b)  y = Add(c, a) }"
    session = strata.InferenceSession(model(text), memory_budget=65536)
    session.run(None, {"x": np.ones(100, np.float32)})
    for _ in range(2):
        text = refused(session, {"x": np.ones(1 << 20, np.float32)})
        assert "65536" in text or "64" in text
    session.run(None, {"x": np.ones(100, np.float32)})


def test_sizes_beyond_memory_are_refused_every_time():
    # Billions of values from an input of one: nothing that any machine could hold.
    session = strata.InferenceSession(
        model("""(float[N] x) => (float y) <int64[2] s = {2000000000, 1000000000}>
            { e = Expand(x, s)  n = Neg(e)  y = ReduceSum<keepdims = 0>(n) }"""),
        optimize=False,
    )
    for _ in range(3):
        with pytest.raises((strata.Error, MemoryError)):
            session.run(None, {"x": np.ones(1, np.float32)})


def test_errors_travel_between_processes():
    with pytest.raises(strata.Error) as caught:
        strata.InferenceSession(b"")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(copy, strata.Error) and isinstance(copy, RuntimeError)
    assert str(copy) == str(caught.value) and copy.code == "model"
    assert type(copy) is strata.ModelError


def test_each_kind_of_error_is_a_class():
    kinds = {kind.code: kind for kind in strata.Error.__subclasses__()}
    assert set(kinds) == {"usage", "model", "unsupported", "io", "internal"}
    assert all(issubclass(kind, RuntimeError) for kind in kinds.values())
    assert issubclass(strata.UsageError, ValueError)


def test_models_without_inputs_take_an_empty_dict():
    session = strata.InferenceSession(
        model("() => (float[2] y) <float[2] c = {1, -2}> { y = Abs(c) }")
    )
    assert session.run(None, {})[0].tolist() == [1, 2]
    assert "no input is named 'x'" in refused(session, {"x": GOOD})


def test_add_one_accepts_only_its_columns():
    session = strata.InferenceSession(ADD_ONE)
    assert "[N,3]" in refused(session, {"x": np.zeros((2, 4), np.float32)})

"""What a session says of its model, and runs of it on arrays of every kind."""

import os
import pathlib

import ml_dtypes
import numpy as np
import pytest
import strata
from models import ADD_ONE, RELU, TWO_INPUTS, model

# ONNX's name, what the parser calls it, numpy's type.
ELEMENT_TYPES = [
    ("tensor(double)", "double", np.float64),
    ("tensor(float)", "float", np.float32),
    ("tensor(float16)", "float16", np.float16),
    ("tensor(bfloat16)", "bfloat16", ml_dtypes.bfloat16),
    ("tensor(int64)", "int64", np.int64),
    ("tensor(int32)", "int32", np.int32),
    ("tensor(int16)", "int16", np.int16),
    ("tensor(int8)", "int8", np.int8),
    ("tensor(uint64)", "uint64", np.uint64),
    ("tensor(uint32)", "uint32", np.uint32),
    ("tensor(uint16)", "uint16", np.uint16),
    ("tensor(uint8)", "uint8", np.uint8),
    ("tensor(bool)", "bool", np.bool_),
]


def test_inputs_and_outputs_are_described():
    session = strata.InferenceSession(TWO_INPUTS)
    described = [(arg.name, arg.shape, arg.type) for arg in session.get_inputs()]
    assert described == [("a", ["N", 2], "tensor(float)"), ("b", [2, "M"], "tensor(float)")]
    described = [(arg.name, arg.shape, arg.type) for arg in session.get_outputs()]
    assert described == [
        ("product", ["N", "M"], "tensor(float)"),
        ("doubled", ["N", 2], "tensor(float)"),
    ]


def test_extents_without_a_name_get_one():
    session = strata.InferenceSession(model("(float[?, 2] x) => (float[?, 2] y) { y = Relu(x) }"))
    extent, two = session.get_inputs()[0].shape
    assert isinstance(extent, str) and extent
    assert two == 2


def test_constants_among_the_inputs_are_no_inputs():
    session = strata.InferenceSession(
        model("(float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }")
    )
    assert [arg.name for arg in session.get_inputs()] == ["x"]


@pytest.mark.parametrize("as_path", [str, pathlib.Path, os.fsencode])
def test_a_model_comes_from_a_path(tmp_path, as_path):
    file = tmp_path / "añadir uno.onnx"
    file.write_bytes(ADD_ONE)
    # Bytes are a model's content, so a path as bytes is no path.
    if as_path is os.fsencode:
        with pytest.raises(strata.Error):
            strata.InferenceSession(as_path(file))
    else:
        (y,) = strata.InferenceSession(as_path(file)).run(None, {"x": np.zeros((1, 3), np.float32)})
        assert y.tolist() == [[1, 1, 1]]


def test_the_file_may_be_deleted_and_the_bytes_forgotten(tmp_path):
    file = tmp_path / "m.onnx"
    file.write_bytes(ADD_ONE)
    session = strata.InferenceSession(file)
    file.unlink()
    assert session.run(None, {"x": np.zeros((1, 3), np.float32)})[0].tolist() == [[1, 1, 1]]


def test_outputs_come_in_the_order_asked_for():
    session = strata.InferenceSession(TWO_INPUTS)
    a = np.array([[1, 2]], np.float32)
    b = np.array([[3], [4]], np.float32)
    feeds = {"a": a, "b": b}
    for names in (None, []):
        product, doubled = session.run(names, feeds)
        assert product.tolist() == [[11]] and doubled.tolist() == [[2, 4]]
    doubled, product = session.run(["doubled", "product"], feeds)
    assert product.tolist() == [[11]] and doubled.tolist() == [[2, 4]]
    (doubled,) = session.run(("doubled",), feeds)
    assert doubled.tolist() == [[2, 4]]
    product, _ = session.run(output_names=None, input_feed=feeds)
    assert product.tolist() == [[11]]


def test_feeds_may_be_any_mapping():
    import types

    session = strata.InferenceSession(RELU)
    feeds = types.MappingProxyType({"x": np.ones((2, 3), np.float32)})
    assert session.run(None, feeds)[0].sum() == 6


def test_every_batch_size_runs():
    session = strata.InferenceSession(ADD_ONE)
    # More sizes than the session keeps ready, each more than once, one of them empty.
    for n in [*range(20), *range(20), 0, 1, 0]:
        x = np.arange(3 * n, dtype=np.float32).reshape(n, 3)
        (y,) = session.run(None, {"x": x})
        assert y.shape == (n, 3) and y.dtype == np.float32
        np.testing.assert_array_equal(y, x + 1)


@pytest.mark.parametrize(("onnx_name", "written", "dtype"), ELEMENT_TYPES)
def test_element_types_go_in_and_out(onnx_name, written, dtype):
    session = strata.InferenceSession(
        model(f"({written}[4] x) => ({written}[2, 2] y) <int64[2] s = {{2, 2}}> {{ y = Reshape(x, s) }}")
    )
    assert session.get_inputs()[0].type == onnx_name
    x = np.array([0, 1, 1, 0]).astype(dtype)
    (y,) = session.run(None, {"x": x})
    assert y.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(y, x.reshape(2, 2))


def test_scalars_are_arrays_without_axes():
    session = strata.InferenceSession(model("(float x) => (float y) { y = Neg(x) }"))
    assert session.get_inputs()[0].shape == []
    (y,) = session.run(None, {"x": np.array(3, np.float32)})
    assert isinstance(y, np.ndarray) and y.shape == () and y == -3


def layouts_of(x):
    """The same array, lying in memory in different ways."""
    wide = np.repeat(np.repeat(x, 2, 0), 3, 1)
    skewed = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    skewed[...] = x
    read_only = x.copy()
    read_only.setflags(write=False)
    return {
        "rows": x,
        "columns": np.asfortranarray(x),
        "strided": wide[::2, ::3],
        "reversed": x[::-1, ::-1].copy()[::-1, ::-1],
        "misaligned": skewed,
        "read only": read_only,
        "another name of the type": x.view(np.dtype("=f4")),
        "subclass": x.view(type("Sub", (np.ndarray,), {})),
    }


@pytest.mark.parametrize("layout", layouts_of(np.ones((2, 3), np.float32)))
def test_arrays_may_lie_in_memory_in_any_way(layout):
    x = np.array([[-1, 2, -3], [4, -5, 6]], np.float32)
    (y,) = strata.InferenceSession(RELU).run(None, {"x": layouts_of(x)[layout]})
    assert y.tolist() == [[0, 2, 0], [4, 0, 6]]
    assert type(y) is np.ndarray and y.flags.c_contiguous


def test_repeated_rows_are_spread_out():
    x = np.broadcast_to(np.array([[-1, 2, -3]], np.float32), (2, 3))
    (y,) = strata.InferenceSession(RELU).run(None, {"x": x})
    assert y.tolist() == [[0, 2, 0], [0, 2, 0]]


def test_runs_change_no_input_and_no_earlier_output():
    session = strata.InferenceSession(RELU)
    x = np.full((2, 3), -1, np.float32)
    (first,) = session.run(None, {"x": x})
    (second,) = session.run(None, {"x": -2 * x})
    assert (x == -1).all() and (first == 0).all() and (second == 2).all()
    assert not np.shares_memory(first, second) and first.flags.owndata and first.flags.writeable


def test_an_input_that_is_also_an_output_is_copied():
    session = strata.InferenceSession(model("(float[2] x) => (float[2] y) { y = Identity(x) }"))
    x = np.array([1, 2], np.float32)
    (y,) = session.run(None, {"x": x})
    assert not np.shares_memory(x, y) and y.tolist() == [1, 2]


def test_options_change_the_plan_and_not_the_result():
    text = """(float[1, 1, 4, 4] x) => (float[1, 2, 3, 3] y) <float[2, 1, 2, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}>
        { c = Conv(x, w)  y = Relu(c) }"""
    feeds = {"x": np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4) - 8}
    (plain,) = strata.InferenceSession(model(text), optimize=False).run(None, feeds)
    for options in ({}, {"threads": 2}, {"threads": 0}, {"passes_off": ["fuse"]}, {"check_passes": True}):
        (y,) = strata.InferenceSession(model(text), **options).run(None, feeds)
        np.testing.assert_allclose(y, plain, rtol=1e-6)

"""Types of at most 8 bits: every code beside ml_dtypes, in arrays, files and casts."""

import ml_dtypes
import numpy as np
import onnx
import pytest
import strata
from onnx import TensorProto, helper

# ONNX's type, numpy's, bits.
FLOATS = [
    (TensorProto.FLOAT8E4M3FN, ml_dtypes.float8_e4m3fn, 8),
    (TensorProto.FLOAT8E4M3FNUZ, ml_dtypes.float8_e4m3fnuz, 8),
    (TensorProto.FLOAT8E5M2, ml_dtypes.float8_e5m2, 8),
    (TensorProto.FLOAT8E5M2FNUZ, ml_dtypes.float8_e5m2fnuz, 8),
    (TensorProto.FLOAT8E8M0, ml_dtypes.float8_e8m0fnu, 8),
    (TensorProto.FLOAT4E2M1, ml_dtypes.float4_e2m1fn, 4),
]
INTEGERS = [
    (TensorProto.INT4, ml_dtypes.int4, 4),
    (TensorProto.UINT4, ml_dtypes.uint4, 4),
    (TensorProto.INT2, ml_dtypes.int2, 2),
    (TensorProto.UINT2, ml_dtypes.uint2, 2),
]


def cast(source: int, target: int, **attributes) -> strata.InferenceSession:
    graph = helper.make_graph(
        [helper.make_node("Cast", ["x"], ["y"], to=target, **attributes)],
        "cast",
        [helper.make_tensor_value_info("x", source, ["N"])],
        [helper.make_tensor_value_info("y", target, ["N"])],
    )
    opset = helper.make_opsetid("", 25)
    return strata.InferenceSession(
        helper.make_model(graph, opset_imports=[opset], ir_version=12).SerializeToString()
    )


def every_code(dtype, bits: int) -> np.ndarray:
    return np.arange(1 << bits, dtype=np.uint8).view(dtype)


@pytest.mark.parametrize(("onnx_type", "dtype", "bits"), FLOATS + INTEGERS)
def test_every_code_is_the_number_that_ml_dtypes_says(onnx_type, dtype, bits):
    x = every_code(dtype, bits)
    (y,) = cast(onnx_type, TensorProto.FLOAT).run(None, {"x": x})
    np.testing.assert_array_equal(y, x.astype(np.float32))


@pytest.mark.parametrize(("onnx_type", "dtype", "bits"), FLOATS)
def test_numbers_round_as_in_ml_dtypes(onnx_type, dtype, bits):
    random = np.random.default_rng(5)
    x = np.abs(random.standard_normal(2000) * 10.0 ** random.integers(-6, 6, 2000))
    if onnx_type != TensorProto.FLOAT8E8M0:
        codes = every_code(dtype, bits).astype(np.float32)
        codes = np.sort(codes[np.isfinite(codes)])
        x = np.concatenate([x, -x, (codes[1:] + codes[:-1]) / 2])
    x = x.astype(np.float32)
    attributes = {"saturate": 0} if bits == 8 else {}
    if onnx_type == TensorProto.FLOAT8E8M0:
        attributes["round_mode"] = "nearest"
    (y,) = cast(TensorProto.FLOAT, onnx_type, **attributes).run(None, {"x": x})
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.astype(np.float32), x.astype(dtype).astype(np.float32))


@pytest.mark.parametrize(("onnx_type", "dtype", "bits"), FLOATS + INTEGERS)
@pytest.mark.parametrize("raw", [True, False])
def test_initializers_are_unpacked(onnx_type, dtype, bits, raw):
    values = every_code(dtype, bits)[:3]  # an odd number of them
    tensor = onnx.numpy_helper.from_array(values, "w")
    if not raw:
        packed = list(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.int32_data.extend(packed)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["y"])],
        "constant",
        [],
        [helper.make_tensor_value_info("y", onnx_type, [3])],
        [tensor],
    )
    opset = helper.make_opsetid("", 25)
    session = strata.InferenceSession(
        helper.make_model(graph, opset_imports=[opset], ir_version=12).SerializeToString()
    )
    (y,) = session.run(None, {})
    assert y.dtype == dtype
    assert y.tobytes() == values.tobytes()


def test_types_are_spelled_as_in_onnx_runtime():
    session = cast(TensorProto.INT4, TensorProto.FLOAT8E4M3FN)
    assert session.get_inputs()[0].type == "tensor(int4)"
    assert session.get_outputs()[0].type == "tensor(float8e4m3fn)"
    with pytest.raises(strata.Error, match="int4"):
        session.run(None, {"x": np.zeros(3, np.int8)})

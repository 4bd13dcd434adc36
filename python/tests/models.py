"""Tiny models in ONNX's textual syntax: `(inputs) => (outputs) <initializers> { nodes }`."""

import onnx


def model(body: str, opset: int = 17) -> bytes:
    header = f'<ir_version: 8, opset_import: ["": {opset}]> g '
    return onnx.parser.parse_model(header + body).SerializeToString()


ADD_ONE = model(
    """(float[N, 3] x) => (float[N, 3] y) <float[1] one = {1}> { y = Add(x, one) }"""
)
RELU = model("(float[2, 3] x) => (float[2, 3] y) { y = Relu(x) }")
TWO_INPUTS = model(
    """(float[N, 2] a, float[2, M] b) => (float[N, M] product, float[N, 2] doubled)
    { product = MatMul(a, b)  doubled = Add(a, a) }"""
)

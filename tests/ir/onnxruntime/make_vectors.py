#!/usr/bin/env python3
"""Writes what ONNX Runtime computes with single quantized operators of com.microsoft, for
peer_vectors_test.cpp, in the form of ../litert/make_vectors.py.

usage: make_vectors.py FOLDER [--seed N] [--scale N]

Needs the Python packages numpy, onnx and onnxruntime, and what ../litert/make_vectors.py needs.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "litert"))
from litert import Quantized  # noqa: E402
from make_vectors import I8, U8, Draw, tensor  # noqa: E402


def run(op, operands, attributes):
    names = [f"operand{i}" for i in range(len(operands))]
    constants = [numpy_helper.from_array(np.asarray(v), n) for v, n in zip(operands, names)]
    node = helper.make_node(op, names, ["y"], domain="com.microsoft", **attributes)
    graph = helper.make_graph([node], "one", [], [onnx.ValueInfoProto(name="y")], constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 8
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    return session.run(None, {})[0]


def case(op, operands, y, attributes=None):
    return json.dumps({"op": "strata." + op, "attributes": attributes or {},
                       "inputs": [tensor(v) for v in operands], "expected": {"onnx": [tensor(y)]}},
                      separators=(",", ":"))


def same(op, operands, attributes=None):
    return case(op, operands, run(op, operands, attributes or {}), attributes)


def cases(draw, dtype):
    def grid():
        return Quantized(np.zeros(1, dtype), draw.scale(0.003, 0.1), draw.zero(dtype)).strata()[1:]

    all_codes = Quantized(np.arange(256).astype(U8).view(dtype).reshape(4, 64), draw.scale(0.01, 0.1),
                          draw.zero(dtype)).strata()
    yield same("QLinearSigmoid", all_codes + grid())
    yield same("QLinearLeakyRelu", all_codes + grid(), {"alpha": 0.3})
    a, b = draw.quantized((2, 8), dtype).strata(), draw.quantized((2, 16), dtype).strata()
    yield same("QLinearConcat", grid() + a + b, {"axis": 1})
    yield same("QLinearAveragePool", draw.quantized((1, 3, 6, 6), dtype).strata() + grid(),
               {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]})
    x = draw.quantized((1, 5, 4, 4), dtype).strata() + grid()
    yield case("QLinearReduceMean", x, run("QLinearGlobalAveragePool", x, {"channels_last": 0}),
               {"axes": [2, 3]})
    shares = Quantized(np.zeros(1, dtype), 1 / 256, -128 if dtype == I8 else 0).strata()[1:]
    x = draw.quantized((3, 10), dtype, low=0.01, high=0.4).strata() + shares
    yield case("QLinearSoftmax", x, run("QLinearSoftmax", x, {"axis": -1, "opset": 13}), {"axis": -1})
    x, y = draw.quantized((3, 16), dtype).strata(), grid()
    w = [draw.codes((5, 16), dtype), np.array([draw.scale(0.001, 0.05) for _ in range(5)]),
         np.full(5, draw.zero(dtype), dtype)]
    bias = draw.rng.integers(-4000, 4000, 5).astype(np.int32)
    yield case("QLinearGemm", x + w + y + [bias], run("QGemm", x + w + [bias] + y, {"transB": 1}))
    a, b = draw.quantized((6, 8), dtype).strata(), draw.quantized((1, 8), dtype).strata()
    for op in ("QLinearAdd", "QLinearMul"):
        yield same(op, a + b + grid())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=int, default=1)
    arguments = parser.parse_args()
    draw = Draw(arguments.seed)
    lines = [line for _ in range(3 * arguments.scale) for dtype in (I8, U8) for line in cases(draw, dtype)]
    (arguments.folder / "microsoft.json").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

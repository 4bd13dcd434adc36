#!/usr/bin/env python3
"""How far ONNX Runtime is from itself on quantized networks when float ops round differently.
usage: one_ulp.py MODEL...
For each model, on five seeded inputs, the largest difference relative to the largest output:
(1) results of LayerNormalization, Erf, Softmax and ConvTranspose times 1 + 2^-23,
(2) input channels of every ConvTranspose summed in another order,
(3) its default optimisation against none. Needs onnx, onnxruntime and numpy."""
import os
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

LEVEL = ort.GraphOptimizationLevel


def session(model, level=LEVEL.ORT_DISABLE_ALL):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = level
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def copy(model):
    result = onnx.ModelProto()
    result.CopyFrom(model)
    nodes = list(result.graph.node)
    del result.graph.node[:]
    return result, nodes


def moved_by_one_ulp(model):
    result, nodes = copy(model)
    factor = np.array(np.nextafter(np.float32(1), np.float32(2)))
    result.graph.initializer.append(numpy_helper.from_array(factor, "one_ulp"))
    for node in nodes:
        result.graph.node.append(node)
        if node.op_type in ("LayerNormalization", "Erf", "Softmax", "ConvTranspose"):
            exact = node.output[0] + "_exact"
            name, result.graph.node[-1].output[0] = node.output[0], exact
            result.graph.node.append(helper.make_node("Mul", [exact, "one_ulp"], [name]))
    return result


def other_channel_order(model, seed):
    result, nodes = copy(model)
    random = np.random.default_rng(seed)
    channels = {i.name: i.dims[0] for i in model.graph.initializer if i.dims}
    producer = {o: n for n in nodes for o in n.output}
    for node in nodes:
        if node.op_type == "ConvTranspose":
            weight = node.input[1]
            stored = producer[weight].input[0] if weight in producer else weight
            order = random.permutation(channels[stored]).astype(np.int64)
            result.graph.initializer.append(numpy_helper.from_array(order, node.output[0] + "_order"))
            for i, axis in ((0, 1), (1, 0)):
                name = f"{node.output[0]}_{i}"
                gather = helper.make_node("Gather", [node.input[i], node.output[0] + "_order"], [name], axis=axis)
                result.graph.node.append(gather)
                node.input[i] = name
        result.graph.node.append(node)
    return result


def inputs_of(s, seed):
    random = np.random.default_rng(1000 + seed)
    feeds = {}
    for i in s.get_inputs():
        shape = [d if isinstance(d, int) and d > 0 else 1 for d in i.shape]
        integer = "int" in i.type
        feeds[i.name] = random.integers(0, 100, shape) if integer else random.standard_normal(shape).astype(np.float32)
    return feeds


def distance(a, b):
    worst = 0.0
    for seed in range(5):
        feeds = inputs_of(a, seed)
        for x, y in zip(a.run(None, feeds), b.run(None, feeds)):
            worst = max(worst, float(np.abs(x.astype(float) - y).max() / max(np.abs(x).max(), 1e-30)))
    return worst


def main():
    print(f"ONNX Runtime {ort.__version__}: {'one ulp':>32} {'channel order':>14} {'optimised':>10}")
    for path in sys.argv[1:]:
        model = onnx.load(path)
        base = session(model)
        ulp = distance(base, session(moved_by_one_ulp(model)))
        order = distance(base, session(other_channel_order(model, 1)))
        optimised = distance(base, session(model, LEVEL.ORT_ENABLE_ALL))
        print(f"{os.path.basename(path):46} {ulp:8.1e} {order:14.1e} {optimised:10.1e}", flush=True)


if len(sys.argv) < 2:
    sys.exit(__doc__)
main()

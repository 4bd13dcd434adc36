#!/usr/bin/env python3
"""Writes networks of unusual size as ONNX files. Needs numpy and onnx."""

import argparse
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

WIDTH = 16


class Graph:
    def __init__(self, name):
        self.name = name
        self.nodes = []
        self.weights = []

    def node(self, op, name, inputs, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [f"{name}.out"], name=name, **attributes))
        return f"{name}.out"

    def constant(self, name, array):
        self.weights.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def save(self, path, last, width=WIDTH):
        shape = [1, width]
        self.node("Identity", "last", [last])
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("last.out", TensorProto.FLOAT, [1, "M"])],
            self.weights,
        )
        opset = [helper.make_opsetid("", 17)]
        save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def chain(g, nodes, _):
    x = "input"
    for i in range(nodes):
        x = g.node(("Relu", "Sigmoid", "Tanh", "Neg")[i % 4], f"n{i}", [x])
    return x


def diamonds(g, nodes, _):
    x = "input"
    for i in range(nodes // 3):
        x = g.node("Add", f"add{i}", [g.node("Relu", f"l{i}", [x]), g.node("Tanh", f"r{i}", [x])])
    return x


def products(g, nodes, random):
    x = "input"
    for i in range(nodes // 3):
        weight = g.constant(f"w{i}", random.standard_normal((WIDTH, WIDTH)) / WIDTH**0.5)
        bias = g.constant(f"b{i}", random.standard_normal(WIDTH))
        x = g.node("Add", f"add{i}", [g.node("MatMul", f"mm{i}", [x, weight]), bias])
        x = g.node("Relu", f"relu{i}", [x])
    return x


def star(g, nodes, _):
    """All nodes read the input, one node reads them all."""
    arms = []
    for i in range(nodes - 1):
        factor = g.constant(f"k{i}", np.array([i / nodes]))
        arms.append(g.node("Mul", f"n{i}", ["input", factor]))
    return g.node("Concat", "concat", arms, axis=1)


def constants(g, nodes, _):
    x = g.constant("k", np.ones(WIDTH))
    for i in range(nodes - 1):
        x = g.node("Neg", f"n{i}", [x])
    return g.node("Add", "add", ["input", x])


def duplicates(g, nodes, _):
    x = "input"
    for i in range(nodes // 2):
        x = g.node("Add", f"add{i}", [x, g.node("Relu", f"n{i}", ["input"])])
    return x


def transposes(g, nodes, _):
    x = "input"
    for i in range(nodes // 2):
        x = g.node("Relu", f"r{i}", [g.node("Transpose", f"t{i}", [x], perm=[1, 0])])
    return x


SHAPES = {
    build.__name__: build
    for build in (chain, diamonds, products, star, constants, duplicates, transposes)
}


def external(folder, gigabytes, width=8192):
    """Products with square weights, which lie in a file beside the model."""
    g = Graph("external")
    row = np.random.default_rng(1).standard_normal(width * 64) / width**0.5
    block = row.astype(np.float32).tobytes()
    x = "input"
    file = "external.onnx.data"
    with open(folder / file, "wb") as data:
        for i in range(max(1, round(gigabytes * 2**30 / (4 * width * width)))):
            tensor = TensorProto(name=f"w{i}", data_type=TensorProto.FLOAT, dims=[width, width])
            tensor.data_location = TensorProto.EXTERNAL
            fields = {"location": file, "offset": data.tell(), "length": 4 * width * width}
            for key, value in fields.items():
                tensor.external_data.add(key=key, value=str(value))
            for _ in range(width // 64):
                data.write(block)
            g.weights.append(tensor)
            x = g.node("Relu", f"relu{i}", [g.node("MatMul", f"mm{i}", [x, f"w{i}"])])
    g.save(folder / "external.onnx", x, width)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="where the .onnx files go")
    parser.add_argument("shapes", nargs="*", help=f"default: all of {', '.join(SHAPES)}")
    parser.add_argument("--nodes", type=int, default=100_000, help="default 100000")
    parser.add_argument(
        "--external", type=float, metavar="GIB", help="only external.onnx, with weights of this size"
    )
    options = parser.parse_args()
    unknown = sorted(set(options.shapes) - SHAPES.keys())
    if unknown:
        parser.error(f"no shape {', '.join(unknown)}; known: {', '.join(SHAPES)}")
    options.directory.mkdir(parents=True, exist_ok=True)
    if options.external:
        external(options.directory, options.external)
        return
    for name in options.shapes or SHAPES:
        g = Graph(name)
        last = SHAPES[name](g, options.nodes, np.random.default_rng(1))
        g.save(options.directory / f"{name}.onnx", last)
        print(f"{options.directory / name}.onnx: {len(g.nodes):,} nodes", flush=True)


if __name__ == "__main__":
    main()

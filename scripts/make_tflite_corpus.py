#!/usr/bin/env python3
"""Writes tests/corpus/tflite: tiny TensorFlow Lite files, one or a few operators each, as seeds for fuzzing.

Needs flatc; run it again after a change here and commit what it wrote.
"""

import json
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "strata" / "formats" / "tflite" / "tflite.fbs"
FOLDER = ROOT / "tests" / "corpus" / "tflite"
CODES = {"FLOAT32": "f", "FLOAT16": "e", "INT32": "i", "INT8": "b", "UINT8": "B", "INT64": "q"}


class Model:
    """Tables as flatc reads them from JSON."""

    def __init__(self):
        self.tensors, self.buffers, self.codes, self.operators = [], [{}], [], []

    def tensor(self, kind, shape, data=None, grid=None, variable=False):
        entry = {"name": f"t{len(self.tensors)}", "type": kind, "shape": shape, "buffer": 0}
        if data is not None:
            entry["buffer"] = len(self.buffers)
            content = struct.pack(f"<{len(data)}{CODES[kind]}", *data)
            self.buffers.append({"data": list(content)})
        if grid:
            scale, zero, axis = (*grid, 0)[:3]
            entry["quantization"] = {"scale": scale, "zero_point": zero, "quantized_dimension": axis}
        if variable:
            entry["is_variable"] = True
        self.tensors.append(entry)
        return len(self.tensors) - 1

    def op(self, code, inputs, outputs, kind=None, **options):
        self.codes.append({"builtin_code": code})
        entry = {"opcode_index": len(self.codes) - 1, "inputs": inputs, "outputs": outputs}
        if kind:
            entry |= {"builtin_options_type": kind, "builtin_options": options}
        self.operators.append(entry)

    def text(self, inputs, outputs):
        graph = {"tensors": self.tensors, "inputs": inputs, "outputs": outputs, "operators": self.operators,
                 "name": "main"}
        return json.dumps({"version": 3, "operator_codes": self.codes, "subgraphs": [graph],
                           "description": "seed", "buffers": self.buffers})


def convolution(kind, weights, bias, grids):
    m = Model()
    x = m.tensor(kind, [1, 4, 4, 2], grid=grids[0])
    w = m.tensor(weights, [2, 2, 2, 2], data=range(16), grid=grids[1])
    b = m.tensor(bias, [2], data=[1, 2])
    y = m.tensor(kind, [1, 4, 4, 2], grid=grids[2])
    z = m.tensor(kind, [1, 4, 4, 2], grid=grids[2])
    m.op("CONV_2D", [x, w, b], [y], "Conv2DOptions", padding="SAME", stride_w=1, stride_h=1,
         fused_activation_function="RELU6")
    d = m.tensor(weights, [1, 2, 2, 2], data=range(8), grid=grids[3])
    m.op("DEPTHWISE_CONV_2D", [y, d, b], [z], "DepthwiseConv2DOptions", padding="SAME", stride_w=1, stride_h=1,
         depth_multiplier=1)
    return m.text([x], [z])


def head(kind, weights, grids):
    m = Model()
    x = m.tensor(kind, [1, 2, 2, 2], grid=grids[0])
    p = m.tensor(kind, [1, 1, 1, 2], grid=grids[0])
    m.op("AVERAGE_POOL_2D", [x], [p], "Pool2DOptions", padding="VALID", stride_w=2, stride_h=2, filter_width=2,
         filter_height=2)
    f = m.tensor(kind, [1, 2], grid=grids[0])
    m.op("RESHAPE", [p, m.tensor("INT32", [2], data=[-1, 2])], [f], "ReshapeOptions", new_shape=[-1, 2])
    w = m.tensor(weights, [3, 2], data=range(6), grid=grids[1])
    y = m.tensor(kind, [1, 3], grid=grids[2])
    m.op("FULLY_CONNECTED", [f, w, -1], [y], "FullyConnectedOptions")
    s = m.tensor(kind, [1, 3], grid=grids[3])
    m.op("SOFTMAX", [y], [s], "SoftmaxOptions", beta=1.0)
    return m.text([x], [s])


def elementwise():
    m = Model()
    grid = ([0.5], [3])
    x = m.tensor("INT8", [1, 2, 3, 2], grid=grid)
    last = x
    for code, kind in (("ADD", "AddOptions"), ("MUL", "MulOptions"), ("SUB", "SubOptions")):
        y = m.tensor("INT8", [1, 2, 3, 2], grid=grid)
        m.op(code, [last, x], [y], kind)
        last = y
    for code in ("LOGISTIC", "TANH", "HARD_SWISH"):
        y = m.tensor("INT8", [1, 2, 3, 2], grid=([1 / 128], [0]))
        m.op(code, [last], [y])
    j = m.tensor("INT8", [1, 2, 3, 4], grid=grid)
    m.op("CONCATENATION", [last, x], [j], "ConcatenationOptions", axis=3)
    e = m.tensor("INT8", [1, 4], grid=([0.25], [0]))
    m.op("MEAN", [j, m.tensor("INT32", [2], data=[1, 2])], [e], "ReducerOptions")
    r = m.tensor("INT8", [1, 4, 6, 4], grid=grid)
    m.op("RESIZE_BILINEAR", [j, m.tensor("INT32", [2], data=[4, 6])], [r], "ResizeBilinearOptions",
         half_pixel_centers=True)
    f = m.tensor("FLOAT32", [1, 4])
    m.op("DEQUANTIZE", [e], [f])
    return m.text([x], [f, r, y])


def movement():
    m = Model()
    x = m.tensor("FLOAT32", [1, 4, 4, 2])
    p = m.tensor("FLOAT32", [1, 6, 4, 2])
    m.op("PAD", [x, m.tensor("INT32", [4, 2], data=[0, 0, 1, 1, 0, 0, 0, 0])], [p])
    s = m.tensor("FLOAT32", [4, 2])
    m.op("STRIDED_SLICE", [p, *(m.tensor("INT32", [3], data=d) for d in ([0, 1, 0], [1, 2, 4], [1, 1, 1]))], [s],
         "StridedSliceOptions", shrink_axis_mask=3)
    t = m.tensor("FLOAT32", [2, 4])
    m.op("TRANSPOSE", [s, m.tensor("INT32", [2], data=[1, 0])], [t])
    a, b = m.tensor("FLOAT32", [4]), m.tensor("FLOAT32", [4])
    m.op("UNPACK", [t], [a, b], "UnpackOptions", num=2, axis=0)
    k = m.tensor("FLOAT32", [2, 4])
    m.op("PACK", [a, b], [k], "PackOptions", values_count=2, axis=0)
    g = m.tensor("FLOAT32", [2, 4])
    m.op("GATHER", [k, m.tensor("INT32", [2], data=[1, 0])], [g], "GatherOptions", axis=0)
    i = m.tensor("INT32", [2])
    m.op("ARG_MAX", [g, m.tensor("INT32", [], data=[1])], [i], "ArgMaxOptions", output_type="INT32")
    return m.text([x], [g, i])


def sequence():
    m = Model()
    x = m.tensor("FLOAT32", [1, 3, 2])
    weights = [m.tensor("FLOAT32", [2, 2], data=[0.5, -0.5, 0.25, 1]) for _ in range(8)]
    biases = [m.tensor("FLOAT32", [2], data=[0, 1]) for _ in range(4)]
    states = [m.tensor("FLOAT32", [1, 2], variable=True) for _ in range(2)]
    y = m.tensor("FLOAT32", [1, 3, 2])
    m.op("UNIDIRECTIONAL_SEQUENCE_LSTM", [x, *weights, -1, -1, -1, *biases, -1, -1, *states], [y],
         "UnidirectionalSequenceLSTMOptions", fused_activation_function="TANH")
    return m.text([x], [y])


def half():
    m = Model()
    x = m.tensor("FLOAT32", [1, 2])
    h = m.tensor("FLOAT16", [1, 2], data=[1, -2])
    w = m.tensor("FLOAT32", [1, 2])
    m.op("DEQUANTIZE", [h], [w])
    y = m.tensor("FLOAT32", [1, 1])
    m.op("FULLY_CONNECTED", [x, w, -1], [y], "FullyConnectedOptions")
    return m.text([x], [y])


def models():
    i8 = [([0.5], [0]), ([0.25, 0.5], [0, 0]), ([0.5], [-3]), ([0.25, 0.5], [0, 0], 3)]
    u8 = [([0.5], [128]), ([0.25], [120]), ([0.5], [100]), ([0.25], [120])]
    none = [None] * 4
    return {
        "conv_f32": convolution("FLOAT32", "FLOAT32", "FLOAT32", none),
        "conv_i8": convolution("INT8", "INT8", "INT32", i8),
        "conv_u8": convolution("UINT8", "UINT8", "INT32", u8),
        "head_f32": head("FLOAT32", "FLOAT32", none),
        "head_i8": head("INT8", "INT8", [([0.5], [0]), ([0.25], [0]), ([0.5], [-3]), ([1 / 256], [-128])]),
        "elementwise_i8": elementwise(),
        "movement": movement(),
        "lstm": sequence(),
        "half": half(),
    }


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        for name, text in models().items():
            source = Path(temporary) / f"{name}.json"
            source.write_text(text, encoding="utf-8")
            subprocess.run(["flatc", "-b", "-o", FOLDER, SCHEMA, source], check=True)
    for path in sorted(FOLDER.iterdir()):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()

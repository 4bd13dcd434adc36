#!/usr/bin/env python3
"""Writes what LiteRT computes with single quantized operators, for
peer_vectors_test.cpp.

usage: make_vectors.py FOLDER [--seed N] [--scale N] [--only NAME]

Needs the Python packages ai-edge-litert, flatbuffers and numpy. --scale makes N times as many cases.
Each line of FOLDER/NAME.json is one case: a Strata op, attributes, operands, and what each mode of
arithmetic gives; XNNPACK's where it takes the operator.
"""

import argparse
import json
import pathlib

import numpy as np
from flatbuffers import flexbuffers
from ai_edge_litert import schema_py_generated as schema
from litert import Operator, Quantized

B = schema.BuiltinOperator
O = schema.BuiltinOptions
MODES = ("tflite_reference", "tflite_optimized", "tflite_xnnpack")
NAMES = {"float32": "f32", "int8": "i8", "uint8": "u8", "int16": "i16", "int32": "i32", "int64": "i64"}
I8, U8, I16 = np.int8, np.uint8, np.int16


def tensor(value):
    value = np.asarray(value)
    data = value.reshape(-1).tolist()
    return {"type": NAMES[value.dtype.name], "shape": list(value.shape), "data": data}


def nchw(value):
    return np.moveaxis(value, -1, 1) if value.ndim == 4 else value


class Writer:
    def __init__(self, path):
        self.lines, self.path = [], path
        self.delegated = 0

    def case(self, op, operands, operator, attributes=None, forms=(lambda y: y), modes=MODES,
             clean=(lambda results: results)):
        expected = {}
        for mode in modes:
            results = [forms(np.asarray(y)) for y in clean(operator.run(mode))]
            expected[mode] = [tensor(y) for y in results]
        delegated = operator.delegated()
        self.delegated += delegated
        if not delegated and "tflite_xnnpack" in expected:
            del expected["tflite_xnnpack"]
        self.lines.append(json.dumps({
            "op": op,
            "attributes": attributes or {},
            "inputs": [None if x is None else tensor(x) for x in operands],
            "expected": expected,
        }, separators=(",", ":")))

    def save(self):
        self.path.write_text("\n".join(self.lines) + "\n")


class Draw:
    """Random operands with a weakness for ties, extremes and powers of two."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def scale(self, low=0.002, high=0.3):
        if self.rng.random() < 0.3:
            return np.float32(2.0 ** self.rng.integers(-8, -1))
        return np.float32(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def zero(self, dtype):
        if dtype == I16:
            return 0
        info = np.iinfo(dtype)
        return int(self.rng.choice([info.min, info.max, (info.min + info.max + 1) // 2,
                                    self.rng.integers(info.min, info.max + 1)]))

    def codes(self, shape, dtype, low=None, high=None):
        info = np.iinfo(dtype)
        codes = self.rng.integers(info.min if low is None else low,
                                  (info.max if high is None else high) + 1, shape)
        codes = codes.astype(dtype)
        flat = codes.reshape(-1)
        for extreme in (info.min if low is None else low, info.max if high is None else high):
            if flat.size > 8:
                flat[self.rng.integers(0, flat.size)] = extreme
        return codes

    def quantized(self, shape, dtype, **scales):
        return Quantized(self.codes(shape, dtype), self.scale(**scales), self.zero(dtype))

    def like(self, shape, dtype, scale):
        return Quantized(np.zeros(shape, dtype), scale, self.zero(dtype))

    def choice(self, *values):
        return values[self.rng.integers(0, len(values))]


def options(name, **fields):
    made = getattr(schema, name + "OptionsT")()
    for key, value in fields.items():
        setattr(made, key, value)
    return getattr(O, name + "Options"), made


def weights(draw, shape, axis, dtype, channels, per_channel):
    if dtype == U8:
        return Quantized(draw.codes(shape, U8), draw.scale(0.002, 0.05), draw.zero(U8))
    scale = [draw.scale(0.001, 0.05) for _ in range(channels)] if per_channel else draw.scale(0.001, 0.05)
    return Quantized(draw.codes(shape, I8, -127), scale, 0, axis)


def bias(draw, x, w, channels, wide=False):
    size = 1 << (24 if wide else 13)
    codes = draw.rng.integers(-size, size, channels).astype(np.int64 if wide else np.int32)
    return Quantized(codes, x.scale[0] * w.scale, 0)


def output_scale(draw, x, w, taps):
    """So that most sums fall within the range."""
    spread = float(x.scale[0]) * float(np.max(w.scale)) * 74 * 74 * np.sqrt(taps)
    if np.iinfo(x.codes.dtype).bits == 16:
        return np.float32(spread * 256 / 8192)
    exact = np.float32(spread / draw.rng.uniform(20, 80))
    return np.float32(2.0 ** np.round(np.log2(exact))) if draw.rng.random() < 0.3 else exact


def same_pads(size, kernel, stride, dilation):
    out = -(-size // stride)
    total = max(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return out, total // 2, total - total // 2


def conv(draw, writer, depthwise=False, dtype=I8, bias_type=None):
    channels = draw.choice(1, 3, 4, 8) if not depthwise else draw.choice(2, 4, 7)
    multiplier = draw.choice(1, 1, 2)
    filters = channels * multiplier if depthwise else draw.choice(1, 4, 5)
    kh, kw = draw.choice((1, 1), (3, 3), (2, 3))
    stride = int(draw.choice(1, 2))
    h, w = draw.rng.integers(3, 7, 2)
    x = draw.quantized((1, int(h), int(w), channels), dtype)
    wt = U8 if dtype == U8 else I8
    shape = (1, kh, kw, filters) if depthwise else (filters, kh, kw, channels)
    f = weights(draw, shape, 3 if depthwise else 0, wt, filters, dtype != U8 and draw.rng.random() < 0.7)
    if dtype == U8 and depthwise:
        f.axis = 0
    taps = kh * kw * (1 if depthwise else channels)
    b = None if bias_type is None else bias(draw, x, f, filters, bias_type == "i64")
    oh, top, bottom = same_pads(int(h), kh, stride, 1)
    ow, left, right = same_pads(int(w), kw, stride, 1)
    y = draw.like((1, oh, ow, filters), dtype, output_scale(draw, x, f, taps))
    name = "DepthwiseConv2D" if depthwise else "Conv2D"
    fields = dict(padding=schema.Padding.SAME, strideH=stride, strideW=stride, dilationHFactor=1,
                  dilationWFactor=1)
    if depthwise:
        fields["depthMultiplier"] = multiplier
    elif bias_type == "i32" and dtype == I16:
        fields["quantizedBiasType"] = schema.TensorType.INT32
    operator = Operator(B.DEPTHWISE_CONV_2D if depthwise else B.CONV_2D, *options(name, **fields))
    operator.input(x).constant(f)
    if b is not None:
        operator.constant(b)
    operator.output(y)
    oihw = np.transpose(f.codes, (3, 0, 1, 2)) if depthwise else np.transpose(f.codes, (0, 3, 1, 2))
    operands = [nchw(x.codes), *x.strata()[1:], oihw, *f.strata()[1:], *y.strata()[1:]]
    if b is not None:
        operands.append(b.codes)
    writer.case("QLinearConv", operands, operator,
                {"strides": [stride, stride], "pads": [top, left, bottom, right],
                 "group": channels if depthwise else 1}, nchw)


def transposed(draw, writer, dtype=I8):
    channels, filters = draw.choice(1, 3, 8), draw.choice(1, 4, 9)
    k, stride = draw.choice((3, 2), (2, 2), (3, 1))
    h, w = (int(v) for v in draw.rng.integers(2, 5, 2))
    x = draw.quantized((1, h, w, channels), dtype)
    f = weights(draw, (filters, k, k, channels), 0, U8 if dtype == U8 else I8, filters,
                dtype != U8 and draw.rng.random() < 0.7)
    oh, ow = (h - 1) * stride + k, (w - 1) * stride + k
    y = draw.like((1, oh, ow, filters), dtype, output_scale(draw, x, f, channels * k * k / stride**2))
    operator = Operator(B.TRANSPOSE_CONV, *options("TransposeConv", padding=schema.Padding.VALID,
                                                   strideH=stride, strideW=stride))
    operator.constant(np.array([1, oh, ow, filters], np.int32)).constant(f).input(x)
    operands = [nchw(x.codes), *x.strata()[1:], np.transpose(f.codes, (3, 0, 1, 2)),
                *f.strata()[1:], *y.strata()[1:]]
    if draw.rng.random() < 0.5:
        b = bias(draw, x, f, filters, dtype == I16)
        operator.constant(b)
        operands.append(b.codes)
    operator.output(y)
    writer.case("strata.QLinearConvTranspose", operands, operator, {"strides": [stride, stride]}, nchw)


def gemm(draw, writer, dtype=I8, bias_type=None):
    m, k, n = draw.choice(1, 3), draw.choice(5, 16, 33), draw.choice(1, 4, 9)
    x = draw.quantized((m, k), dtype)
    f = weights(draw, (n, k), 0, U8 if dtype == U8 else I8, n, dtype == I8 and draw.rng.random() < 0.4)
    y = draw.like((m, n), dtype, output_scale(draw, x, f, k))
    narrow = {"quantizedBiasType": schema.TensorType.INT32} if dtype == I16 and bias_type == "i32" else {}
    operator = Operator(B.FULLY_CONNECTED, *options("FullyConnected", keepNumDims=False, **narrow))
    operator.input(x).constant(f)
    operands = [*x.strata(), *f.strata(), *y.strata()[1:]]
    if bias_type:
        b = bias(draw, x, f, n, bias_type == "i64")
        operator.constant(b)
        operands.append(b.codes)
    operator.output(y)
    writer.case("strata.QLinearGemm", operands, operator)


def matmul(draw, writer, dtype=I8):
    m, k, n = draw.choice(1, 3), draw.choice(5, 16), draw.choice(2, 4)
    a, b = draw.quantized((2, m, k), dtype), draw.quantized((2, k, n), dtype)
    if draw.rng.random() < 0.5:
        b.zero_point = 0
    y = draw.like((2, m, n), dtype, output_scale(draw, a, b, k))
    operator = Operator(B.BATCH_MATMUL, *options("BatchMatMul", adjX=False, adjY=False))
    operator.input(a)
    if draw.rng.random() < 0.5:
        operator.input(b)
    else:
        operator.constant(b)
    operator.output(y)
    writer.case("QLinearMatMul", [*a.strata(), *b.strata(), *y.strata()[1:]], operator)


def binary(draw, writer, name, dtype=I8):
    a = draw.quantized((1, 6, 8), dtype)
    b = draw.quantized(draw.choice((1, 6, 8), (1, 1, 8), (1, 6, 1)), dtype)
    spread = max(float(a.scale[0]), float(b.scale[0]))
    if name == "Mul":
        spread = float(a.scale[0] * b.scale[0]) * (60 if dtype != I16 else 8000)
    scale = np.float32(spread * draw.rng.uniform(0.5, 3))
    if draw.rng.random() < 0.3:
        scale = np.float32(2.0 ** np.round(np.log2(scale)))
    y = draw.like((1, 6, 8), dtype, scale)
    extra = {"potScaleInt16": False} if name in ("Add", "Sub") else {}
    operator = Operator(getattr(B, name.upper()), *options(name, **extra)).input(a).input(b).output(y)
    writer.case("strata.QLinear" + name, [*a.strata(), *b.strata(), *y.strata()[1:]], operator)


def unary(draw, writer, name, code, options_name=None, dtype=I8, scales=(0.01, 0.1), y=None,
          attributes=None, fields=None, to=None, modes=MODES):
    x = Quantized(np.arange(256).astype(U8).view(dtype).reshape(4, 64) if dtype != I16
                  else draw.codes((4, 64), I16), draw.scale(*scales), draw.zero(dtype))
    if y is None:
        y = draw.like(x.codes.shape, to or dtype, float(x.scale[0]) * draw.rng.uniform(0.3, 2))
    else:
        y = Quantized(np.zeros(x.codes.shape, to or dtype), *y)
    made = options(options_name, **(fields or {})) if options_name else (0, None)
    operator = Operator(code, *made).input(x).output(y)
    writer.case("strata.QLinear" + name, [*x.strata(), *y.strata()[1:]], operator, attributes, modes=modes)


def softmax(draw, writer, dtype):
    rows = draw.choice(3, 10, 100)
    x = Quantized(draw.codes((2, rows), dtype, *draw.choice((None, None), (-20, 20), (0, 100))
                  if dtype == I8 else (None, None)), draw.scale(0.01, 0.4), draw.zero(dtype))
    beta = float(draw.choice(1.0, 1.0, 0.5))
    y = Quantized(np.zeros((2, rows), dtype), 1 / 256, -128 if dtype == I8 else 0)
    operator = Operator(B.SOFTMAX, *options("Softmax", beta=beta)).input(x).output(y)
    writer.case("strata.QLinearSoftmax", [*x.strata(), *y.strata()[1:]], operator, {"beta": beta})


def pool(draw, writer, dtype):
    h, w = (int(v) for v in draw.rng.integers(3, 7, 2))
    k, stride = draw.choice((2, 2), (3, 1), (3, 2))
    x = draw.quantized((1, h, w, 3), dtype)
    oh, top, bottom = same_pads(h, k, stride, 1)
    ow, left, right = same_pads(w, k, stride, 1)
    y = Quantized(np.zeros((1, oh, ow, 3), dtype), x.scale, x.zero_point)
    operator = Operator(B.AVERAGE_POOL_2D, *options(
        "Pool2D", padding=schema.Padding.SAME, strideH=stride, strideW=stride, filterHeight=k,
        filterWidth=k)).input(x).output(y)
    writer.case("strata.QLinearAveragePool", [nchw(x.codes), *x.strata()[1:], *y.strata()[1:]], operator,
                {"kernel_shape": [k, k], "strides": [stride, stride],
                 "pads": [top, left, bottom, right]}, nchw)


def mean(draw, writer, dtype, axes=(1, 2), keep=True):
    h, w = (int(v) for v in draw.rng.integers(2, 9, 2))
    x = draw.quantized((2, h, w, 5), dtype)
    shape = [n if i not in axes else 1 for i, n in enumerate(x.codes.shape) if keep or i not in axes]
    scale = x.scale[0] * np.float32(draw.choice(1.0, 0.5, draw.rng.uniform(0.2, 2)))
    y = draw.like(shape, dtype, scale)
    operator = Operator(B.MEAN, *options("Reducer", keepDims=keep)).input(x)
    operator.constant(np.array(axes, np.int32)).output(y)
    writer.case("strata.QLinearReduceMean", [*x.strata(), *y.strata()[1:]], operator,
                {"axes": list(axes), "keepdims": int(keep)}, modes=(MODES[0], MODES[2]))


def concat(draw, writer, dtype):
    a, b = draw.quantized((2, 8), dtype), draw.quantized((2, 16), dtype)
    y = draw.like((2, 24), dtype, max(a.scale[0], b.scale[0]) * draw.rng.uniform(0.8, 2))
    operator = Operator(B.CONCATENATION, *options("Concatenation", axis=1)).input(a).input(b).output(y)
    writer.case("strata.QLinearConcat", [*y.strata()[1:], *a.strata(), *b.strata()], operator, {"axis": 1})


def prelu(draw, writer, dtype):
    x, slope = draw.quantized((1, 4, 4, 8), dtype), draw.quantized((1, 1, 8), dtype, low=0.002, high=0.01)
    y = draw.like((1, 4, 4, 8), dtype, x.scale[0] * draw.rng.uniform(0.5, 2))
    operator = Operator(B.PRELU).input(x).constant(slope).output(y)
    writer.case("strata.QLinearPRelu", [*x.strata(), *slope.strata(), *y.strata()[1:]], operator)


def resize(draw, writer, dtype):
    h, w, oh, ow = (int(v) for v in draw.rng.integers(2, 9, 4))
    x = draw.quantized((1, h, w, 2), dtype)
    corners = draw.choice("asymmetric", "half_pixel", "align_corners")
    y = Quantized(np.zeros((1, oh, ow, 2), dtype), x.scale, x.zero_point)
    operator = Operator(B.RESIZE_BILINEAR, *options(
        "ResizeBilinear", alignCorners=corners == "align_corners",
        halfPixelCenters=corners == "half_pixel")).input(x)
    operator.constant(np.array([oh, ow], np.int32)).output(y)
    writer.case("strata.QLinearResize", [nchw(x.codes)], operator,
                {"coordinate_transformation_mode": corners, "sizes": [oh, ow]}, nchw,
                (MODES[0], MODES[2]))


def quantize(draw, writer, dtype):
    y = draw.like((4, 32), dtype, draw.scale())
    reach = float(y.scale[0]) * (1 << (np.iinfo(dtype).bits - 1))
    x = draw.rng.uniform(-reach, reach, (4, 32)).astype(np.float32)
    x[1] = (draw.rng.integers(-200, 200, 32) + 0.5) * y.scale[0]
    operator = Operator(B.QUANTIZE, *options("Quantize")).input(x).output(y)
    writer.case("QuantizeLinear", [x, *y.strata()[1:]], operator)


def dequantize(draw, writer, dtype):
    x = draw.quantized((4, 64), dtype)
    operator = Operator(B.DEQUANTIZE, *options("Dequantize")).input(x).output(np.zeros((4, 64), np.float32))
    writer.case("DequantizeLinear", x.strata(), operator)


def lstm(draw, writer, dtype):
    steps, inputs, hidden, batch = draw.choice(3, 6), draw.choice(3, 10), draw.choice(4, 9), draw.choice(1, 2)
    x = draw.quantized((batch, steps, inputs), I8, low=0.01, high=0.05)
    w = [Quantized(draw.codes((hidden, inputs), I8, -127), draw.scale(0.002, 0.02)) for _ in range(4)]
    r = [Quantized(draw.codes((hidden, hidden), I8, -127), draw.scale(0.002, 0.02)) for _ in range(4)]
    b = [bias(draw, x, v, hidden) for v in w]
    h = Quantized(np.zeros((batch, hidden), I8), draw.choice(1 / 128, 0.0071), draw.choice(0, -1, 5))
    c = Quantized(np.zeros((batch, hidden), I16), 2.0 ** -draw.choice(10, 11, 12, 15))
    clip = float(draw.choice(0.0, 2.0))
    operator = Operator(B.UNIDIRECTIONAL_SEQUENCE_LSTM, *options(
        "UnidirectionalSequenceLSTM", fusedActivationFunction=schema.ActivationFunctionType.TANH,
        cellClip=clip, projClip=0.0, timeMajor=False)).input(x)
    for v in w + r:
        operator.constant(v)
    for _ in range(3):
        operator.constant(None)
    for v in b:
        operator.constant(v)
    operator.constant(None).constant(None).variable(h).variable(c)
    for _ in range(4):
        operator.constant(None)
    for _ in range(4):
        operator.intermediate(Quantized(np.zeros((1,), I16), 1.0))
    operator.intermediate(Quantized(np.zeros((1,), I8), h.scale, h.zero_point))
    operator.output(Quantized(np.zeros((batch, steps, hidden), I8), h.scale, h.zero_point))
    first = np.full((batch, hidden), h.zero_point, I8)
    writer.case("strata.QLinearLSTM", [
        *x.strata(), np.concatenate([v.codes for v in w]), np.concatenate([v.scale for v in w]),
        np.concatenate([v.codes for v in r]), np.concatenate([v.scale for v in r]),
        np.concatenate([v.codes for v in b]), first, *h.strata()[1:], c.codes, *c.strata()[1:2],
        *h.strata()[1:]], operator, {"cell_clip": clip})


def dynamic_gemm(draw, writer, dtype):
    m, k, n = draw.choice(1, 3), draw.choice(5, 16, 40), draw.choice(1, 4, 9)
    x = draw.rng.normal(0, draw.rng.uniform(0.1, 3), (m, k)).astype(np.float32)
    x += np.float32(draw.choice(0.0, 0.0, 1.5))
    if draw.rng.random() < 0.2:
        x[0] = 0
    f = Quantized(draw.codes((n, k), I8, -127), draw.scale(0.002, 0.05))
    b = draw.rng.normal(0, 1, n).astype(np.float32)
    operator = Operator(B.FULLY_CONNECTED, *options("FullyConnected", keepNumDims=False))
    operator.input(x).constant(f).constant(b).output(np.zeros((m, n), np.float32))
    writer.case("strata.DynamicQuantGemm", [x, *f.strata()[:2], b], operator)


def dynamic_conv(draw, writer, dtype, per_channel=False):
    channels, filters, (kh, kw) = draw.choice(1, 3, 8), draw.choice(1, 4, 5), draw.choice((1, 1), (3, 3), (2, 3))
    stride, batch = int(draw.choice(1, 2)), draw.choice(1, 2)
    h, w = (int(v) for v in draw.rng.integers(3, 7, 2))
    x = draw.rng.normal(draw.choice(0.0, 1.0), draw.rng.uniform(0.1, 3), (batch, h, w, channels)).astype(np.float32)
    f = weights(draw, (filters, kh, kw, channels), 0, I8, filters, per_channel)
    b = draw.rng.normal(0, 1, filters).astype(np.float32)
    oh, top, bottom = same_pads(h, kh, stride, 1)
    ow, left, right = same_pads(w, kw, stride, 1)
    operator = Operator(B.CONV_2D, *options("Conv2D", padding=schema.Padding.SAME, strideH=stride,
                                            strideW=stride, dilationHFactor=1, dilationWFactor=1))
    operator.input(x).constant(f).constant(b).output(np.zeros((batch, oh, ow, filters), np.float32))
    writer.case("strata.DynamicQuantConv",
                [nchw(x), np.transpose(f.codes, (0, 3, 1, 2)), f.strata()[1], b], operator,
                {"strides": [stride, stride], "pads": [top, left, bottom, right]}, nchw)


def detection(draw, writer, dtype, regular=False):
    count, classes, background = draw.choice(20, 60), draw.choice(1, 3, 5), draw.choice(0, 1)
    boxes = draw.quantized((1, count, 4), U8, low=0.02, high=0.1)
    # Equal scores of one box's classes come in an order that is the standard library's.
    rows = [draw.rng.permutation(256)[:classes + background] for _ in range(count)]
    scores = Quantized(np.array([rows]).astype(U8), 1 / 256, 0)
    boxes.zero_point = 128
    centres = draw.rng.uniform(0, 1, (count, 2))
    anchors = np.concatenate([centres, draw.rng.uniform(0.1, 0.4, (count, 2))], 1).astype(np.float32)
    numbers = [(v.codes.astype(np.float32) - np.float32(v.zero_point)) * v.scale[0] for v in (boxes, scores)]
    fields = {"max_detections": draw.choice(3, 10), "max_classes_per_detection": draw.choice(1, 1, 2),
              "num_classes": classes, "nms_score_threshold": 0.3, "nms_iou_threshold": 0.5,
              "y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0}
    if regular:
        fields.update(use_regular_nms=True, detections_per_class=draw.choice(2, 100),
                      max_classes_per_detection=1)
    fields["max_classes_per_detection"] = min(fields["max_classes_per_detection"], classes)
    most = fields["max_detections"] * fields["max_classes_per_detection"]
    operator = Operator(B.CUSTOM, custom=("TFLite_Detection_PostProcess", flexbuffers.Dumps(fields)))
    for v in numbers:
        operator.input(v)
    operator.constant(anchors)
    for shape in ((1, most, 4), (1, most), (1, most), (1,)):
        operator.output(np.zeros(shape, np.float32))

    def clean(results):  # what lies behind the last detection is left as it was
        filled = int(results[3][0]) * fields["max_classes_per_detection"]
        for y in results[:3]:
            y[0, filled:] = 0
        return results

    names = {"nms_score_threshold": "score_threshold", "nms_iou_threshold": "iou_threshold"}
    writer.case("strata.DetectionPostProcess", [*numbers, anchors], operator,
                {names.get(k, k): int(v) if isinstance(v, bool) else v for k, v in fields.items()},
                modes=MODES[:1], clean=clean)


BOTH = (I8, U8)


def repeat(make, times, types=BOTH, **fields):
    def run(draw, writer, scale):
        for _ in range(times * scale):
            for dtype in types:
                make(draw, writer, dtype=dtype, **fields)
    return run


def several(*makers):
    def run(draw, writer, scale):
        for make in makers:
            make(draw, writer, scale)
    return run


def fixed_output(name, code, scale, zero_of, times=2, options_name=None, scales=(0.01, 0.1)):
    def run(draw, writer, count):
        for _ in range(times * count):
            for dtype in BOTH:
                unary(draw, writer, name, code, options_name, dtype, scales, (scale, zero_of(dtype)))
    return run


FILES = {
    "conv": repeat(conv, 5, bias_type="i32"),
    "depthwise": repeat(conv, 5, depthwise=True, bias_type="i32"),
    "conv_i16": several(repeat(conv, 2, (I16,), bias_type="i64"), repeat(conv, 2, (I16,), bias_type="i32"),
                        repeat(conv, 2, (I16,), depthwise=True, bias_type="i64")),
    "transposed": repeat(transposed, 4),
    "gemm": several(repeat(gemm, 5, bias_type="i32"), repeat(gemm, 2)),
    "gemm_i16": several(repeat(gemm, 2, (I16,), bias_type="i64"), repeat(gemm, 2, (I16,), bias_type="i32"),
                        repeat(gemm, 2, (I16,))),
    "matmul": repeat(matmul, 4, (I8,)),
    "add": repeat(binary, 5, name="Add"),
    "sub": repeat(binary, 5, name="Sub"),
    "mul": repeat(binary, 5, name="Mul"),
    "binary_i16": several(repeat(binary, 3, (I16,), name="Add"), repeat(binary, 3, (I16,), name="Mul"),
                          repeat(binary, 3, (I16,), name="Sub")),
    "sigmoid": fixed_output("Sigmoid", B.LOGISTIC, 1 / 256, lambda t: -128 if t == I8 else 0),
    "tanh": fixed_output("Tanh", B.TANH, 1 / 128, lambda t: 0 if t == I8 else 128),
    "elu": repeat(unary, 3, (I8,), name="Elu", code=B.ELU, modes=MODES[1:]),
    "exp": repeat(unary, 2, (I8,), name="Exp", code=B.EXP, options_name="Exp"),
    "hard_swish": repeat(unary, 4, name="HardSwish", code=B.HARD_SWISH, options_name="HardSwish"),
    "leaky_relu": several(*(repeat(unary, 1, name="LeakyRelu", code=B.LEAKY_RELU,
                                   options_name="LeakyRelu", attributes={"alpha": alpha},
                                   fields={"alpha": alpha}) for alpha in (0.1, 0.3, 0.01, -0.25))),
    "identity": several(repeat(unary, 4, name="Identity", code=B.QUANTIZE, options_name="Quantize"),
                        repeat(unary, 2, (I8,), name="Identity", code=B.QUANTIZE,
                               options_name="Quantize", to=U8),
                        repeat(unary, 2, (U8,), name="Identity", code=B.QUANTIZE,
                               options_name="Quantize", to=I8)),
    "softmax": repeat(softmax, 5),
    "average_pool": repeat(pool, 3),
    "mean": several(repeat(mean, 5), repeat(mean, 3, axes=(3,)), repeat(mean, 3, axes=(1, 2), keep=False),
                    repeat(mean, 2, axes=(1,))),
    "concat": repeat(concat, 4, (U8,)),
    "prelu": repeat(prelu, 3),
    "resize": repeat(resize, 6),
    "lstm": repeat(lstm, 4, (I8,)),
    "dynamic_gemm": repeat(dynamic_gemm, 8, (I8,)),
    "dynamic_conv": several(repeat(dynamic_conv, 4, (I8,)), repeat(dynamic_conv, 4, (I8,), per_channel=True)),
    "detection": several(repeat(detection, 3, (U8,)), repeat(detection, 2, (U8,), regular=True)),
    "quantize": repeat(quantize, 4),
    "dequantize": repeat(dequantize, 3),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--only")
    arguments = parser.parse_args()
    for name, make in FILES.items():
        if arguments.only and name not in arguments.only.split(","):
            continue
        writer = Writer(arguments.folder / f"{name}.json")
        make(Draw(arguments.seed), writer, arguments.scale)
        writer.save()
        print(f"{name}: {len(writer.lines)} cases, {writer.delegated} taken by XNNPACK, "
              f"{writer.path.stat().st_size} bytes")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Times every kernel that can run a convolution, on the layers of well-known networks.

usage: variants.py [--isa NAME] [--rounds R] [--runs N] > table.md
Each layer is a model of one node, pinned to one kernel after the other; the kernels take turns. The
table has the median time of the node alone in milliseconds, without reorders of its input and
output, the rate of the fastest by the definition of the op, and the kernel that Strata chooses by
itself. Needs numpy, onnx, strata.
"""

import argparse
import statistics
import sys

import numpy as np
import onnx
import strata
from onnx import TensorProto, helper, numpy_helper

# name: input channels, side, output channels, kernel, stride, groups
LAYERS = {
    "ResNet stem, 7x7 / 2": (3, 224, 64, 7, 2, 1),
    "ResNet, 3x3, 64 at 56": (64, 56, 64, 3, 1, 1),
    "ResNet, 3x3, 128 at 28": (128, 28, 128, 3, 1, 1),
    "ResNet, 3x3, 256 at 14": (256, 14, 256, 3, 1, 1),
    "ResNet, 3x3, 512 at 7": (512, 7, 512, 3, 1, 1),
    "ResNet, 3x3 / 2, 128 to 256": (128, 28, 256, 3, 2, 1),
    "ResNet, 1x1, 64 to 256 at 56": (64, 56, 256, 1, 1, 1),
    "ResNet, 1x1, 1024 to 256 at 14": (1024, 14, 256, 1, 1, 1),
    "VGG, 3x3, 64 at 224": (64, 224, 64, 3, 1, 1),
    "VGG, 3x3, 512 at 28": (512, 28, 512, 3, 1, 1),
    "SqueezeNet, 3x3, 16 to 64 at 55": (16, 55, 64, 3, 1, 1),
    "CIFAR ResNet, 3x3, 16 at 32": (16, 32, 16, 3, 1, 1),
    "MobileNet, 1x1, 512 at 14": (512, 14, 512, 1, 1, 1),
    "MobileNet, 1x1, 1024 at 7": (1024, 7, 1024, 1, 1, 1),
    "MobileNet, 1x1, 144 to 24 at 56": (144, 56, 24, 1, 1, 1),
    "MobileNet, depthwise 3x3, 96 at 112 / 2": (96, 112, 96, 3, 2, 96),
    "MobileNet, depthwise 3x3, 384 at 14": (384, 14, 384, 3, 1, 384),
    "ResNeXt, 3x3, 32 groups of 4 at 56": (128, 56, 128, 3, 1, 32),
    "keywords, 10x4 / 2, 1 to 64": (1, 49, 64, 4, 2, 1),
}


def model_of(channels: int, side: int, out: int, kernel: int, stride: int, groups: int) -> bytes:
    random = np.random.default_rng(1)
    weights = random.standard_normal((out, channels // groups, kernel, kernel)) / kernel
    pad = kernel // 2
    node = helper.make_node(
        "Conv",
        ["x", "w"],
        ["y"],
        name="conv",
        group=groups,
        strides=[stride, stride],
        pads=[pad, pad, pad, pad],
    )
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, channels, side, side])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights.astype(np.float32), "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def candidates(session: strata.InferenceSession, isa: str) -> list[str]:
    """The rows of one instruction set that can run the node, the chosen one first."""
    choice = next(k for k in session.kernels() if k["name"] == "conv")
    possible = [row for row, why in choice["rejected"].items() if why.startswith("possible")]
    return [choice["kernel"], *(row for row in possible if row.endswith(isa))]


def short(row: str) -> str:
    return row.removeprefix("conv_f32_").rsplit("_", 1)[0]


def measure(layer: tuple[int, ...], options: argparse.Namespace) -> dict[str, float]:
    model = model_of(*layer)
    x = np.random.default_rng(2).standard_normal((1, layer[0], layer[1], layer[1]))
    feeds = {"x": x.astype(np.float32)}
    rows = candidates(strata.InferenceSession(model, isa=options.isa), options.isa)
    sessions = {
        row: strata.InferenceSession(model, isa=options.isa, kernels={"conv": row}) for row in rows
    }
    times: dict[str, list[float]] = {row: [] for row in rows}
    for _ in range(options.rounds):
        for row, session in sessions.items():
            profile = session.profile(feeds, options.runs)
            times[row].append(next(n["seconds"] for n in profile["nodes"] if n["name"] == "conv"))
    return {row: statistics.median(values) for row, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--isa", default="avx512", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--runs", type=int, default=10, help="of each round (default: %(default)s)")
    options = parser.parse_args()
    results = {}
    for name, layer in LAYERS.items():
        if sys.stderr.isatty():
            print(f"\r\x1b[K{name}", end="", file=sys.stderr, flush=True)
        results[name] = measure(layer, options)
    columns = sorted({short(row) for times in results.values() for row in times})
    print("| layer | " + " | ".join(columns) + " | GFLOP/s | chosen |")
    print("|---" * (len(columns) + 3) + "|")
    for name, times in results.items():
        channels, side, out, kernel, stride, groups = LAYERS[name]
        pad = kernel // 2
        extent = (side + 2 * pad - kernel) // stride + 1
        flops = 2 * extent**2 * out * (channels // groups) * kernel**2
        best = min(times.values())
        by_column = {short(row): seconds for row, seconds in times.items()}
        cells = []
        for column in columns:
            seconds = by_column.get(column)
            text = "" if seconds is None else f"{seconds * 1e3:.3g}"
            cells.append(f"**{text}**" if seconds == best else text)
        chosen = short(next(iter(times)))
        print(f"| {name} | {' | '.join(cells)} | {flops / best / 1e9:.0f} | {chosen} |")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes the networks of the benchmarks as ONNX files with seeded weights. Needs numpy and onnx."""

import argparse
import math
from pathlib import Path

import numpy as np
import onnx
from net import Net

IMAGE = (3, 224, 224)
BRANCH_GAIN = 0.5  # of the last layer of a residual branch, so that the sum grows slowly with depth


def vgg_convolutions(net):
    x = net.input("input", *IMAGE)
    for stage, (channels, layers) in enumerate(
        [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)], 1
    ):
        for layer in range(1, layers + 1):
            x = net.conv(f"conv{stage}_{layer}", x, channels, 3, norm=False)
            x = net.relu(f"relu{stage}_{layer}", x)
        x = net.max_pool(f"pool{stage}", x, 2, 2)
    return x


def vgg16_conv(net):
    return net.model({"output": (vgg_convolutions(net), (512, 7, 7))})


def vgg16(net):
    x = net.node("Flatten", "flatten", [vgg_convolutions(net)], width=512 * 7 * 7, axis=1)
    for layer in (6, 7):
        x = net.relu(f"relu{layer}", net.gemm(f"fc{layer}", x, 4096, gain=math.sqrt(2.0)))
    return net.model({"output": (net.gemm("fc8", x, 1000), (1000,))})


def basic_block(net, name, x, channels, stride):
    y = net.relu(f"{name}.relu1", net.conv(f"{name}.conv1", x, channels, 3, stride=stride))
    y = net.conv(f"{name}.conv2", y, channels, 3, gain=BRANCH_GAIN)
    if stride != 1 or net.width[x] != channels:
        x = net.conv(f"{name}.downsample", x, channels, 1, stride=stride, gain=1.0)
    return net.relu(f"{name}.relu2", net.add(f"{name}.add", y, x))


def bottleneck(net, name, x, inner, out, stride, groups=1):
    y = net.relu(f"{name}.relu1", net.conv(f"{name}.conv1", x, inner, 1))
    y = net.relu(
        f"{name}.relu2", net.conv(f"{name}.conv2", y, inner, 3, stride=stride, groups=groups)
    )
    y = net.conv(f"{name}.conv3", y, out, 1, gain=BRANCH_GAIN)
    if stride != 1 or net.width[x] != out:
        x = net.conv(f"{name}.downsample", x, out, 1, stride=stride, gain=1.0)
    return net.relu(f"{name}.relu3", net.add(f"{name}.add", y, x))


def residual(net, layers, block):
    """Stem, four stages of `block(name, x, stage, stride)`, classifier."""
    x = net.relu("relu1", net.conv("conv1", net.input("input", *IMAGE), 64, 7, stride=2))
    x = net.max_pool("maxpool", x, 3, 2, 1)
    for stage, count in enumerate(layers):
        for index in range(count):
            stride = 2 if stage > 0 and index == 0 else 1
            x = block(f"layer{stage + 1}.{index}", x, stage, stride)
    x = net.gemm("fc", net.global_pool("avgpool", x), 1000)
    return net.model({"output": (x, (1000,))})


def resnet18(net):
    def block(name, x, stage, stride):
        return basic_block(net, name, x, 64 << stage, stride)

    return residual(net, (2, 2, 2, 2), block)


def resnet50(net):
    def block(name, x, stage, stride):
        return bottleneck(net, name, x, 64 << stage, 256 << stage, stride)

    return residual(net, (3, 4, 6, 3), block)


def resnext50(net):
    def block(name, x, stage, stride):
        return bottleneck(net, name, x, 128 << stage, 256 << stage, stride, groups=32)

    return residual(net, (3, 4, 6, 3), block)


def resnext_blocks(net):
    x = net.input("input", 256, 56, 56)
    for index in range(3):
        x = bottleneck(net, f"block{index}", x, 128, 256, 1, groups=32)
    return net.model({"output": (x, (256, 56, 56))})


def mobilenet_v1(net):
    x = net.relu6("relu0", net.conv("conv0", net.input("input", *IMAGE), 32, 3, stride=2))
    wide = [(512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), *wide]
    for index, (out, stride) in enumerate(blocks, 1):
        x = net.conv(f"depthwise{index}", x, net.width[x], 3, stride=stride, groups=net.width[x])
        x = net.relu6(f"depthwise{index}.relu", x)
        x = net.relu6(f"pointwise{index}.relu", net.conv(f"pointwise{index}", x, out, 1))
    x = net.gemm("fc", net.global_pool("avgpool", x), 1000)
    return net.model({"output": (x, (1000,))})


def inverted_residual(net, name, x, out, stride, expansion):
    y, inner = x, net.width[x] * expansion
    if expansion != 1:
        y = net.relu6(f"{name}.expand.relu", net.conv(f"{name}.expand", y, inner, 1))
    y = net.conv(f"{name}.depthwise", y, inner, 3, stride=stride, groups=inner)
    y = net.relu6(f"{name}.depthwise.relu", y)
    if stride != 1 or net.width[x] != out:
        return net.conv(f"{name}.project", y, out, 1, gain=1.0)
    return net.add(f"{name}.add", x, net.conv(f"{name}.project", y, out, 1, gain=BRANCH_GAIN))


def mobilenet_v2(net):
    x = net.relu6("relu0", net.conv("conv0", net.input("input", *IMAGE), 32, 3, stride=2))
    stages = [(16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)]
    for stage, (out, count, first_stride) in enumerate(stages, 1):
        for index in range(count):
            stride = first_stride if index == 0 else 1
            x = inverted_residual(
                net, f"block{stage}.{index}", x, out, stride, 1 if stage == 1 else 6
            )
    x = net.relu6("relu8", net.conv("conv8", x, 1280, 1))
    x = net.gemm("fc", net.global_pool("avgpool", x), 1000)
    return net.model({"output": (x, (1000,))})


def fire(net, name, x, squeeze, expand):
    x = net.relu(f"{name}.squeeze.relu", net.conv(f"{name}.squeeze", x, squeeze, 1, norm=False))
    halves = [
        net.relu(f"{name}.expand{k}.relu", net.conv(f"{name}.expand{k}", x, expand, k, norm=False))
        for k in (1, 3)
    ]
    return net.node("Concat", f"{name}.concat", halves, width=2 * expand, axis=1)


def squeezenet1_1(net):
    x = net.conv("conv1", net.input("input", *IMAGE), 64, 3, stride=2, pad=0, norm=False)
    x = net.relu("relu1", x)
    for index, squeeze in enumerate((16, 16, 32, 32, 48, 48, 64, 64), 2):
        if index in (2, 4, 6):
            x = net.max_pool(f"pool{index}", x, 3, 2)
        x = fire(net, f"fire{index}", x, squeeze, 4 * squeeze)
    x = net.relu("relu10", net.conv("conv10", x, 1000, 1, norm=False))
    return net.model({"output": (net.global_pool("avgpool", x), (1000,))})


def attention(net, name, x, tokens, heads):
    width = net.width[x]
    split = net.integers(f"{name}.split", [0, tokens, heads, width // heads])

    def project(part, perm):
        y = net.linear(f"{name}.{part}", x, width)
        y = net.node("Reshape", f"{name}.{part}.split", [y, split])
        return net.node("Transpose", f"{name}.{part}.heads", [y], perm=perm)

    query, key = project("query", [0, 2, 1, 3]), project("key", [0, 2, 3, 1])
    scores = net.node("MatMul", f"{name}.scores", [query, key])
    root = net.constant(f"{name}.root", np.float32(math.sqrt(width // heads)))
    scaled = net.node("Div", f"{name}.scale", [scores, root])
    weights = net.node("Softmax", f"{name}.softmax", [scaled], axis=3)
    mixed = net.node("MatMul", f"{name}.mix", [weights, project("value", [0, 2, 1, 3])])
    mixed = net.node("Transpose", f"{name}.tokens", [mixed], perm=[0, 2, 1, 3])
    shape = net.integers(f"{name}.shape", [0, tokens, width])
    joined = net.node("Reshape", f"{name}.join", [mixed, shape], width=width)
    return net.linear(f"{name}.project", joined, width, gain=BRANCH_GAIN)


def encoder_layer(net, name, x, tokens, heads):
    """Transformer encoder layer, normalisation first."""
    y = attention(net, f"{name}.attention", net.layer_norm(f"{name}.norm1", x), tokens, heads)
    x = net.add(f"{name}.add1", x, y)
    y = net.linear(
        f"{name}.mlp1", net.layer_norm(f"{name}.norm2", x), 4 * net.width[x], gain=math.sqrt(2.0)
    )
    y = net.linear(f"{name}.mlp2", net.gelu(f"{name}.gelu", y), net.width[x], gain=BRANCH_GAIN)
    return net.add(f"{name}.add2", x, y)


def transformer_encoder(net, tokens=128, width=512):
    x = net.input("input", tokens, width)
    for layer in range(4):
        x = encoder_layer(net, f"layer{layer}", x, tokens, heads=8)
    return net.model({"output": (net.layer_norm("norm", x), (tokens, width))})


def vit_tiny(net, width=192, tokens=14 * 14 + 1):
    image = net.input("input", *IMAGE)
    x = net.conv("patches", image, width, 16, stride=16, pad=0, norm=False, gain=1.0)
    x = net.node("Reshape", "patches.flatten", [x, net.integers("patches.shape", [0, width, -1])])
    x = net.node("Transpose", "patches.tokens", [x], perm=[0, 2, 1])
    shape = net.node("Shape", "shape", [image])
    batch = net.node("Gather", "batch", [shape, net.integers("batch.index", [0])], axis=0)
    shape = net.node(
        "Concat", "class.shape", [batch, net.integers("class.rest", [1, width])], axis=0
    )
    class_token = net.parameter("class.token", net.normal("class.token", (1, 1, width), 1.0))
    first = net.node("Expand", "class.expand", [class_token, shape])
    x = net.node("Concat", "tokens", [first, x], width=width, axis=1)
    position = net.parameter("position", net.normal("position", (1, tokens, width), 0.2))
    x = net.add("position.add", x, position)
    for layer in range(12):
        x = encoder_layer(net, f"layer{layer}", x, tokens, heads=3)
    index = net.constant("class.index", np.int64(0))
    x = net.node("Gather", "class", [net.layer_norm("norm", x), index], axis=1)
    return net.model({"output": (net.gemm("head", x, 1000), (1000,))})


def lstm2(net, steps=64, features=128, hidden=256):
    x = net.node("Transpose", "time_major", [net.input("input", steps, features)], perm=[1, 0, 2])
    for layer in (1, 2):
        name, size = f"lstm{layer}", net.width[x]
        weights = [
            net.parameter(f"{name}.{key}", net.normal(f"{name}.{key}", shape, std))
            for key, shape, std in (
                ("w", (1, 4 * hidden, size), 1.0 / math.sqrt(size)),
                ("r", (1, 4 * hidden, hidden), 1.0 / math.sqrt(hidden)),
                ("b", (1, 8 * hidden), 0.1),
            )
        ]
        outputs = [f"{name}.y", f"{name}.h"]
        y, last = net.nodes("LSTM", name, [x, *weights], outputs, width=hidden, hidden_size=hidden)
        x = net.squeeze(f"{name}.squeeze", y, 1) if layer == 1 else net.squeeze("last", last, 0)
    return net.model({"output": (net.gemm("fc", x, 64), (64,))})


def dcgan_generator(net, base=64):
    x = net.input("input", 100, 1, 1)
    for index, channels in enumerate((8 * base, 4 * base, 2 * base, base), 1):
        stride, pad = (1, 0) if index == 1 else (2, 1)
        x = net.conv_transpose(f"deconv{index}", x, channels, 4, stride=stride, pad=pad)
        x = net.relu(f"relu{index}", x)
    x = net.conv_transpose("deconv5", x, 3, 4, stride=2, pad=1, norm=False, gain=1.0)
    return net.model({"output": (net.node("Tanh", "tanh", [x]), (3, 64, 64))})


NETWORKS = {
    build.__name__: build
    for build in (
        resnet18,
        resnet50,
        resnext50,
        resnext_blocks,
        vgg16_conv,
        vgg16,
        mobilenet_v1,
        mobilenet_v2,
        squeezenet1_1,
        transformer_encoder,
        vit_tiny,
        lstm2,
        dcgan_generator,
    )
}
ON_REQUEST = {"vgg16"}  # 553 MB


def arguments():
    known = ", ".join(NETWORKS)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="where the .onnx files go")
    parser.add_argument("networks", nargs="*", help=f"default: all but vgg16; known: {known}")
    parser.add_argument("--batch", type=int, help="fixed batch size (default: symbolic N)")
    parser.add_argument("--opset", type=int, default=17, help="default 17")
    parser.add_argument("--batch-norm", action="store_true", help="keep batch normalisations")
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    options = parser.parse_args()
    unknown = sorted(set(options.networks) - NETWORKS.keys())
    if unknown:
        parser.error(f"no network {', '.join(unknown)}; known: {known}")
    if options.batch is not None and options.batch < 1:
        parser.error(f"--batch is {options.batch}, it must be at least 1")
    return options


def main():
    options = arguments()
    options.directory.mkdir(parents=True, exist_ok=True)
    for name in options.networks or [name for name in NETWORKS if name not in ON_REQUEST]:
        net = Net(
            name,
            opset=options.opset,
            batch=options.batch or "N",
            batch_norm=options.batch_norm,
            seed=options.seed,
        )
        model = NETWORKS[name](net)
        onnx.checker.check_model(model)
        path = options.directory / f"{name}.onnx"
        onnx.save(model, path)
        size = path.stat().st_size
        print(f"{path}: {net.parameters:,} parameters, {size:,} bytes", flush=True)


if __name__ == "__main__":
    main()

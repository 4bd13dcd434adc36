"""The examples of docs/python.md, in their order: they run, and print what they say they print.

What a line prints stands behind it as a comment; three dots stand for anything.
"""

import contextlib
import doctest
import io
import pathlib
import re

import numpy as np
import onnx
from onnx import TensorProto, helper

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "python.md"


def network():
    """What the page calls net.onnx: a small classifier of images."""
    random = np.random.default_rng(1)
    weights = {
        "w": random.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "v": random.normal(size=(4, 10)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["input", "w"], ["features"], "conv", strides=[8, 8], pads=[1, 1, 1, 1]),
        helper.make_node("LeakyRelu", ["features"], ["active"], "act", alpha=0.1),
        helper.make_node("GlobalAveragePool", ["active"], ["pooled"], "pool"),
        helper.make_node("Flatten", ["pooled"], ["flat"], "flatten"),
        helper.make_node("MatMul", ["flat", "v"], ["scores"], "classify"),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 224, 224])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 10])],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model.producer_name = "pytorch"
    model.metadata_props.add(key="labels", value="cat,dog")
    return model


def expected(block):
    """The comments behind lines that print, and those on lines of their own below them."""
    lines = []
    printed = False
    for line in block.splitlines():
        behind = re.search(r"print\(.*\)  # (.*)$", line)
        below = re.match(r" *# (.*)$", line)
        if behind:
            lines.append(behind.group(1))
        elif below and printed:
            lines.append(below.group(1))
        printed = bool(behind) or (printed and bool(below)) or line.lstrip().startswith("print(")
    return lines


def test_the_examples_run_and_print_what_they_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    onnx.save(network(), "net.onnx")
    names = {}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) > 5
    for block in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, str(PAGE), "exec"), names)
        want, got = expected(block), printed.getvalue().splitlines()
        assert len(want) == len(got), block
        for line, comment in zip(got, want):
            assert doctest.OutputChecker().check_output(comment + "\n", line + "\n", doctest.ELLIPSIS), (comment, line)

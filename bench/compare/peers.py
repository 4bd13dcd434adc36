"""The runtimes that are compared: each opens a model file and returns a function that runs it once.

Every one gets the same feeds, made from a seed and the shapes and types that the file declares, in
its own fastest documented setting for one stream of requests.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Run = Callable[[], list[np.ndarray]]
ONNX, TFLITE, STRATA = ".onnx", ".tflite", ".strata"


@dataclass(frozen=True)
class Peer:
    """A runtime under test."""

    name: str
    packages: tuple[str, ...]
    """What it installs; the first one's version is reported."""
    suffixes: tuple[str, ...]
    """Kinds of model files that it reads."""
    open: Callable[[str, int], Run]

    def version(self) -> str:
        return importlib.metadata.version(self.packages[0])

    def bytes_installed(self) -> int:
        """Of all files of its packages."""
        files = [file for name in self.packages for file in importlib.metadata.files(name) or []]
        paths = [Path(str(file.locate())) for file in files]
        return sum(path.stat().st_size for path in paths if path.is_file())


def feed(index: int, shape: Sequence[Any], dtype: Any) -> np.ndarray:
    """Values for input `index`: standard normal, or small integers; sizes that are open become 1."""
    random = np.random.default_rng([7, index])
    known = (int, np.integer)
    sizes = [int(size) if isinstance(size, known) and size > 0 else 1 for size in shape]
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return random.standard_normal(sizes).astype(kind)
    if kind.kind == "b":
        return random.integers(0, 2, sizes).astype(kind)
    low, high = (-100, 100) if kind == np.int8 else (0, 100)
    return random.integers(low, high, sizes).astype(kind)


NUMPY_TYPES = {"float": "float32", "double": "float64", "float16": "float16"}


def onnx_dtype(text: str) -> np.dtype[Any]:
    """Of "tensor(float)" and the like."""
    inner = text[len("tensor(") : -1]
    return np.dtype(NUMPY_TYPES.get(inner, inner))


def open_strata(path: str, threads: int) -> Run:
    import strata

    session = strata.InferenceSession(path, threads=threads)
    inputs = session.get_inputs()
    feeds = {x.name: feed(i, x.shape, onnx_dtype(x.type)) for i, x in enumerate(inputs)}
    return lambda: session.run(None, feeds)


def open_onnxruntime(path: str, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    feeds = {x.name: feed(i, x.shape, onnx_dtype(x.type)) for i, x in enumerate(inputs)}
    return lambda: session.run(None, feeds)


def open_openvino(path: str, threads: int, precision: str = "f32") -> Run:
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
    }
    model = openvino.Core().compile_model(path, "CPU", settings)
    feeds = {}
    for i, port in enumerate(model.inputs):
        sizes = [d.get_length() if d.is_static else 1 for d in port.get_partial_shape()]
        feeds[i] = feed(i, sizes, port.get_element_type().to_dtype())
    request = model.create_infer_request()

    def run() -> list[np.ndarray]:
        request.infer(feeds, share_inputs=True)
        return [request.get_output_tensor(i).data for i in range(len(model.outputs))]

    return run


def open_openvino_bf16(path: str, threads: int) -> Run:
    return open_openvino(path, threads, "bf16")


def open_litert(path: str, threads: int) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=threads)  # with XNNPACK, as users get it
    interpreter.allocate_tensors()
    feeds = [
        (x["index"], feed(i, x["shape"], x["dtype"]))
        for i, x in enumerate(interpreter.get_input_details())
    ]
    outputs = [x["index"] for x in interpreter.get_output_details()]

    def run() -> list[np.ndarray]:
        for index, value in feeds:
            interpreter.set_tensor(index, value)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in outputs]

    return run


def open_torch(path: str, threads: int) -> Run:
    import onnx
    import torch
    from onnx2torch import convert

    torch.set_num_threads(threads)
    model = onnx.load(path)
    constants = {x.name for x in model.graph.initializer}
    inputs = [x for x in model.graph.input if x.name not in constants]
    feeds = []
    for i, x in enumerate(inputs):
        kind = x.type.tensor_type
        sizes = [d.dim_value for d in kind.shape.dim]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
        feeds.append(torch.from_numpy(feed(i, sizes, dtype)))
    module = convert(model).eval()

    def run() -> list[np.ndarray]:
        with torch.inference_mode():
            results = module(*feeds)
        several = isinstance(results, (list, tuple))
        return [y.numpy() for y in (results if several else [results])]

    return run


PEERS = {
    peer.name: peer
    for peer in (
        Peer("strata", ("strata",), (ONNX, TFLITE, STRATA), open_strata),
        Peer("onnxruntime", ("onnxruntime",), (ONNX,), open_onnxruntime),
        Peer("openvino", ("openvino",), (ONNX, TFLITE), open_openvino),
        Peer("openvino-bf16", ("openvino",), (ONNX, TFLITE), open_openvino_bf16),
        Peer("litert", ("ai-edge-litert",), (TFLITE,), open_litert),
        Peer("torch", ("torch", "onnx2torch"), (ONNX,), open_torch),
    )
}

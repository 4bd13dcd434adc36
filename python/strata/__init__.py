"""Strata: run trained networks on constrained hardware.

    session = strata.InferenceSession("model.onnx", threads=1)
    outputs = session.run(None, {"input": array})

The names and calls are those of ONNX Runtime where both have them. `strata.Graph` looks at models
and edits them. Errors are `strata.Error`.
"""

# First: the compiled half raises these.
from .errors import Error, InternalError, IoError, ModelError, UnsupportedError, UsageError

from ._strata import NodeArg, __version__
from .graph import Attributes, Graph, Node, PassRecord, passes
from .options import ExecutionMode, GraphOptimizationLevel, RunOptions, SessionOptions
from .session import (
    InferenceSession,
    IOBinding,
    KernelChoice,
    ModelMetadata,
    NodeProfile,
    Plan,
    Profile,
    get_available_providers,
    get_device,
)

__all__ = [
    "Attributes",
    "Error",
    "ExecutionMode",
    "Graph",
    "GraphOptimizationLevel",
    "IOBinding",
    "InferenceSession",
    "InternalError",
    "IoError",
    "KernelChoice",
    "ModelError",
    "ModelMetadata",
    "Node",
    "NodeArg",
    "NodeProfile",
    "PassRecord",
    "Plan",
    "Profile",
    "RunOptions",
    "SessionOptions",
    "UnsupportedError",
    "UsageError",
    "__version__",
    "get_available_providers",
    "get_device",
    "passes",
]

"""Options under the names that ONNX Runtime gives them."""

from __future__ import annotations

import enum
from typing import Any

from . import _arguments
from .errors import UnsupportedError, UsageError


class GraphOptimizationLevel(enum.IntEnum):
    """Which passes change the graph before it runs."""

    ORT_DISABLE_ALL = 0
    """None: the graph runs as it is in the file."""
    ORT_ENABLE_BASIC = 1
    """All but fusion."""
    ORT_ENABLE_EXTENDED = 2
    """All."""
    ORT_ENABLE_LAYOUT = 3
    """All."""
    ORT_ENABLE_ALL = 99
    """All."""


class ExecutionMode(enum.IntEnum):
    """Whether nodes run at the same time. Each node uses all threads, so they do not."""

    ORT_SEQUENTIAL = 0
    ORT_PARALLEL = 1


class SessionOptions:
    """How a session is made, for programs written for ONNX Runtime.

    Strata's own options are keyword arguments of InferenceSession, which go before these.
    Attributes that do not exist are refused, so a misspelt option is no silent one.
    """

    enable_cpu_mem_arena: bool
    """Without effect: the memory of a run is always planned as one arena."""
    enable_mem_pattern: bool
    """Without effect, as enable_cpu_mem_arena."""
    enable_mem_reuse: bool
    """Without effect, as enable_cpu_mem_arena."""
    enable_profiling: bool
    """Times every step of every run; see InferenceSession.end_profiling."""
    execution_mode: ExecutionMode
    """ORT_SEQUENTIAL; anything else is refused."""
    graph_optimization_level: GraphOptimizationLevel
    """Which passes run."""
    inter_op_num_threads: int
    """Without effect: nodes run one after the other."""
    intra_op_num_threads: int
    """Threads of a run, the caller included; 0: all processors this process may use."""
    log_severity_level: int
    """Without effect: a session logs nothing."""
    log_verbosity_level: int
    """Without effect: a session logs nothing."""
    logid: str
    """Without effect: a session logs nothing."""
    optimized_model_filepath: str
    """Where the optimised graph is saved; empty: nowhere."""
    profile_file_prefix: str
    """How the name of the file begins that end_profiling writes."""

    def __init__(self) -> None:
        self.enable_cpu_mem_arena = True
        self.enable_mem_pattern = True
        self.enable_mem_reuse = True
        self.enable_profiling = False
        self.execution_mode = ExecutionMode.ORT_SEQUENTIAL
        self.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_ALL
        self.inter_op_num_threads = 0
        self.intra_op_num_threads = 1
        self.log_severity_level = -1
        self.log_verbosity_level = 0
        self.logid = ""
        self.optimized_model_filepath = ""
        self.profile_file_prefix = "strata_profile_"

    def __setattr__(self, name: str, value: Any) -> None:
        names = type(self).__annotations__
        if name not in names:
            raise UsageError(f"no session option is named {name}; accepted: {', '.join(names)}")
        object.__setattr__(self, name, _checked(name, value))


def _checked(name: str, value: Any) -> Any:
    if name.startswith("enable_"):
        return _arguments.flag(value, name)
    if name == "intra_op_num_threads":
        return _arguments.integer(value, name, 0, 256, "0 (all) to 256")
    if name == "execution_mode":
        if value != ExecutionMode.ORT_SEQUENTIAL:
            raise UnsupportedError(f"{name}: {value!r} given, only ORT_SEQUENTIAL is supported")
        return ExecutionMode.ORT_SEQUENTIAL
    if name == "graph_optimization_level":
        try:
            return GraphOptimizationLevel(value)
        except ValueError:
            levels = ", ".join(level.name for level in GraphOptimizationLevel)
            raise UsageError(f"{name}: {value!r} given, accepted: {levels}") from None
    if name in ("inter_op_num_threads", "log_severity_level", "log_verbosity_level"):
        return _arguments.integer(value, name, -1, 2**31 - 1, "-1 or more")
    if name == "optimized_model_filepath":
        return _arguments.path(value, name).decode("utf-8", "surrogateescape")
    return _arguments.text(value, name)


class RunOptions:
    """Options of one run, for programs written for ONNX Runtime."""

    log_severity_level: int
    """Without effect: a run logs nothing."""
    log_verbosity_level: int
    """Without effect: a run logs nothing."""
    logid: str
    """Without effect: a run logs nothing."""
    only_execute_path_to_fetches: bool
    """Without effect: a run computes all outputs."""
    terminate: bool
    """True: the run is refused. A run that has begun is not stopped."""

    def __init__(self) -> None:
        self.log_severity_level = 2
        self.log_verbosity_level = 0
        self.logid = ""
        self.only_execute_path_to_fetches = False
        self.terminate = False

    def __setattr__(self, name: str, value: Any) -> None:
        names = type(self).__annotations__
        if name not in names:
            raise UsageError(f"no run option is named {name}; accepted: {', '.join(names)}")
        if name in ("terminate", "only_execute_path_to_fetches"):
            value = _arguments.flag(value, name)
        elif name == "logid":
            value = _arguments.text(value, name)
        else:
            value = _arguments.integer(value, name, -1, 2**31 - 1, "-1 or more")
        object.__setattr__(self, name, value)

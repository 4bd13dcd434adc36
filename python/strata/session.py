"""Sessions: models ready to run."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from numpy.typing import NDArray

from . import _arguments, _strata
from ._strata import NodeArg
from .errors import IoError, UsageError
from .graph import Graph, load
from .options import GraphOptimizationLevel, RunOptions, SessionOptions

CPU = "CPUExecutionProvider"


@dataclasses.dataclass(frozen=True)
class ModelMetadata:
    """What a model file says about itself; empty where it says nothing."""

    producer_name: str
    """The tool that wrote the file."""
    producer_version: str
    graph_name: str
    domain: str
    description: str
    graph_description: str
    version: int
    """The model's own."""
    custom_metadata_map: dict[str, str]
    """What its author added."""


class NodeProfile(TypedDict):
    """A step of the plan with its time: a node, several fused ones, or a reorder of memory."""

    name: str
    op: str
    kernel: str
    sources: list[str]
    """Names of the nodes of the user's model that it came from."""
    seconds: float
    """Mean over the middle half of the runs by length, without the clock's own time."""
    share: float
    """Of the run."""
    gap: float
    """Seconds since the step before ended."""
    flops: float
    """Floating-point operations; a multiply-add is two."""
    bytes: float
    """Of all operands and results, once each."""


class Profile(TypedDict):
    """Where the time of a run goes, by the wall clock."""

    runs: int
    seconds: float
    """A whole run with its steps timed: the sum of steps, gaps and finish."""
    plain_seconds: float
    """A whole run that nobody looks into; one is made beside each of the others."""
    gap_seconds: float
    """Between the steps, in all."""
    finish_seconds: float
    """Copying results after the last step."""
    threads: int
    isa: str
    arena_bytes: int
    """Memory of a run, beside weights, inputs and outputs."""
    nodes: list[NodeProfile]


class KernelChoice(TypedDict):
    """The kernel of a step of the plan, and the reason against each other one."""

    name: str
    op: str
    kernel: str
    sources: list[str]
    rejected: dict[str, str]


class Plan(TypedDict):
    """A plan that a session keeps."""

    inputs: dict[str, list[int]]
    """Shapes it is for."""
    arena_bytes: int


def get_available_providers() -> list[str]:
    """What may stand in `providers`: Strata runs on the CPU."""
    return [CPU]


def get_device() -> str:
    """What models run on: "CPU"."""
    return "CPU"


class IOBinding:
    """Arrays of the caller's that runs read and write where they lie; see
    InferenceSession.io_binding."""

    def __init__(self, session: InferenceSession) -> None:
        if not isinstance(session, InferenceSession):
            raise UsageError(f"session: {session!r} given, expected a strata.InferenceSession")
        self._binding = _strata.Binding(session._session)

    def bind_input(self, name: str, array: NDArray[Any]) -> None:
        """Runs read the input from this array, of the model's type and in row-major order."""
        self._binding.bind_input(_arguments.text(name, "name"), array)

    bind_cpu_input = bind_input

    def bind_output(self, name: str, array: NDArray[Any] | None = None) -> None:
        """Runs write the output to this array, whose shape must be the output's.

        Without an array, one is made for the first run, and a new one when the shape changes.
        """
        self._binding.bind_output(_arguments.text(name, "name"), array)

    def get_outputs(self) -> list[NDArray[Any]]:
        """The arrays of the bound outputs themselves, in the model's order: the next run writes to
        them again. UsageError before the first run for outputs bound without an array."""
        arrays = []
        for array in self._binding.outputs():
            if array is None:
                raise UsageError("an output bound without an array has none before the first run")
            arrays.append(array)
        return arrays

    def copy_outputs_to_cpu(self) -> list[NDArray[Any]]:
        """Copies of them."""
        return [array.copy() for array in self.get_outputs()]

    def clear_binding_inputs(self) -> None:
        """No input is bound any more."""
        self._binding.clear_inputs()

    def clear_binding_outputs(self) -> None:
        """No output is bound any more."""
        self._binding.clear_outputs()


class InferenceSession:
    """A model ready to run on numpy arrays. Calls from several threads take turns.

    Arguments that are not given here (None) are those of sess_options, or their defaults.

    path_or_bytes: a path, the content of a model file as bytes, or a strata.Graph.
    providers, provider_options: as for ONNX Runtime; CPUExecutionProvider must be among them.
    threads: workers of a run, the caller included (default: intra_op_num_threads of sess_options;
    without these what the file says, else 1); 0: all this process may use.
    optimize: False runs the graph as it is in the file.
    passes_off: names of passes to skip; see strata.passes.
    check_passes: run the interpreter around each pass and name the first that changes results.
    memory_budget: most bytes for activations (default: the memory of this machine); where it does
    not hold, the run is refused.
    loop_limit: most iterations and branches in one run of a model with control flow.
    kernels: by name of a node, the kernel that it must run with.
    isa: the newest instruction set to use: "baseline", "avx2", "avx512", "avx512_vnni",
    "avx512_bf16" or "neon".
    precision: "f32", or "bf16": convolutions and matrix products round their factors to bf16 and
    add in f32 (needs avx512_bf16). Default: what the file says, else "f32".
    arithmetic: whose rounding integer ops of a TensorFlow Lite model follow: "tflite_xnnpack" (the
    default), "tflite_optimized" or "tflite_reference".
    literal: True computes quantized ONNX models op by op on floats, as the standard says, instead
    of on integers where quantizers surround an op (default: whether optimize is off). A
    strata.Graph is run as it is.
    keep_states: True lets states (variables of a TensorFlow Lite model) last from run to run until
    reset(); otherwise every run starts from their initial values.
    """

    def __init__(
        self,
        path_or_bytes: str | os.PathLike[str] | bytes | Graph,
        sess_options: SessionOptions | None = None,
        providers: Sequence[str | tuple[str, Mapping[str, Any]]] | None = None,
        provider_options: Sequence[Mapping[str, Any]] | None = None,
        *,
        threads: int | None = None,
        optimize: bool | None = None,
        passes_off: Sequence[str] = (),
        check_passes: bool = False,
        memory_budget: int | None = None,
        loop_limit: int = 10_000_000,
        kernels: Mapping[str, str] | None = None,
        isa: str | None = None,
        precision: str | None = None,
        arithmetic: str | None = None,
        literal: bool | None = None,
        keep_states: bool = False,
    ) -> None:
        if threads is None and sess_options is not None:
            threads = getattr(sess_options, "intra_op_num_threads", None)
        options = SessionOptions() if sess_options is None else sess_options
        if not isinstance(options, SessionOptions):
            raise UsageError(
                f"sess_options: {sess_options!r} given, expected a strata.SessionOptions; the "
                "number of threads is given as threads=N"
            )
        _check_providers(providers, provider_options)
        level = options.graph_optimization_level
        off = _arguments.texts(passes_off, "passes_off")
        if optimize is None:
            optimize = level != GraphOptimizationLevel.ORT_DISABLE_ALL
            if level == GraphOptimizationLevel.ORT_ENABLE_BASIC:
                off += ["fuse", "fuse_attention"]
        literal = not optimize if literal is None else _arguments.flag(literal, "literal")
        graph = load(path_or_bytes, arithmetic, literal)
        self._metadata = ModelMetadata(**graph.info())
        self._session = _strata.Session(
            graph,
            take=not isinstance(path_or_bytes, Graph),
            threads=None if threads is None else _threads(threads),
            optimize=_arguments.flag(optimize, "optimize"),
            passes_off=off,
            check_passes=_arguments.flag(check_passes, "check_passes"),
            memory_budget=_budget(memory_budget),
            loop_limit=_arguments.integer(
                loop_limit, "loop_limit", 1, 2**63 - 1, "a number of iterations from 1 on"
            ),
            kernels=_pins(kernels),
            isa=None if isa is None else _arguments.text(isa, "isa"),
            precision=None if precision is None else _arguments.text(precision, "precision"),
            log_runs=options.enable_profiling,
        )
        self._starts_over = not _arguments.flag(keep_states, "keep_states")
        self._options = options
        self._profile_prefix = options.profile_file_prefix if options.enable_profiling else None
        if options.optimized_model_filepath:
            self.graph().save(options.optimized_model_filepath)

    def get_inputs(self) -> list[NodeArg]:
        """Name, shape and element type of each input, as the model declares them."""
        return self._session.inputs()

    def get_outputs(self) -> list[NodeArg]:
        """Name, shape and element type of each output."""
        return self._session.outputs()

    def get_modelmeta(self) -> ModelMetadata:
        """What the model file says about itself."""
        return self._metadata

    def get_session_options(self) -> SessionOptions:
        """What the session was made with; keyword arguments do not show in it."""
        return self._options

    def get_providers(self) -> list[str]:
        """What the model runs on."""
        return [CPU]

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        """By provider."""
        return {CPU: {}}

    def run(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, NDArray[Any]],
        run_options: RunOptions | None = None,
    ) -> list[NDArray[Any]]:
        """New arrays for all outputs (None or an empty list) or the named ones.

        input_feed: an array for each input by name. Those in row-major order are used where they
        lie; others are copied. The GIL is released meanwhile.
        """
        if run_options is not None:
            _check_run(run_options)
        return self._session.run(output_names, input_feed, self._starts_over)

    def io_binding(self) -> IOBinding:
        """For runs on arrays that stay the same: nothing is copied, nothing allocated."""
        return IOBinding(self)

    def run_with_iobinding(
        self, iobinding: IOBinding, run_options: RunOptions | None = None
    ) -> None:
        """Runs on the bound arrays.

        Allocates nothing if the last run had the same shapes. Where sizes depend on data, results
        are computed elsewhere and copied.
        """
        if run_options is not None:
            _check_run(run_options)
        if not isinstance(iobinding, IOBinding):
            raise UsageError(f"iobinding: {iobinding!r} given, expected what io_binding() makes")
        self._session.run_bound(iobinding._binding, self._starts_over)

    def profile(self, feeds: Mapping[str, NDArray[Any]], runs: int = 10) -> Profile:
        """Runs the model `runs` times as it is and as often with its steps timed, in turns.

        The model's states go on as with any other runs. UsageError where sizes depend on data.
        """
        number = _arguments.integer(runs, "runs", 1, 2**31 - 1, "1 or more")
        measured: Profile = self._session.profile(feeds, number)
        return measured

    def end_profiling(self) -> str:
        """Writes when each step of the runs so far ran; the name of the file.

        For sessions made with SessionOptions.enable_profiling. The file is a trace that Perfetto
        and chrome://tracing open. At most a million steps are kept, as in ONNX Runtime.
        """
        if self._profile_prefix is None:
            raise UsageError("end_profiling: the session was made without enable_profiling")
        events = [
            {
                "name": event["name"],
                "cat": "Node",
                "ph": "X",
                "ts": event["start"] * 1e6,
                "dur": event["seconds"] * 1e6,
                "pid": os.getpid(),
                "tid": 0,
                "args": {"op": event["op"], "kernel": event["kernel"]},
            }
            for event in self._session.take_log()
        ]
        name = f"{self._profile_prefix}{time.strftime('%Y-%m-%d_%H-%M-%S')}.json"
        try:
            with open(name, "w", encoding="utf-8", errors="surrogateescape") as file:
                json.dump({"traceEvents": events, "displayTimeUnit": "ms"}, file)
        except OSError as error:
            raise IoError(f"writing {name}: {error.strerror}") from None
        return name

    def kernels(self) -> list[KernelChoice]:
        """The steps of the plan in order with the kernel of each, and why it has no other.

        UsageError where sizes depend on data, ModelError before the first run where kernels are
        chosen for the sizes that it brings.
        """
        return self._session.kernels()

    def plans(self) -> list[Plan]:
        """The plans kept for shapes met: the eight latest, of each segment where sizes depend on
        data."""
        return self._session.plans()

    def share(self) -> InferenceSession:
        """Another session over the same plans and weights, for a thread that runs at the same
        time: it has memory, threads and states of its own, which start at their initial values."""
        other = copy.copy(self)
        other._session = self._session.share()
        return other

    def reset(self) -> None:
        """Gives the model's states their initial values, which matters with keep_states."""
        self._session.reset()

    def graph(self) -> Graph:
        """A copy of what runs: the model after all passes."""
        return Graph(self._session.graph())


def _threads(value: int) -> int:
    return _arguments.integer(value, "threads", 0, 256, "0 (all) to 256")


def _budget(value: int | None) -> int | None:
    if value is None:
        return None
    return _arguments.integer(value, "memory_budget", 0, 2**63 - 1, "None or a number of bytes")


def _pins(kernels: Mapping[str, str] | None) -> list[tuple[bytes, str]]:
    if kernels is None:
        return []
    if not isinstance(kernels, Mapping):
        raise UsageError(f"kernels: {kernels!r} given, expected a dict of kernels by node")
    return [
        (_arguments.raw(_arguments.text(node, "kernels")), _arguments.text(row, "kernels"))
        for node, row in kernels.items()
    ]


def _check_run(options: RunOptions) -> None:
    if not isinstance(options, RunOptions):
        raise UsageError(f"run_options: {options!r} given, expected a strata.RunOptions")
    if options.terminate:
        raise UsageError("run_options: terminate is set, so the run is refused")


def _check_providers(providers: Any, provider_options: Any) -> None:
    expected = f"expected a list with {CPU!r}: Strata runs on the CPU"
    if providers is None:
        if provider_options:
            raise UsageError(f"provider_options: given without providers, {expected}")
        return
    if isinstance(providers, str) or not isinstance(providers, Sequence):
        raise UsageError(f"providers: {providers!r} given, {expected}")
    names = [item[0] if isinstance(item, tuple) and item else item for item in providers]
    if CPU not in names:
        raise UsageError(f"providers: {list(providers)!r} given, {expected}")
    if provider_options is None:
        return
    if not isinstance(provider_options, Sequence) or len(provider_options) != len(names):
        raise UsageError(
            f"provider_options: {provider_options!r} given, expected a list of {len(names)} dicts, "
            "one for each provider"
        )

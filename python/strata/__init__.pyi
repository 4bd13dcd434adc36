from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__version__: str

class Error(RuntimeError):
    """What went wrong: where, what, and what would be accepted."""

    code: Literal["usage", "model", "unsupported", "io", "internal"]

class NodeArg:
    """Name, shape and element type of an input or output."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> list[int | str]:
        """Numbers, and names (or expressions) for extents that are bound when running."""
    @property
    def type(self) -> str:
        """As ONNX Runtime spells it: "tensor(float)"."""

class InferenceSession:
    """A model ready to run. Calls from several threads take turns."""

    def __init__(
        self,
        path_or_bytes: str | PathLike[str] | bytes,
        threads: int = 1,
        *,
        optimize: bool = True,
        passes_off: Sequence[str] = [],
        check_passes: bool = False,
        memory_budget: int | None = None,
        kernels: Mapping[str, str] = {},
    ) -> None:
        """threads: 0 takes all this process may use. passes_off: names of passes to skip.
        check_passes: names the first pass that changes results, slowly. memory_budget: most bytes
        for activations; too few fails before the run. kernels: node name to kernel name, forced.
        """
    def get_inputs(self) -> list[NodeArg]: ...
    def get_outputs(self) -> list[NodeArg]: ...
    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, NDArray[Any]]
    ) -> list[NDArray[Any]]:
        """New arrays for all outputs (None) or the named ones. Inputs in row-major order are used
        where they lie; others are copied."""

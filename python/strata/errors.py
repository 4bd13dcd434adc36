"""What can go wrong. The texts are those of the C++ library and of the program `strata`."""

from __future__ import annotations

from typing import ClassVar, Literal


class Error(RuntimeError):
    """What went wrong: where, what, with the values, and what is accepted."""

    code: ClassVar[Literal["usage", "model", "unsupported", "io", "internal"]] = "internal"


class UsageError(Error, ValueError):
    """An argument, name, type, rank or size makes no sense here."""

    code = "usage"


class ModelError(Error):
    """The model is malformed, or the data make an operation impossible."""

    code = "model"


class UnsupportedError(Error):
    """Well formed, but Strata cannot do it."""

    code = "unsupported"


class IoError(Error):
    """The operating system refused."""

    code = "io"


class InternalError(Error):
    """A defect in Strata."""

    code = "internal"

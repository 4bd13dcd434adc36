"""Checks of arguments: what does not fit is refused with Strata's kind of error."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable
from typing import Any

from .errors import UsageError


def integer(value: Any, what: str, low: int, high: int, accepted: str) -> int:
    """The value as an int between the bounds; numpy's integers are welcome, bools are not."""
    try:
        number = low - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = low - 1
    if not low <= number <= high:
        raise UsageError(f"{what}: {value!r} given, {accepted} accepted")
    return number


def flag(value: Any, what: str) -> bool:
    """The value, if it is True or False."""
    if not isinstance(value, bool):
        raise UsageError(f"{what}: {value!r} given, True or False accepted")
    return value


def text(value: Any, what: str) -> str:
    """The value, if it is a str."""
    if not isinstance(value, str):
        raise UsageError(f"{what}: {value!r} given, expected a str")
    return value


def texts(values: Any, what: str) -> list[str]:
    """The values as a list, if all are str and there are several of them: not one str."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise UsageError(f"{what}: {values!r} given, expected a list of str")
    return [text(value, what) for value in values]


def optional_texts(values: Any, what: str) -> list[str | None]:
    """As texts, but None may stand for omitted ones."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise UsageError(f"{what}: {values!r} given, expected a list of str or None")
    return [None if value is None else text(value, what) for value in values]


def path(value: Any, what: str) -> bytes:
    """The path as the operating system takes it."""
    try:
        return os.fsencode(value)
    except TypeError:
        raise UsageError(
            f"{what}: a {type(value).__name__} given, expected a path (str or os.PathLike)"
        ) from None


def raw(value: str) -> bytes:
    """A name as the bytes of the file it came from."""
    return value.encode("utf-8", "surrogateescape")

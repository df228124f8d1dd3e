"""Library: functions of the system's own C libraries, asked without any of them having to be there."""
from __future__ import annotations

import contextlib
from typing import Any


def opened(*names: str | None) -> Any:
    """The first of these that this system has; None as a name is what the interpreter itself is linked with."""
    try:
        import ctypes
    except ImportError:         # a Python that was built without it
        return None
    for name in names:
        try:
            return getattr(ctypes, "WinDLL", ctypes.CDLL)(name)
        except OSError:
            continue
    return None


def ask(library: Any, function: str, *arguments: Any) -> Any:
    """What the function returns; None where there is no such library or function, or the call failed."""
    try:
        return getattr(library, function)(*arguments)
    except (AttributeError, OSError):
        return None


def set_result(library: Any, function: str, kind: type) -> None:
    """Say what the function returns, where there is one; without this ctypes takes it for an int."""
    with contextlib.suppress(AttributeError):
        getattr(library, function).restype = kind

"""Library: call functions of the system's C libraries, any of which may be missing."""
from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    import ctypes

Library = Optional["ctypes.CDLL"]       # None: this system, or this Python, has none


def opened(*names: str | None) -> Library:
    """The first of these libraries that this system has; the name None is what the interpreter is linked with."""
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


def ask(library: Library, function: str, *arguments: Any) -> Any:
    """The function's return value; None if the library or function is missing, or the call failed."""
    try:
        return getattr(library, function)(*arguments)
    except (AttributeError, OSError):
        return None


def set_result(library: Library, function: str, kind: type) -> None:
    """Declare the function's return type, if there is such a function; ctypes assumes int otherwise."""
    with contextlib.suppress(AttributeError):
        getattr(library, function).restype = kind

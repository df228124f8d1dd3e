"""Regular expressions that are compiled when they are first used: all those of a module take longer to compile than its code to load."""
from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Pattern:
    """Becomes the compiled pattern attribute by attribute."""

    def __init__(self, expression: Any, flags: int):
        self._expression, self._flags = expression, flags

    def __getattr__(self, name: str) -> Any:
        """Of an attribute that it does not have yet."""
        value = getattr(re.compile(self._expression, self._flags), name)
        setattr(self, name, value)
        return value


def lazy(expression: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    return cast("re.Pattern[AnyStr]", _Pattern(expression, flags))

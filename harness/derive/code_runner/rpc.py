"""Remote calls in both directions between two processes that do not trust each other: plain values as JSON lines.

Plain values are None, bool, int, float, str, list, tuple, dict, set, frozenset, Fraction and Decimal; an instance of a
subclass is sent as its base type. Any other object stays where it is, and its number is sent: the other side gets a
proxy that knows only this number. Unpacking never runs code chosen by the sender, and pickle is not used.
"""
from __future__ import annotations

import builtins
import json
import os
import sys

TYPE_CHECKING = False       # what is only for type checkers is not loaded: each answer starts such a process
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Any

MAX_DEPTH = 60          # an honest result is at most five deep; more is circular, or an attack on the recursion limit
MAX_BITS = 8192         # larger whole numbers are refused: arithmetic with them could keep the test process busy
WRITE_BYTES = 1 << 20
SAFE = 2 ** 63          # smaller whole numbers are sent in decimal; beyond, decimal conversion takes quadratic time
NAMES = {name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)}
EXCEPTIONS = {name: getattr(builtins, name) for name in NAMES if issubclass(getattr(builtins, name), Exception)}


class ConnectionLost(BaseException):
    """The other side is gone or broke the protocol. A BaseException, so that no `except Exception` in a test catches it."""

    def __init__(self, reason: str):
        self.reason = reason
        super().__init__(reason)


class NotSerializable(Exception):
    """A value that cannot be sent: too deep, too large, or circular."""


class RemoteException(Exception):
    """Mixed into every exception that represents one of the other process."""
    name = "Exception"


class Proxy:
    """An object of the other side, known here only by its number."""

    def __init__(self, channel: "Channel", number: int):
        self._channel, self._number = channel, number


class Channel:
    """One end of a connection. While a side waits for a reply, it serves the other's requests; one at a time."""

    def __init__(self, incoming: IO[bytes], outgoing: int, limit_bytes: int, answer: Callable[..., list],
                 make_proxy: Callable[["Channel", int, str], Proxy]):
        self._incoming, self._outgoing, self._left_bytes = incoming, outgoing, limit_bytes
        self._answer, self._make_proxy = answer, make_proxy
        self._objects: list = []          # objects of this side; the other side knows them by index
        self._numbers: dict = {}         # id of an object: its index; _objects keeps it alive
        self._proxies: dict = {}
        self._decoder = json.JSONDecoder(parse_int=_parse_int, parse_constant=_refuse)
        self._encode = json.JSONEncoder(separators=(",", ":")).encode   # json.dumps would make one for each message

    # ----- messages

    def ask(self, *request: Any) -> list:
        self.send(["ask", *request])
        while True:
            message = self.receive()
            if message[0] != "ask":
                return message
            self.send(self._answer(*message[1:]))

    def send(self, message: list) -> None:
        data = self._encode(message).encode("ascii") + b"\n"
        try:
            sent = os.write(self._outgoing, data)
            while sent < len(data):
                sent += os.write(self._outgoing, data[sent:sent + WRITE_BYTES])
        except OSError:
            raise ConnectionLost("crashed") from None

    def receive(self) -> list:
        """The next message, a list that begins with a word. Raises ConnectionLost if there is none, or an invalid or too long one."""
        try:
            data = self._incoming.readline(self._left_bytes + 1)
        except OSError:
            data = b""
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            raise ConnectionLost("output")
        with lost_on_error():
            message, _ = self._decoder.raw_decode(data.decode("ascii"))
            if not isinstance(message, list) or not isinstance(message[0], str):
                raise ValueError("no message")
            return message

    # ----- values

    def pack(self, value: Any, depth: int = 0) -> Any:
        """The value in a form that json.dumps accepts. Raises NotSerializable."""
        if value is None or value is True or value is False:
            return value
        if depth > MAX_DEPTH:
            raise NotSerializable("too deep")
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            return _pack_int(int.__index__(value))
        if isinstance(value, float):
            number = float.__float__(value)
            return number if number - number == 0 else {"float": repr(number)}
        kinds: tuple[Any, ...] = (list, tuple, set, frozenset)      # of a subclass only what the base class holds is sent
        for kind in kinds:
            if isinstance(value, kind):
                return {kind.__name__: [self.pack(inner, depth + 1) for inner in kind.__iter__(value)]}
        if isinstance(value, dict):
            return {"dict": [[self.pack(key, depth + 1), self.pack(inner, depth + 1)]
                             for key, inner in dict.items(value)]}
        return _pack_number(value) or self._pack_reference(value)

    def unpack(self, packed: Any) -> Any:
        """The value; any exception means that the message is malformed."""
        if not isinstance(packed, dict):
            if isinstance(packed, list):
                raise ValueError("a bare list")
            return packed
        (kind, inner), = packed.items()
        if kind in ("list", "tuple", "set", "frozenset"):
            return getattr(builtins, kind)([self.unpack(part) for part in inner])
        if kind == "dict":
            return {self.unpack(key): self.unpack(part) for key, part in inner}
        if kind == "mine":
            number, type_name = inner
            if number not in self._proxies:
                self._proxies[int(number)] = self._make_proxy(self, int(number), type_name)
            return self._proxies[number]
        return self.own(inner) if kind == "yours" else _unpack_number(kind, inner)

    def own(self, number: int) -> Any:
        if not 0 <= number < len(self._objects):
            raise ValueError("no such object")
        return self._objects[number]

    def _pack_reference(self, value: Any) -> dict:
        if issubclass(type(value), Proxy):
            return {"yours": value._number}
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return {"mine": [number, "callable" if callable(value) else "object"]}


class lost_on_error:
    """Turn any exception inside, while data from the other side is used, into ConnectionLost."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, problem: Any, trace: Any) -> None:
        if isinstance(problem, Exception):
            raise ConnectionLost("crashed") from None


def exception_message(problem: BaseException) -> list:
    """An exception as a message: the names of its built-in classes, nearest first, and its text."""
    names = [kind.__name__ for kind in type(problem).__mro__ if kind.__module__ == "builtins"]
    try:
        text = str.__str__(str(problem))[:2000]
    except BaseException:   # an untrusted __str__ may raise anything
        text = ""
    return ["raise", names, text]


def remote_exception(names: list, text: str) -> Exception:
    """The exception that represents one of the other process: a test catches it as any of its built-in classes."""
    with lost_on_error():
        names = names[:20]
        kinds = [EXCEPTIONS[name] for name in names if name in EXCEPTIONS] or [Exception]
        leaves = [kind for kind in kinds if not any(issubclass(other_kind, kind) for other_kind in kinds if other_kind is not kind)]
        nearest = next((name for name in names if name in NAMES), "Exception")
        inside = {"__init__": lambda self: None, "__str__": lambda self: str(text), "name": nearest}
        for bases in (leaves, leaves[:1]):
            try:
                return type("Raised", (RemoteException, *bases), inside)()
            except TypeError:       # two built-in exceptions whose memory layouts conflict
                continue
        return type("Raised", (RemoteException,), inside)()


def _pack_int(number: int) -> Any:
    if -SAFE < number < SAFE:
        return number
    if number.bit_length() > MAX_BITS:
        raise NotSerializable("too large a number")
    return {"int": hex(number)}


def _pack_number(value: Any) -> Any:
    """A Fraction or Decimal as a message, else None. Their modules are slow to import, so they are used only if imported."""
    fractions, decimal = sys.modules.get("fractions"), sys.modules.get("decimal")
    if fractions and isinstance(value, fractions.Fraction):
        return {"fraction": [_pack_int(value.numerator), _pack_int(value.denominator)]}
    if decimal and isinstance(value, decimal.Decimal):
        return {"decimal": str(value)}
    return None


def _unpack_number(kind: str, inner: Any) -> Any:
    if kind == "int" and len(inner) <= MAX_BITS // 4 + 3:
        return int(inner, 16)
    if kind == "float" and inner in ("nan", "inf", "-inf"):
        return float(inner)
    if kind == "fraction":
        from fractions import Fraction
        return Fraction(*[part if isinstance(part, int) else _unpack_number(*part.popitem()) for part in inner])
    if kind == "decimal" and len(inner) <= MAX_BITS:
        from decimal import Decimal
        return Decimal(inner)
    raise ValueError("unknown kind of value")


def _parse_int(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError("a long number in decimal")
    return int(digits)


def _refuse(word: str) -> None:
    raise ValueError(word)

"""The untrusted process, in which model-written code runs. It gets the code and the calls, never the expected results.

It serves requests on one channel: isolate yourself, run the code, call this. Its replies are only data to the test
process. What the code prints is discarded, and its standard input is empty.
"""
from __future__ import annotations

import os
import sys
import types

from derive.code_runner import isolation
from derive.code_runner.rpc import Channel, ConnectionLost, NotSerializable, Proxy, exception_message, remote_exception

TYPE_CHECKING = False       # what is only for type checkers is not loaded: each answer starts such a process
if TYPE_CHECKING:
    from typing import Any

UNLIMITED = 2 ** 31 - 2     # bytes read from the test process, which is trusted
RESERVE_BYTES = 4 << 20     # freed when memory runs out, so that this can still be reported


class TestObject(Proxy):
    """An object of the test, passed to the answer: hashing and comparing it sends a request."""

    def __hash__(self) -> int:
        return _value(self._channel, self._channel.ask("hash", self._number))

    def __eq__(self, other: Any) -> bool:
        return _value(self._channel, self._channel.ask("eq", self._number, self._channel.pack(other)))


class CallableTestObject(TestObject):
    def __call__(self, *args: Any) -> Any:
        return _value(self._channel, self._channel.ask("call", self._number, self._channel.pack(args)))

    __hash__ = TestObject.__hash__


class RequestServer:
    """Serves the test process's requests, one after another, until killed."""

    def __init__(self, incoming: int, outgoing: int):
        self.channel = Channel(open(incoming, "rb"), outgoing, UNLIMITED, self.serve, _make_proxy)
        self.module = types.ModuleType("answer")
        self._reserve = [bytes(RESERVE_BYTES)]

    def loop(self) -> None:
        while True:
            message = self.channel.receive()
            self.channel.send(self.serve(*message[1:]))

    def serve(self, verb: str, *details: Any) -> list:
        """The reply to one request. Any exception from the code, even SystemExit, becomes a reply."""
        try:
            return self.serve_any(verb, *details)
        except ConnectionLost:
            raise
        except MemoryError as problem:
            self._reserve.clear()
            return exception_message(problem)
        except BaseException as problem:
            return exception_message(problem)

    def serve_any(self, verb: str, *details: Any) -> list:
        if verb == "isolate":
            limits, layers = details
            return ["ok", self.channel.pack(isolation.isolate(limits, layers))]
        if verb == "run":
            return self.run(*details)
        if verb == "call":
            return self.call(*details)
        return self.packed(OPERATIONS[verb](self.channel.own(details[0])))

    def run(self, code: str, entry: str) -> list:
        try:
            compiled = compile(code, "answer", "exec", dont_inherit=True)
        except Exception:   # a null byte is a ValueError or a SyntaxError, deep nesting a MemoryError: by version
            return ["syntax-error"]
        sys.modules["answer"] = self.module     # dataclasses and others look up their module
        exec(compiled, self.module.__dict__)
        if entry not in self.module.__dict__:
            return ["no-entry"]
        return self.packed(_Entry(self.module.__dict__[entry]))

    def call(self, number: int, name: Any, args: Any, words: Any) -> list:
        """Call an object or its method; the reply includes the lists, dicts and sets among the arguments as they are now."""
        target, args, words = self.channel.own(number), self.channel.unpack(args), self.channel.unpack(words)
        arguments = [*args, *words.values()]
        try:
            reply = self.packed((getattr(target, name) if name else target)(*args, **words))
        except (ConnectionLost, MemoryError):
            raise
        except BaseException as problem:
            reply = exception_message(problem)
        if not any(type(value) in (list, dict, set) for value in arguments):
            return [*reply, None]
        after = self.packed(arguments)
        return [*reply, after[1]] if after[0] == "ok" else after

    def packed(self, value: Any) -> list:
        try:
            return ["ok", self.channel._pack_reference(value.value) if type(value) is _Entry else self.channel.pack(value)]
        except (NotSerializable, RecursionError, RuntimeError):
            return ["unusable"]


class _Entry:
    """Marks the requested name's value, which is sent as a reference even if it is a plain value."""

    def __init__(self, value: Any):
        self.value = value


OPERATIONS: dict = {"len": len, "bool": bool, "iter": iter, "next": next}


def main() -> None:
    """Of a process of its own: the pipes to the test process are its standard streams."""
    incoming, outgoing = os.dup(0), os.dup(1)
    if sys.platform == "win32":
        import msvcrt
        for number in (incoming, outgoing):
            msvcrt.setmode(number, os.O_BINARY)
    serve(incoming, outgoing)


def serve(incoming: int, outgoing: int) -> None:
    """Serve the test process on two pipes until it is gone, and give the code empty standard streams."""
    null_device = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null_device, number)
    os.close(null_device)
    sys.argv[:] = ["answer"]
    server = RequestServer(incoming, outgoing)
    server.channel.send(["here", os.getpid()])
    try:
        server.loop()
    except ConnectionLost:
        pass        # the test process is gone


def _make_proxy(channel: Channel, number: int, type_name: str) -> TestObject:
    return (CallableTestObject if type_name == "callable" else TestObject)(channel, number)


def _value(channel: Channel, reply: list) -> Any:
    if reply[0] == "raise":
        raise remote_exception(*reply[1:3])
    return channel.unpack(reply[1])

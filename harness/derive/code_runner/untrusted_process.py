"""The guest: the process in which model-written code runs. It knows the code and the calls, and never what is right.

It obeys one line of parcels: fence yourself in, run the code, call this. Whatever it says is only data to the
examiner. What the code prints goes nowhere, and its standard input is empty.
"""
from __future__ import annotations

import os
import sys
import types

from derive.code_runner import isolation
from derive.code_runner.rpc import Channel, ConnectionLost, NotSerializable, Proxy, exception_message, remote_exception

UNLIMITED = 2 ** 31 - 2     # bytes that the guest reads from the examiner, which it trusts
RESERVE_BYTES = 4 << 20     # given back when memory is out, so that this can still be said


class TestObject(Proxy):
    """An object of the test's, in the hands of the answer: hashed and compared by asking for it."""

    def __hash__(self) -> int:
        return _value(self._channel, self._channel.ask("hash", self._number))

    def __eq__(self, other: object) -> bool:
        return _value(self._channel, self._channel.ask("eq", self._number, self._channel.pack(other)))


class CallableTestObject(TestObject):
    def __call__(self, *args: object) -> object:
        return _value(self._channel, self._channel.ask("call", self._number, self._channel.pack(args)))

    __hash__ = TestObject.__hash__


class RequestServer:
    """Serves the examiner's requests, one after the other, until it is killed."""

    def __init__(self, incoming: int, outgoing: int):
        self.channel = Channel(open(incoming, "rb"), outgoing, UNLIMITED, self.serve, _make_proxy)
        self.module = types.ModuleType("answer")
        self._reserve = [bytes(RESERVE_BYTES)]

    def loop(self) -> None:
        while True:
            message = self.channel.receive()
            self.channel.send(self.serve(*message[1:]))

    def serve(self, verb: str, *details: object) -> list:
        """The reply to one request. Whatever the code raises, even SystemExit, is a reply too."""
        try:
            return self.serve_any(verb, *details)
        except ConnectionLost:
            raise
        except MemoryError as problem:
            self._reserve.clear()
            return exception_message(problem)
        except BaseException as problem:
            return exception_message(problem)

    def serve_any(self, verb: str, *details: object) -> list:
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
        sys.modules["answer"] = self.module     # dataclasses and the like look their module up
        exec(compiled, self.module.__dict__)
        if entry not in self.module.__dict__:
            return ["no-entry"]
        return self.packed(_Entry(self.module.__dict__[entry]))

    def call(self, number: int, name: object, args: object, words: object) -> list:
        """Call an object or its method; the reply tells what became of lists, dicts and sets among the arguments."""
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

    def packed(self, value: object) -> list:
        try:
            return ["ok", self.channel._pack_reference(value.value) if type(value) is _Entry else self.channel.pack(value)]
        except (NotSerializable, RecursionError, RuntimeError):
            return ["unusable"]


class _Entry:
    """The entry itself stays here, even if the answer made it a plain value."""

    def __init__(self, value: object):
        self.value = value


OPERATIONS = {"len": len, "bool": bool, "iter": iter, "next": next}


def main() -> None:
    """The line stands on the standard input and output that the examiner gave; the code will see empty ones."""
    incoming, outgoing = os.dup(0), os.dup(1)
    if os.name == "nt":
        import msvcrt
        for number in (incoming, outgoing):
            msvcrt.setmode(number, os.O_BINARY)
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
        pass        # the examiner is gone


def _make_proxy(channel: Channel, number: int, type_name: str) -> TestObject:
    return (CallableTestObject if type_name == "callable" else TestObject)(channel, number)


def _value(channel: Channel, reply: list) -> object:
    if reply[0] == "raise":
        raise remote_exception(*reply[1:3])
    return channel.unpack(reply[1])

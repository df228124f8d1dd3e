"""The guest: the process in which model-written code runs. It knows the code and the calls, and never what is right.

It obeys one line of parcels: fence yourself in, run the code, call this. Whatever it says is only data to the
examiner. What the code prints goes nowhere, and its standard input is empty.
"""
from __future__ import annotations

import os
import sys
import types

from derive.code_runner import isolation
from derive.code_runner.rpc import Line, Lost, StandIn, Unusable, raised, told

UNLIMITED = 2 ** 31 - 2     # bytes that the guest reads from the examiner, which it trusts
RESERVE_BYTES = 4 << 20     # given back when memory is out, so that this can still be said


class Thing(StandIn):
    """An object of the test's, in the hands of the answer: hashed and compared by asking for it."""

    def __hash__(self) -> int:
        return _value(self._line, self._line.ask("hash", self._number))

    def __eq__(self, other: object) -> bool:
        return _value(self._line, self._line.ask("eq", self._number, self._line.pack(other)))


class CallableThing(Thing):
    def __call__(self, *args: object) -> object:
        return _value(self._line, self._line.ask("call", self._number, self._line.pack(args)))

    __hash__ = Thing.__hash__


class Guest:
    """Serves the examiner's requests, one after the other, until it is killed."""

    def __init__(self, incoming: int, outgoing: int):
        self.line = Line(open(incoming, "rb"), outgoing, UNLIMITED, self.serve, _stand_in)
        self.module = types.ModuleType("answer")
        self._reserve = [bytes(RESERVE_BYTES)]

    def loop(self) -> None:
        while True:
            message = self.line.receive()
            self.line.send(self.serve(*message[1:]))

    def serve(self, verb: str, *details: object) -> list:
        """The reply to one request. Whatever the code raises, even SystemExit, is a reply too."""
        try:
            return self.serve_any(verb, *details)
        except Lost:
            raise
        except MemoryError as problem:
            self._reserve.clear()
            return told(problem)
        except BaseException as problem:
            return told(problem)

    def serve_any(self, verb: str, *details: object) -> list:
        if verb == "fence":
            limits, layers = details
            return ["ok", self.line.pack(isolation.close(limits, layers))]
        if verb == "run":
            return self.run(*details)
        if verb == "call":
            return self.call(*details)
        return self.packed(OPERATIONS[verb](self.line.own(details[0])))

    def run(self, code: str, entry: str) -> list:
        try:
            compiled = compile(code, "answer", "exec", dont_inherit=True)
        except Exception:   # a null byte is a ValueError or a SyntaxError, deep nesting a MemoryError: by version
            return ["syntax-error"]
        sys.modules["answer"] = self.module     # dataclasses and the like look their module up
        exec(compiled, self.module.__dict__)
        if entry not in self.module.__dict__:
            return ["no-entry"]
        return self.packed(_Kept(self.module.__dict__[entry]))

    def call(self, number: int, name: object, args: object, words: object) -> list:
        """Call an object or its method; the reply tells what became of lists, dicts and sets among the arguments."""
        target, args, words = self.line.own(number), self.line.unpack(args), self.line.unpack(words)
        given = [*args, *words.values()]
        try:
            reply = self.packed((getattr(target, name) if name else target)(*args, **words))
        except (Lost, MemoryError):
            raise
        except BaseException as problem:
            reply = told(problem)
        if not any(type(value) in (list, dict, set) for value in given):
            return [*reply, None]
        after = self.packed(given)
        return [*reply, after[1]] if after[0] == "ok" else after

    def packed(self, value: object) -> list:
        try:
            return ["ok", self.line._pack_reference(value.value) if type(value) is _Kept else self.line.pack(value)]
        except (Unusable, RecursionError, RuntimeError):
            return ["unusable"]


class _Kept:
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
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)
    sys.argv[:] = ["answer"]
    guest = Guest(incoming, outgoing)
    guest.line.send(["here", os.getpid()])
    try:
        guest.loop()
    except Lost:
        pass        # the examiner is gone


def _stand_in(line: Line, number: int, called: str) -> Thing:
    return (CallableThing if called == "callable" else Thing)(line, number)


def _value(line: Line, reply: list) -> object:
    if reply[0] == "raise":
        raise raised(*reply[1:3])
    return line.unpack(reply[1])

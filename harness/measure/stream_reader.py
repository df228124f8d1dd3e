"""Read several responses at once, in one thread: a clock reading for each read, and nothing else while bytes come in.

Status line, headers and framing are parsed from the stamped bytes once the last stream seems to have ended, or while
a stream is quiet. `selectors` takes what the system has; on Windows that is `select`, which Ctrl-C does not interrupt,
so no wait is longer than a tick.
"""
from __future__ import annotations

import selectors
from dataclasses import dataclass, field
from typing import Callable, Sequence, Tuple, Union

from measure.connection import NOT_YET, READ_BYTES, Connection, Timeout, explained
from measure.response_parser import ResponseParser

TICK_S = 0.1                        # how often time limits, Ctrl-C and the progress line are looked after
TICK_NS = int(TICK_S * 1e9)
LAST_CHUNK = b"0\r\n\r\n"           # how nearly every server ends a stream
MAX_BYTES = 64 * 1024 * 1024        # /api/show of a large model is a few MB; more is not Ollama


@dataclass(eq=False)
class Stream:
    """One request and what came back.

    `ending` is end (of the response), no-byte (silence before the headers were complete), silence (after that),
    unreachable (no connection), broken (reset, cut or not HTTP), or aborted (by us); None while it goes on.
    """
    connection: Connection
    pieces: list[tuple[int, bytes]] = field(default_factory=list)       # (clock reading, bytes), not parsed yet
    body: list[tuple[int, bytes]] = field(default_factory=list)
    parser: ResponseParser = field(default_factory=ResponseParser)
    ending: str | None = None
    error: str | None = None
    problem: OSError | None = None      # the system's error, if that ended the stream
    headers_ns: int | None = None
    ended_ns: int = 0
    last_ns: int = 0                    # when bytes last came, or the request was sent
    unread_bytes: int = 0               # received since the body was last taken
    is_closed: bool = False             # by the server

    def end(self, ending: str, now_ns: int, error: str | None = None, problem: OSError | None = None) -> None:
        self.ending, self.ended_ns, self.error, self.problem = ending, now_ns, error, problem

    def fail(self, ending: str, now_ns: int, problem: OSError) -> None:
        self.end(ending, now_ns, explained(problem), problem)

    @property
    def is_open(self) -> bool:
        return self.ending is None and not self.is_closed

    @property
    def seems_over(self) -> bool:
        return self.is_closed or bool(self.pieces) and self.pieces[-1][1].endswith(LAST_CHUNK)

    def keep(self, now_ns: int, outcome: bytes | OSError) -> None:
        """Take what one read of the socket gave: bytes, none at the end of the response, or an error."""
        if isinstance(outcome, OSError):
            self.fail("broken", now_ns, outcome)
        elif not outcome:
            self.is_closed, self.ended_ns = True, now_ns
        else:
            self.pieces.append((now_ns, outcome))
            self.last_ns = now_ns
            self.unread_bytes += len(outcome)
            if self.unread_bytes > MAX_BYTES:
                self.end("broken", now_ns, "a response without an end")

    def parse(self) -> None:
        """Move what has come from `pieces` to `body`; sets the ending where the bytes show it."""
        pieces, self.pieces = self.pieces, []
        for now_ns, data in pieces:
            is_head = self.parser.status is None
            body = self.parser.feed(data)
            if is_head and self.parser.status is not None:
                self.headers_ns = now_ns
            if body:
                self.body.append((now_ns, body))
            if self.parser.problem:
                return self.end("broken", now_ns, self.parser.problem)
            if self.parser.is_complete:
                return self.end("end", now_ns)

    def conclude(self) -> None:
        """Parse the rest, now that nothing more will be read."""
        self.parse()
        if self.ending is None:
            self.parser.end()
            self.end("broken" if self.parser.problem else "end", self.ended_ns, self.parser.problem)

    def take_body(self) -> bytes:
        """The part of the body that came since the last time."""
        self.parse()
        body, self.body, self.unread_bytes = b"".join(data for _, data in self.body), [], 0
        return body

    def check_limits(self, now_ns: int) -> None:
        """Of a stream that is quiet: see whether it is over, or quiet for too long."""
        quiet_ns, limits = now_ns - self.last_ns, self.connection.limits
        if quiet_ns < TICK_NS:
            return
        self.parse()
        has_begun = self.parser.status is not None
        limit_s = limits.silence_s if has_begun else limits.first_byte_s
        if self.ending is None and quiet_ns > limit_s * 1e9:
            self.fail("silence" if has_begun else "no-byte", now_ns, Timeout())


Reading = Tuple[Stream, int, Union[bytes, OSError]]     # what one read of a socket gave, and when


def exchange(connections: Sequence[Connection], clock: Callable[[], int], is_stopped: Callable[[], bool] = lambda: False,
             tick: Callable[[list[Stream]], None] = lambda streams: None) -> list[Stream]:
    """Connect, send all requests one right after another, and read every response to its end.

    `tick` is called about ten times a second while streams are read; `is_stopped` ends them all.
    """
    streams = [Stream(connection) for connection in connections]
    try:
        _connect(streams, clock, is_stopped)
        _send([stream for stream in streams if stream.ending is None], clock, is_stopped())
        _read(streams, clock, is_stopped, tick)
    finally:
        for stream in streams:
            stream.connection.close()
    for stream in streams:
        if stream.connection.started_ns is not None:
            stream.conclude()
    return streams


def _connect(streams: list[Stream], clock: Callable[[], int], is_stopped: Callable[[], bool]) -> None:
    """One after another. A server that lets one attempt time out is not waited for again."""
    for stream in streams:
        timed_out = next((other for other in streams if isinstance(other.problem, Timeout)), None)
        if is_stopped():
            stream.end("aborted", clock())
        elif timed_out:
            stream.fail("unreachable", clock(), Timeout())
        else:
            try:
                stream.connection.connect()
            except OSError as problem:
                stream.fail("unreachable", clock(), problem)


def _send(streams: list[Stream], clock: Callable[[], int], is_stopped: bool) -> None:
    for stream in streams:
        if is_stopped:
            stream.end("aborted", clock())
            continue
        try:
            stream.last_ns = stream.connection.send()
        except OSError as problem:
            stream.fail("broken", clock(), problem)


def _read(streams: list[Stream], clock: Callable[[], int], is_stopped: Callable[[], bool],
          tick: Callable[[list[Stream]], None]) -> None:
    waiting = {stream for stream in streams if stream.ending is None}
    with selectors.DefaultSelector() as selector:
        for stream in waiting:
            connection = stream.connection
            selector.register(connection.socket, selectors.EVENT_READ, (connection.receive, stream, connection.has_own_buffer))
        look_ns = clock() + TICK_NS
        while waiting:
            for stream, now_ns, outcome in _receive(selector, clock, look_ns):
                stream.keep(now_ns, outcome)
            if all(stream.seems_over for stream in waiting):
                for stream in waiting:
                    stream.parse()
            if clock() >= look_ns:
                _look(waiting, clock(), is_stopped)
                tick(streams)
                look_ns = clock() + TICK_NS
            for stream in [stream for stream in waiting if not stream.is_open]:
                selector.unregister(stream.connection.socket)
                waiting.discard(stream)


def _receive(selector: selectors.BaseSelector, clock: Callable[[], int], until_ns: int) -> list[Reading]:
    """Read and stamp what comes until then, or until a stream may be over.

    Nothing is done with it meanwhile: other streams' bytes wait here for their stamps, and each microsecond counts.
    """
    readings: list[Reading] = []
    may_be_over, now_ns = False, 0
    while not may_be_over and now_ns < until_ns:
        ready = [key.data for key, _ in selector.select(TICK_S)]
        if not ready:
            now_ns = clock()
        while ready:
            again = []
            for source in ready:
                receive, stream, has_own_buffer = source
                try:
                    outcome = receive(READ_BYTES)
                    now_ns = clock()
                except NOT_YET:
                    now_ns = clock()
                    continue
                except OSError as problem:
                    outcome, now_ns = problem, clock()
                readings.append((stream, now_ns, outcome))
                if not outcome or outcome.__class__ is not bytes or outcome.endswith(LAST_CHUNK):
                    may_be_over = True
                elif has_own_buffer:
                    again.append(source)
            ready = again
    return readings


def _look(waiting: set[Stream], now_ns: int, is_stopped: Callable[[], bool]) -> None:
    for stream in waiting:
        stream.check_limits(now_ns)
        if is_stopped() and stream.ending is None:
            stream.end("aborted", now_ns)

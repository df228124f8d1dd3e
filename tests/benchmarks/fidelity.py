#!/usr/bin/env python3
"""How exactly, and at what cost, are streams timed? Our reader beside others, in one run, against known send times.

    python tests/benchmarks/fidelity.py [--streams 1,4,8,20] [--witness player|fake] [--chunks 40] [--gap-ms 5]
                                        [--rounds 3] [--readers LIST] [--before CHECKOUT]

The witness `player` is a process that only writes: it has the bytes of all answers ready, and writes each at its
planned time, with a stamp right before the write. `fake` is the fake Ollama server with its own stamps. Each reader runs
in a process of its own, one after another, in every round, and makes several waves of calls:

    ours     measure/http_call.py
    before   the same of another checkout (--before)
    bare     one thread, one selector, one clock reading for each readable socket, nothing parsed
    plain    the usual loop over urllib, one thread a stream, that parses as it reads
    curl     curl -N, one process a stream, its output read by a thread

TTFT is when the first chunk was stamped less when it was sent; gaps are compared as absolute differences. The ratio is
of ours to bare, at the median and at the 99th percentile. How much of it is the machine's own noise is said by the ratio
of bare to itself, every other round against the rest. The last table is without that noise: what one reading costs when
the bytes are there already, the least of many.
"""
from __future__ import annotations

import argparse
import gc
import json
import os
import pathlib
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
import urllib.request
from typing import Callable

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECKOUT = pathlib.Path(os.environ.get("FIDELITY_CHECKOUT", ROOT))      # whose harness the readers of this process are
sys.path.insert(0, str(CHECKOUT / "harness"))

from base import ledger                         # noqa: E402
from measure import http_call, stream_reader    # noqa: E402
from measure.endpoint import Endpoint           # noqa: E402
from measure.server_address import parse_host   # noqa: E402
from self_test import timing_floor              # noqa: E402

READERS = ("ours", "before", "bare", "plain", "curl")
LINE = (b'{"model":"m","created_at":"2026-08-21T10:00:00.123456789Z","message":{"role":"assistant",'
        b'"content":" word"},"done":false}\n')
DONE = b'{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}\n'
HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nDate: Fri, 21 Aug 2026 10:00:00 GMT\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n")
PREFILL_NS = 20_000_000     # from the last request to the first chunk
SPREAD_NS = 50_000          # between the streams of a wave: servers write one after another


def main(argv: list | None = None) -> int:
    args = parse_args(argv)
    if args.reader:
        print(json.dumps(read(args.reader, args.url, json.loads(args.waves))))
        return 0
    if args.play:
        play(json.loads(args.play))
        return 0
    names = [name for name in args.readers.split(",") if (name != "curl" or shutil.which("curl")) and (name != "before" or args.before)]
    one_round = {"player": player_round, "fake": fake_round}[args.witness]
    print(f"witness: {args.witness}; waves of {args.chunks} chunks {args.gap_ms:g} ms apart, {args.rounds} rounds; microseconds")
    for streams in (int(part) for part in args.streams.split(",")):
        results: dict = {name: [] for name in names}
        for number in range(args.rounds):
            for name in names[number % len(names):] + names[:number % len(names)]:     # nobody is always first
                results[name].append(one_round(name, streams, args))
        report(streams, results)
    reading_cost([int(part) for part in args.streams.split(",")])
    if not args.only_streams:
        memory()
    return 0


def parse_args(argv: list | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", default="1,4,8,20")
    parser.add_argument("--witness", choices=("player", "fake"), default="player")
    parser.add_argument("--chunks", type=int, default=40, help="of each call")
    parser.add_argument("--gap-ms", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", help="another checkout of this repository")
    parser.add_argument("--readers", default=",".join(READERS))
    parser.add_argument("--only-streams", action="store_true", help="without the memory of 2000 calls")
    for hidden in ("--reader", "--url", "--waves", "--play"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


# ----- the readers, each in a process of its own

def read(reader: str, url: str, waves: list) -> dict:
    """Stamps of every line of every stream, in ns of the system-wide clock; processor time; peak memory."""
    read_wave = {"ours": read_ours, "before": read_ours, "bare": read_bare, "plain": in_threads(read_plain),
                 "curl": in_threads(read_curl)}[reader]
    began = processor_s()
    stamps = [stream for bodies in waves for stream in read_wave(url, bodies)]
    ended = processor_s()
    return {"stamps": stamps, "user_s": ended[0] - began[0], "system_s": ended[1] - began[1], "peak_kb": peak_kb()}


def in_threads(read_one: Callable[[str, bytes, list], None]) -> Callable[[str, list], list]:
    """A reader of one stream as one of a wave."""
    def read_wave(url: str, bodies: list) -> list:
        stamps: list = [[] for _ in bodies]
        threads = [threading.Thread(target=read_one, args=(url, json.dumps(body).encode(), mine))
                   for body, mine in zip(bodies, stamps)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return stamps
    return read_wave


def processor_s() -> tuple:
    """(user, system) seconds of this process and of its children that ended; os.times is too coarse for one stream."""
    try:
        import resource
    except ImportError:
        return time.process_time(), 0.0
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime for usage in used), sum(usage.ru_stime for usage in used)


def read_ours(url: str, bodies: list) -> list:
    requests = [http_call.ChatRequest("/api/chat", json.dumps(body).encode()) for body in bodies]
    results = http_call.run(Endpoint(parse_host(url)), requests, http_call.Stop())
    return [[now for now, _ in http_call.lines(result.pieces)] for result in results]


def read_bare(url: str, bodies: list) -> list:
    host, _, port = url.rpartition("//")[2].partition(":")
    connections = [socket.create_connection((host, int(port))) for _ in bodies]
    pieces: dict = {connection.fileno(): [] for connection in connections}
    gc.disable()
    selector = selectors.DefaultSelector()
    for connection, body in zip(connections, bodies):
        data = json.dumps(body).encode()
        connection.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                           % (len(data), data))
        selector.register(connection, selectors.EVENT_READ)
    left, clock = len(connections), time.perf_counter_ns
    while left:
        for key, _ in selector.select():
            data = key.fileobj.recv(65536)
            now = clock()
            if data:
                pieces[key.fd].append((now, data))
            else:
                selector.unregister(key.fileobj)
                left -= 1
    return [stamps_of(pieces[connection.fileno()]) for connection in connections]


def stamps_of(pieces: list) -> list:
    """The stamp of each line; its end is the only line feed that follows a brace."""
    return [now for now, data in pieces for _ in range(data.count(b"}\n"))]


def read_plain(url: str, body: bytes, stamps: list) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url + "/api/chat", data=body)) as response:
        for line in response:
            json.loads(line)
            stamps.append(time.perf_counter_ns())


def read_curl(url: str, body: bytes, stamps: list) -> None:
    with subprocess.Popen(["curl", "-sN", "-d", body.decode(), url + "/api/chat"], stdout=subprocess.PIPE, bufsize=0) as curl:
        rest = b""
        while True:
            data = os.read(curl.stdout.fileno(), 65536)
            now = time.perf_counter_ns()
            if not data:
                return
            *ended, rest = (rest + data).split(b"\n")
            stamps += [now] * len(ended)


def peak_kb() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


# ----- the witnesses

def play(plan: dict) -> None:
    """Take the requests of a wave, then only write: every chunk at its time, with a stamp right before the write."""
    gc.disable()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        print(listener.getsockname()[1], flush=True)
        print(json.dumps([stream for _ in range(plan["waves"]) for stream in play_wave(plan, listener)]))


def play_wave(plan: dict, listener: socket.socket) -> list:
    by_number = {}
    for _ in range(plan["streams"]):
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        by_number[number_in(connection)] = connection
    connections = [by_number[number] for number in sorted(by_number)]
    chunk, done = b"%x\r\n%s\r\n" % (len(LINE), LINE), b"%x\r\n%s\r\n0\r\n\r\n" % (len(DONE), DONE)
    sent: list = [[] for _ in connections]
    due, clock, sleep = time.perf_counter_ns() + PREFILL_NS, time.perf_counter_ns, time.sleep
    for data in [HEAD + chunk] + [chunk] * (plan["chunks"] - 1) + [done]:
        for number, connection in enumerate(connections):
            left = due + number * SPREAD_NS - clock()
            if left > 0:
                sleep(left / 1e9)
            sent[number].append(clock())
            connection.sendall(data)
        due += plan["gap_ns"]
    for connection in connections:
        connection.close()
    return sent


def number_in(connection: socket.socket) -> int:
    """The number of the stream, which is the first word of its message."""
    data = b""
    while b"\\n\\nx" not in data:
        data += connection.recv(65536)
    return int(data[data.index(b"\\n\\nx") - 18:data.index(b"\\n\\nx")])


def waves_of(streams: int, chunks: int) -> list:
    """Bodies, wave by wave; their messages begin with the number of the stream."""
    waves = min(20, max(5, 64 // streams))
    return [[{"model": "m", "messages": [{"role": "user", "content": f"{wave * streams + n:018d}\n\nx"}],
              "options": {"num_predict": chunks}} for n in range(streams)] for wave in range(waves)]


def start_reader(reader: str, url: str, waves: list, checkout: str | None) -> dict:
    environment = {**os.environ, "FIDELITY_CHECKOUT": checkout if reader == "before" else str(ROOT)}
    command = [sys.executable, __file__, "--reader", reader, "--url", url, "--waves", json.dumps(waves)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment).stdout)


def player_round(reader: str, streams: int, args: argparse.Namespace) -> dict:
    waves = waves_of(streams, args.chunks)
    plan = {"streams": streams, "waves": len(waves), "chunks": args.chunks, "gap_ns": int(args.gap_ms * 1e6)}
    with subprocess.Popen([sys.executable, __file__, "--play", json.dumps(plan)], stdout=subprocess.PIPE) as player:
        port = int(player.stdout.readline())
        seen = start_reader(reader, f"http://127.0.0.1:{port}", waves, args.before)
        return errors(seen, json.loads(player.stdout.read()))


def fake_round(reader: str, streams: int, args: argparse.Namespace) -> dict:
    model = {"name": "m", "answer_tokens": 0, "decode_gap_ms": args.gap_ms, "prefill_tok_s": 1e6, "load_ms": 0}
    with timing_floor.fake_server() as endpoint:
        endpoint.ask("/fake/script", {"exact": True, "models": [model], "slots": streams})
        waves = waves_of(streams, args.chunks)
        endpoint.ask("/api/chat", {**waves[0][0], "messages": [{"role": "user", "content": "x"}],
                                   "options": {"num_predict": 1}})     # loads
        seen = start_reader(reader, endpoint.target.url, waves, args.before)
        truth = {row["nonce"]: row for row in timing_floor.log(endpoint)}
    rows = [truth[f"{n:018d}"] for n in range(streams * len(waves))]
    return errors(seen, [[row["received_ns"] + offset for offset in row["sent_ns"]] for row in rows])


# ----- the comparison

def errors(seen: dict, sent: list) -> dict:
    """Errors of one reader in one round, all streams together, in microseconds."""
    first, gaps = [], []
    for heard, real in zip(seen["stamps"], sent):
        if len(heard) != len(real):
            raise SystemExit(f"{len(heard)} lines were read of {len(real)}")
        first.append((heard[0] - real[0]) / 1000)
        gaps += [abs(ours - theirs) / 1000 for ours, theirs in zip(timing_floor.steps(heard), timing_floor.steps(real))]
    chunks = sum(map(len, sent))
    late = [(mine - theirs) / 1000 for heard, real in zip(seen["stamps"], sent) for mine, theirs in zip(heard, real)]
    return {"first": first, "gaps": gaps, "late": late, "user_us": seen["user_s"] * 1e6 / chunks,
            "cpu_us": (seen["user_s"] + seen["system_s"]) * 1e6 / chunks, "peak_kb": seen["peak_kb"]}


COLUMNS = (("first", 0.5, "TTFT p50"), ("first", 0.99, "p99"), ("late", 0.5, "late p50"), ("late", 0.99, "p99"),
           ("gaps", 0.5, "gap p50"), ("gaps", 0.99, "p99"))


def report(streams: int, results: dict) -> None:
    values = {name: pooled(rounds) for name, rounds in results.items()}
    print(f"\n{streams} at once; TTFT n = {len(values['ours']['first'])}, chunks n = {len(values['ours']['late'])}")
    print(f"{'reader':9}" + "".join(f"{title:>10}" for _, _, title in COLUMNS) + f"{'cpu/chunk':>11}{'user':>7}{'peak MB':>9}")
    for name, rounds in results.items():
        cells = [at(values[name][kind], share) for kind, share, _ in COLUMNS]
        peaks = [result["peak_kb"] for result in rounds if result["peak_kb"]]
        print(f"{name:9}" + "".join(f"{cell:>10.0f}" for cell in cells)
              + f"{min(result['cpu_us'] for result in rounds):>11.1f}{min(result['user_us'] for result in rounds):>7.1f}"
              + f"{max(peaks) / 1024 if peaks else 0:>9.1f}")
    report_ratio("ours/bare", values["ours"], values["bare"])
    if len(results["bare"]) > 1:
        report_ratio("bare/bare", pooled(results["bare"][::2]), pooled(results["bare"][1::2]))


def report_ratio(title: str, values: dict, others: dict) -> None:
    ratios = [at(values[kind], share) / max(1.0, at(others[kind], share)) for kind, share, _ in COLUMNS]
    print(f"{title:9}" + "".join(f"{ratio:>10.2f}" for ratio in ratios), flush=True)


def pooled(rounds: list) -> dict:
    """The errors of several rounds by kind."""
    return {kind: [value for result in rounds for value in result[kind]] for kind in ("first", "late", "gaps")}


def at(values: list, share: float) -> float:
    return timing_floor.nearest_rank(values, share)


def reading_cost(counts: list) -> None:
    """Nanoseconds from a wait to the last stamp, for each socket, all of which are readable before the wait."""
    print("\none reading of sockets that are all readable; ns for each socket")
    for count in counts:
        ours, ours_writers = readable_sockets(count, lambda reader: (
            reader.recv, stream_reader.Stream(types.SimpleNamespace()), False))
        bare, bare_writers = readable_sockets(count, lambda reader: [])
        costs = {"ours": [], "bare": []}
        for _ in range(1000):
            costs["ours"].append(one_reading(ours_writers, lambda clock: stream_reader._receive(ours, clock, 1)))
            costs["bare"].append(one_reading(bare_writers, lambda clock: bare_reading(bare, clock)))
        least = {name: min(values) / count for name, values in costs.items()}
        print(f"{count:3} at once: ours {least['ours']:6.0f}, bare {least['bare']:6.0f}, ratio {least['ours'] / least['bare']:.2f}")


def readable_sockets(count: int, data: Callable[[socket.socket], object]) -> tuple:
    """A selector over `count` sockets with `data` for each, and the sockets that write to them."""
    selector, writers = selectors.DefaultSelector(), []
    for _ in range(count):
        writer, reader = socket.socketpair()
        reader.setblocking(False)
        selector.register(reader, selectors.EVENT_READ, data(reader))
        writers.append(writer)
    return selector, writers


def one_reading(writers: list, read_all: Callable[[Callable[[], int]], object]) -> int:
    """From the call to the last stamp."""
    stamps: list = []
    for writer in writers:
        writer.send(LINE)
    began_ns = time.perf_counter_ns()
    read_all(lambda: stamps.append(time.perf_counter_ns()) or stamps[-1])
    return stamps[-1] - began_ns


def bare_reading(selector: selectors.BaseSelector, clock: Callable[[], int]) -> None:
    for key, _ in selector.select():
        data = key.fileobj.recv(65536)
        now = clock()
        if data:
            key.data.append((now, data))


def memory() -> None:
    """Peak memory after few and after many calls that are read, folded and written to a ledger."""
    model = {"name": "m", "answer_tokens": 50, "decode_gap_ms": 0.0, "prefill_tok_s": 1e9, "load_ms": 0, "overhead_ms": 0}
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]}).encode()
    peaks, done = [], 0
    with timing_floor.fake_server() as endpoint, tempfile.TemporaryDirectory() as folder:
        endpoint.ask("/fake/script", {"models": [model]})
        appender = ledger.files.Appender(pathlib.Path(folder) / "run.jsonl")
        for calls in (100, 2000):
            while done < calls:
                fields = http_call.record_fields(http_call.run(endpoint, [http_call.ChatRequest("/api/chat", body)], http_call.Stop())[0])
                appender.append(json.dumps(fields).encode() + b"\n")
                done += 1
            peaks.append((calls, peak_kb()))
        appender.close()
    print("\npeak memory: " + ", ".join(f"{peak} kB after {calls} calls" for calls, peak in peaks))


if __name__ == "__main__":
    raise SystemExit(main())

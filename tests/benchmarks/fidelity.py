#!/usr/bin/env python3
"""How exactly, and at what cost, are streams timed? Ours beside other readers, in one run, against planted truth.

    python tests/benchmarks/fidelity.py [--streams 1,4,20] [--chunks 500] [--gap-ms 5] [--rounds 3] [--calls 60]

The stub tells when each chunk really left; readers run in processes of their own, one after the other, each round
anew. Gaps and costs are of whole rounds; rounds of 20 chunks are added until TTFT has its n. `bare` only receives: what it costs is the machine's price for waking a process, and what ours costs above it is
ours. `plain` is the usual loop over urllib that parses as it reads; `curl` is curl -N with its output read line by
line. Errors are microseconds between leaving and being stamped; gaps are compared as absolute differences.
"""
from __future__ import annotations

import argparse
import http.client
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "harness"))

from base import ledger                                 # noqa: E402
from self_test import timing_floor
from measure import http_call                   # noqa: E402
from measure.endpoint import Endpoint                   # noqa: E402
from measure.server_address import parse_host                   # noqa: E402

SHORT = 20          # chunks: a round for one more time to first token
READERS = ("ours", "bare", "plain", "curl")


def main(argv: list | None = None) -> int:
    args = parse_args(argv)
    if args.reader:
        print(json.dumps(read(args.reader, args.url, json.loads(args.bodies))))
        return 0
    readers = [name for name in READERS if name != "curl" or shutil.which("curl")]
    for streams in (int(part) for part in args.streams.split(",")):
        lengths = [args.chunks] * args.rounds + [SHORT] * (-(-args.calls // streams) - args.rounds)
        report(streams, {name: [one_round(name, streams, args.gap_ms, chunks) for chunks in lengths] for name in readers})
    full_socket()
    memory()
    return 0


def parse_args(argv: list | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", default="1,4,20")
    parser.add_argument("--chunks", type=int, default=500)
    parser.add_argument("--gap-ms", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=60, help="n of each reader's TTFT, at least")
    for hidden in ("--reader", "--url", "--bodies"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


# ----- the readers, each in a process of its own

def read(reader: str, url: str, bodies: list) -> dict:
    """Stamps of every line of every stream, in ns of the system-wide clock; processor time; peak memory."""
    began = processor_s()
    if reader == "ours":
        stamps = read_ours(url, bodies)
    else:
        one = {"bare": read_bare, "plain": read_plain, "curl": read_curl}[reader]
        stamps = [[] for _ in bodies]
        threads = [threading.Thread(target=one, args=(url, json.dumps(body).encode(), found))
                   for body, found in zip(bodies, stamps)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    ended = processor_s()
    return {"stamps": stamps, "user_s": ended[0] - began[0], "system_s": ended[1] - began[1], "peak_kb": peak_kb()}


def processor_s() -> tuple:
    """(user, system) seconds of this process and of its children that ended; os.times is too coarse for one stream."""
    try:
        import resource
    except ImportError:
        return time.process_time(), 0.0
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime for one in used), sum(one.ru_stime for one in used)


def read_ours(url: str, bodies: list) -> list:
    requests = [http_call.Request("/api/chat", json.dumps(body).encode()) for body in bodies]
    arrivals = http_call.run(Endpoint(parse_host(url)), requests, http_call.Stop())
    return [[now for now, _ in http_call.lines(came.pieces)] for came in arrivals]


def read_bare(url: str, body: bytes, found: list) -> None:
    host, _, port = url.rpartition("//")[2].partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                           % (len(body), body))
        while connection.recv(65536):
            found.append(time.perf_counter_ns())


def read_plain(url: str, body: bytes, found: list) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url + "/api/chat", data=body)) as response:
        for line in response:
            json.loads(line)
            found.append(time.perf_counter_ns())


def read_curl(url: str, body: bytes, found: list) -> None:
    with subprocess.Popen(["curl", "-sN", "-d", body.decode(), url + "/api/chat"], stdout=subprocess.PIPE, bufsize=0) as curl:
        rest = b""
        while True:
            data = os.read(curl.stdout.fileno(), 65536)
            now = time.perf_counter_ns()
            if not data:
                return
            *ended, rest = (rest + data).split(b"\n")
            found += [now] * len(ended)


def peak_kb() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


# ----- the comparison

def one_round(reader: str, streams: int, gap_ms: float, chunks: int) -> dict:
    """Errors of one reader in one round, all streams together."""
    model = {"name": "m", "answer_tokens": 0, "decode_gap_ms": gap_ms, "prefill_tok_s": 1e6, "load_ms": 0}
    with timing_floor.stub() as endpoint:
        endpoint.ask("/stub/script", {"models": [model], "slots": streams})
        bodies = [{"model": "m", "messages": [{"role": "user", "content": f"{n:018d}\n\nx"}],
                   "options": {"num_predict": chunks}} for n in range(streams + 1)]
        endpoint.ask("/api/chat", {**bodies[-1], "options": {"num_predict": 1}})    # loads
        command = [sys.executable, __file__, "--reader", reader, "--url", endpoint.target.url, "--bodies",
                   json.dumps(bodies[:-1])]
        seen = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        truth = {row["nonce"]: row for row in timing_floor.log(endpoint)}
    first, gaps, came = [], [], 0
    for n, stamps in enumerate(seen["stamps"]):
        row = truth[f"{n:018d}"]
        sent = [row["received_ns"] + offset for offset in row["sent_ns"]]
        came += len(sent)
        if stamps:
            first.append((stamps[0] - sent[0]) / 1000)
        if len(stamps) == len(sent):        # bare stamps reads, which need not be lines
            gaps += [abs(ours - real) / 1000 for ours, real in zip(timing_floor.steps(stamps), timing_floor.steps(sent))]
    cost = {name: seen[name] * 1e6 / came for name in ("user_s", "system_s")}
    return {"chunks": chunks, "first": first, "gaps": gaps, "cost": cost, "peak_kb": seen["peak_kb"]}


def report(streams: int, results: dict) -> None:
    first_texts = {name: [value for one in rounds for value in one["first"]] for name, rounds in results.items()}
    print(f"\n{streams} stream{'s' if streams > 1 else ''} at once; microseconds, TTFT n = {len(first_texts['ours'])}")
    print(f"{'reader':8}{'TTFT p50':>10}{'p99':>9}{'worst':>9}{'gap p50':>10}{'p99':>9}{'worst':>9}"
          f"{'cpu/chunk':>11}{'user':>8}{'above bare':>12}{'peak MB':>9}")
    results = {name: [one for one in rounds if one["chunks"] > SHORT] for name, rounds in results.items()}
    totals = {name: min(sum(one["cost"].values()) for one in rounds) for name, rounds in results.items()}
    for name, rounds in results.items():
        first = first_texts[name]
        gaps = [value for one in rounds for value in one["gaps"]]
        user = min(one["cost"]["user_s"] for one in rounds)
        peaks = [one["peak_kb"] for one in rounds if one["peak_kb"]]
        cells = [at(first, 0.5), at(first, 0.99), at(first, 1.0), at(gaps, 0.5), at(gaps, 0.99), at(gaps, 1.0)]
        print(f"{name:8}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, (10, 9, 9, 10, 9, 9)))
              + f"{totals[name]:>11.1f}{user:>8.1f}{totals[name] - totals['bare']:>12.1f}"
              + f"{max(peaks) / 1024 if peaks else 0:>9.1f}")
    print(f"processor time, ours : plain = {totals['ours'] / totals['plain']:.2f}; "
          f"ours : bare = {totals['ours'] / totals['bare']:.2f}")


def full_socket(chunks: int = 20_000, rounds: int = 5) -> None:
    """Processor time of reading and stamping a chunk that is there already, so that no waking is in it."""
    line = (b'{"model":"m","created_at":"2026-08-21T10:00:00.123456789Z","message":{"role":"assistant",'
            b'"content":" word"},"done":false}\n')
    data = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"%x\r\n%s\r\n" % (len(line), line)) * chunks
            + b"0\r\n\r\n")

    def plain(response: http.client.HTTPResponse, pieces: list) -> None:
        for one in response:
            json.loads(one)
            pieces.append(time.perf_counter_ns())
    readers = {"ours": lambda response, pieces: http_call.collect(response.read1, time.perf_counter_ns, pieces), "plain": plain}
    costs: dict = {name: [] for name in readers}
    for _ in range(rounds):
        for name, reader in readers.items():
            ours, theirs = socket.socketpair()
            with ours, theirs:
                sender = threading.Thread(target=lambda: (theirs.sendall(data), theirs.shutdown(socket.SHUT_WR)))
                sender.start()
                response = http.client.HTTPResponse(ours)
                response.begin()
                began = time.thread_time()
                reader(response, [])
                costs[name].append((time.thread_time() - began) * 1e6 / chunks)
                sender.join()
    shown = {name: statistics.median(values) for name, values in costs.items()}
    print(f"\nprocessor time for a chunk that is there already, microseconds: ours {shown['ours']:.2f}, "
          f"plain {shown['plain']:.2f}; ours : plain = {shown['ours'] / shown['plain']:.2f}  (n={rounds}, median)")


def at(values: list, share: float) -> str:
    return f"{timing_floor.nearest_rank(values, share):.0f}" if values else "-"


def memory() -> None:
    """Peak memory after few and after many calls that are read, folded and written to a ledger."""
    model = {"name": "m", "answer_tokens": 50, "decode_gap_ms": 0.0, "prefill_tok_s": 1e9, "load_ms": 0, "overhead_ms": 0}
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]}).encode()
    peaks, done = [], 0
    with timing_floor.stub() as endpoint, tempfile.TemporaryDirectory() as folder:
        endpoint.ask("/stub/script", {"models": [model]})
        appender = ledger.files.Appender(pathlib.Path(folder) / "run.jsonl")
        for calls in (100, 2000):
            while done < calls:
                fields = http_call.fold(http_call.run(endpoint, [http_call.Request("/api/chat", body)], http_call.Stop())[0])
                appender.append(json.dumps(fields).encode() + b"\n")
                done += 1
            peaks.append((calls, peak_kb()))
        appender.close()
    print("\npeak memory: " + ", ".join(f"{peak} kB after {calls} calls" for calls, peak in peaks))


if __name__ == "__main__":
    raise SystemExit(main())

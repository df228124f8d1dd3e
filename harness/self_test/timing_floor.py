"""The timing floor: the harness's own timing error, against a fake server that knows when it sent each chunk."""
from __future__ import annotations

import contextlib
import json
import math
import pathlib
import subprocess
import sys
import time
from typing import Iterator

from base import console
from base.errors import BROKEN, UserError
from measure import http_call
from measure.connection import TimeLimits
from measure.endpoint import Endpoint
from measure.server_address import parse_host

SERVER = pathlib.Path(__file__).resolve().parent / "fake_ollama"
FLOOR_CALLS, FLOOR_CHUNKS, FLOOR_GAP_MS = 3, 80, 1.0      # with the fake server's start under half a second


@contextlib.contextmanager
def fake_server() -> Iterator[Endpoint]:
    """The fake server in its own process, which ends with ours, however ours ends."""
    process = subprocess.Popen([sys.executable, "-S", str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin and process.stdout
    try:
        hello = process.stdout.readline()
        if not hello:
            raise UserError("the fake server did not start", str(SERVER), "report this with your Python version", BROKEN)
        yield Endpoint(parse_host(json.loads(hello)["url"]), TimeLimits(5.0, 60.0, 60.0))
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def floor(streams: int = 1, calls: int = FLOOR_CALLS, chunks: int = FLOOR_CHUNKS, gap_ms: float = FLOOR_GAP_MS,
          progress: console.Progress = console.Progress(quiet=True)) -> dict:
    """The timing floor as the manifest holds it, from streams that are read at once, against the fake server's own stamps."""
    model = {"name": "floor:latest", "answer_tokens": 0, "decode_gap_ms": gap_ms, "prefill_tok_s": 1e6, "load_ms": 0}
    with contextlib.ExitStack() as stack:
        with progress.working("starting the fake server"):
            endpoint = stack.enter_context(fake_server())
        progress.draw("measuring how exact this machine's clock and loopback are")
        endpoint.ask("/fake/script", {"exact": True, "models": [model], "slots": streams})
        body = {"model": "floor:latest", "messages": [{"role": "user", "content": "0"}],
                "options": {"num_predict": chunks}}
        http_call.run(endpoint, [_request(body, 0)], http_call.Stop())
        endpoint.ask("/fake/log/clear", {})
        began = time.process_time()
        results = []
        for call in range(calls):
            asked = [_request(body, 1 + call * streams + stream) for stream in range(streams)]
            results += http_call.run(endpoint, asked, http_call.Stop())
        cpu_s = time.process_time() - began
        truth = {row["nonce"]: row for row in log(endpoint) if row["nonce"]}
        return compare(results, truth, streams, cpu_s)


def _request(body: dict, number: int) -> http_call.ChatRequest:
    """A request that carries its number as the nonce, by which the fake server's log knows it."""
    message = {"role": "user", "content": f"{number:018d}\n\nFloor."}
    return http_call.ChatRequest("/api/chat", json.dumps({**body, "messages": [message]}).encode("ascii"))


def log(endpoint: Endpoint) -> list:
    """The fake server's log: what it planned and did for each request, in order of arrival."""
    return endpoint.ask("/fake/log").value


def compare(results: list, truth: dict, streams: int, cpu_s: float) -> dict:
    """Errors in microseconds: when a chunk was stamped against when the fake server had sent it.

    Both read time.perf_counter_ns, which is one clock for all processes of a system.
    """
    ttft_errors, gap_errors, chunks = [], [], 0
    for number, result in enumerate(results, 1):
        row = truth.get(f"{number:018d}")
        if row is None or not result.pieces:
            raise UserError(f"a stream to the fake server failed ({result.error or result.ending})", "timing floor",
                            "run --self-test to see what works", BROKEN)
        sent = [row["received_ns"] + offset for offset in row["sent_ns"]]
        stamps = [now for now, line in http_call.lines(result.pieces)]
        ttft_errors.append((stamps[0] - sent[0]) / 1000)
        gap_errors += [abs(mine - real) / 1000 for mine, real in zip(steps(stamps), steps(sent))]
        chunks += len(stamps)
    return {
        "streams": streams, "chunks": chunks,
        "ttft_error_us_p50": nearest_rank(ttft_errors, 0.5), "ttft_error_us_max": nearest_rank(ttft_errors, 1.0),
        "gap_error_us_p50": nearest_rank(gap_errors, 0.5), "gap_error_us_p99": nearest_rank(gap_errors, 0.99),
        "gap_error_us_max": nearest_rank(gap_errors, 1.0), "cpu_us_per_chunk": round(cpu_s * 1e6 / max(1, chunks), 1),
    }


def steps(stamps: list) -> list:
    return [after - before for before, after in zip(stamps, stamps[1:])]


def nearest_rank(values: list, share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed; one decimal is finer than any clock here."""
    # The product is rounded first: 0.55 of 100 values is the 55th, though in binary it is a little more than 55.
    place = math.ceil(round(share * len(values), 6))
    return round(sorted(values)[max(1, place) - 1], 1) if values else 0.0

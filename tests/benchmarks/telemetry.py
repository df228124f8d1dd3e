#!/usr/bin/env python3
"""What does it cost to read the state of the machine between two calls, and what would reading during them cost?

    python tests/benchmarks/telemetry.py [--readings 500] [--rounds 3] [--rate 10]

First one reading, beside an empty loop and beside the usual way, a process for each reading: wall time, processor time
with that of children, and the share of a call of two seconds. Then the streams of the timing floor, with and without a
thread that reads RATE times a second, taking turns: what a sampler costs of one core, and what it does to the stamps.
"""
from __future__ import annotations

import argparse
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from typing import Callable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "harness"))

from measure import telemetry
from self_test import timing_floor      # noqa: E402

CALL_S = 2.0
PROCESSES = (["nvidia-smi", "--query-gpu=utilization.gpu,power.draw", "--format=csv"], ["cat", "/proc/stat"],
             ["sysctl", "-n", "vm.loadavg"], ["cmd", "/c", "ver"])
SHOWN = {"ttft_error_us_p50": "ttft p50", "gap_error_us_p50": "gap p50", "gap_error_us_p99": "gap p99",
         "gap_error_us_max": "gap max", "cpu_us_per_chunk": "cpu a chunk"}      # of a timing floor


def main(argv: list | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=10.0)
    args = parser.parse_args(argv)
    listener = socket.create_server(("127.0.0.1", 0))      # so that this process is taken for the server
    reader = telemetry.reader(True, listener.getsockname()[1])
    compare_costs(reader, args.readings)
    compare_streams(reader, args.rounds, args.rate)
    return 0


# ----- one reading

def compare_costs(reader: telemetry.Reader, times: int) -> None:
    print(f"{'':36} {'wall p50':>10} {'p99':>10} {'processor':>10} {'of a call':>10}")
    report("an empty loop", lambda: None, times)
    report("begin, before the requests leave", reader.begin, times)
    report("a reading, after the last byte", reader.read, times)
    for command in PROCESSES:
        if shutil.which(command[0]):
            report(f"a process: {' '.join(command)[:24]}", lambda: subprocess.run(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), max(10, times // 10))


def report(name: str, act: Callable[[], object], times: int) -> None:
    """Microseconds of one `act`; n is printed, since fewer are made of the slow ones."""
    spent, began = [], processor_s()
    for _ in range(times):
        started = time.perf_counter_ns()
        act()
        spent.append((time.perf_counter_ns() - started) / 1000)
    processor_us = (processor_s() - began) / times * 1e6
    middle, worst = statistics.median(spent), sorted(spent)[int(0.99 * (times - 1))]
    print(f"{name:36} {middle:7.1f} us {worst:7.1f} us {processor_us:7.1f} us {middle / CALL_S / 1e4:8.4f} %  n={times}")


def processor_s() -> float:
    """Of this process and of its children that ended."""
    try:
        import resource
    except ImportError:         # Windows; its children are not counted
        return time.process_time()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


# ----- a sampler

def compare_streams(reader: telemetry.Reader, rounds: int, rate: float) -> None:
    found: dict = {"alone": [], "beside a sampler": []}
    shares = []
    for _ in range(rounds):
        found["alone"].append(streams())
        with Sampler(reader, rate) as sampler:
            found["beside a sampler"].append(streams())
        shares.append(sampler.share)
    print(f"\n{f'errors of a stream, {rounds} rounds, medians':36} " + " ".join(f"{title:>11}" for title in SHOWN.values()))
    for name, floors in found.items():
        medians = [statistics.median(one[label] for one in floors) for label in SHOWN]
        print(f"{name:36} " + " ".join(f"{value:8.1f} us" for value in medians))
    print(f"the sampler took {statistics.median(shares):.2%} of one core at {rate:g} readings a second")


def streams() -> dict:
    return timing_floor.floor(streams=1, calls=3, chunks=400, gap_ms=2.0)


class Sampler:
    """Reads in a thread of its own while the block runs; `share` is its processor time over the time that passed."""

    def __init__(self, reader: telemetry.Reader, rate: float):
        self._reader, self._pause_s, self._over = reader, 1 / rate, threading.Event()
        self._thread, self.share = threading.Thread(target=self._run), 0.0

    def _run(self) -> None:
        began, began_cpu = time.monotonic(), time.thread_time()
        while not self._over.wait(self._pause_s):
            self._reader.read()
        self.share = (time.thread_time() - began_cpu) / (time.monotonic() - began)

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


if __name__ == "__main__":
    raise SystemExit(main())

"""What a catalogue costs: time and memory by the number of runs, a build after one more run, and json.loads beside it.

    python tests/benchmarks/catalogue.py [--calls few|many] [RUNS ...]      default: few, 1000 and 10000 runs

Synthetic runs of two models each. `few` are runs of the two short phases, some 50 calls and 80 kB a run, so that what
is paid by run and not by call shows most; `many` have all phases. Each build is a process of its own with all cores.
Aims: time grows with the runs and memory does not; a build after one more run takes less than 2 % of the whole one; the
whole one takes at most 4 times as long as json.loads of the same ledgers in one process.
"""
from __future__ import annotations

import argparse
import concurrent.futures
import json
import multiprocessing
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support      # noqa: F401,E402  puts the harness on the path
import corpus       # noqa: E402

from publish import process_pool     # noqa: E402

AT_ONCE = 100


def write(top: str, first: int, count: int, many: bool) -> None:
    corpus.write(pathlib.Path(top), count, None if many else corpus.SMALL_PHASES, first)


def write_all(top: pathlib.Path, count: int, many: bool) -> None:
    with concurrent.futures.ProcessPoolExecutor(process_pool.cores(), multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(write, str(top), first, min(AT_ONCE, count - first), many) for first in range(0, count, AT_ONCE)]
        for job in jobs:
            job.result()


def build(top: str) -> dict:
    """One build in this process and its workers."""
    from publish import build as builder
    began = time.perf_counter()
    order = builder.BuildOptions(pathlib.Path(top) / "submissions", pathlib.Path(top) / "site", "benchmark", {}, True, time.time(), process_pool.cores())
    report = builder.build(order)
    seconds, own, others = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"seconds": seconds, "cpu_s": own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime, "own_mib": own.ru_maxrss / 1024,
            "worker_mib": others.ru_maxrss / 1024, "shown": report.shown, "made": report.runs_made, "cells": report.cells}


def loads(top: str) -> dict:
    """Reading the same ledgers, and nothing else."""
    began, size = time.perf_counter(), 0
    for path in sorted(pathlib.Path(top).glob("submissions/*/*/run-*/run.jsonl")):
        with open(path, "rb") as source:
            for line in source:
                json.loads(line)
                size += len(line)
    return {"seconds": time.perf_counter() - began, "mb": size / 1e6}


def measured(work: str, top: pathlib.Path) -> dict:
    done = subprocess.run([sys.executable, __file__, "--work", work, str(top)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(count: int, many: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        write_all(top, count, many)
        plain, whole, same = measured("loads", top), measured("build", top), measured("build", top)
        write(str(top), count, 1, many)
        more = measured("build", top)
        assert (whole["made"], same["made"], more["made"], more["shown"]) == (count, 0, 1, count + 1), (whole, same, more)
        print(f"{count} runs, {plain['mb']:.0f} MB of ledgers, {whole['cells']} cells: json.loads {plain['seconds']:.1f} s; whole build "
              f"{whole['seconds']:.1f} s ({whole['cpu_s']:.0f} s of processors, {1000 * whole['seconds'] / count:.1f} ms a run, ratio "
              f"{whole['seconds'] / plain['seconds']:.1f}), peak {whole['own_mib']:.0f} MiB, of the largest worker {whole['worker_mib']:.0f} MiB; "
              f"with nothing new {same['seconds']:.2f} s; after one more run {more['seconds']:.2f} s = "
              f"{100 * more['seconds'] / whole['seconds']:.2f} %", flush=True)


def main(argv: list) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", choices=("few", "many"), default="few")
    parser.add_argument("--work", choices=("loads", "build"), help=argparse.SUPPRESS)
    parser.add_argument("runs", nargs="*", default=["1000", "10000"])
    args = parser.parse_args(argv)
    if args.work:
        print(json.dumps({"loads": loads, "build": build}[args.work](args.runs[0])))
        return 0
    for count in map(int, args.runs):
        compare(count, args.calls == "many")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""What a catalogue costs by the number of runs: time, memory, size of the site, and json.loads of the same ledgers beside it.

    python tests/benchmarks/catalogue.py [--calls few|many] [--no-git] [RUNS ...]      default: few, 100, 1000 and 10000 runs

Synthetic runs of two models each, committed to a git clone unless --no-git. `few` are runs of the two short phases, some
50 calls and 90 kB a run, so that the cost per run shows more than the cost per call; `many` have all phases. Each build
is a process of its own with all cores: a first one without a cache, one with nothing new, one after another run was
committed, and a second one without a cache, when the files are in memory. The growth exponent is that of the first
build's time between two sizes; 1 is linear. 10,000 runs take minutes and 3 GB of disk.
Aims for 10,000 runs: nothing new < 0.5 s, one more run < 1 s, the site at most 1.2 times the submissions on disk.
"""
from __future__ import annotations

import argparse
import concurrent.futures
import json
import math
import multiprocessing
import os
import pathlib
import resource
import shutil
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


def commit(top: pathlib.Path) -> None:
    """All runs in a git clone, whose hashes tell the builder what has changed."""
    quiet = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for words in (["init", "-q"], ["add", "-A", "submissions"], ["commit", "-q", "-m", "runs"]):
        subprocess.run(["git", "-C", str(top), "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "core.compression=0",
                        "-c", "gc.auto=0", *words], check=True, env=quiet, stdout=subprocess.DEVNULL)


def disk_mb(*folders: pathlib.Path) -> float:
    """What folders take on disk together; a file with several names counts once."""
    sizes = {(state.st_dev, state.st_ino): state.st_size for folder in folders for path in folder.rglob("*")
             for state in [path.stat()] if path.is_file()}
    return sum(sizes.values()) / 1e6


def measured(work: str, top: pathlib.Path) -> dict:
    done = subprocess.run([sys.executable, __file__, "--work", work, str(top)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(count: int, many: bool, with_git: bool) -> float:
    """Print one size; the seconds of its first build."""
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        write_all(top, count, many)
        if with_git:
            commit(top)
        first = measured("build", top)
        submitted, together = disk_mb(top / "submissions"), disk_mb(top / "submissions", top / "site")
        plain, same = measured("loads", top), measured("build", top)
        write(str(top), count, 1, many)
        if with_git:
            commit(top)
        more = measured("build", top)
        assert (first["made"], same["made"], more["made"], more["shown"]) == (count, 0, 1, count + 1), (first, same, more)
        shutil.rmtree(top / "site.cache")
        warm = measured("build", top)
        print(f"{count} runs, {plain['mb']:.0f} MB of ledgers, {first['cells']} cells: json.loads {plain['seconds']:.1f} s; without a cache "
              f"{first['seconds']:.1f} s ({first['cpu_s']:.0f} s of processors, {1000 * first['cpu_s'] / count:.1f} ms a run), again "
              f"{warm['seconds']:.1f} s; nothing new {same['seconds']:.2f} s ({same['cpu_s']:.2f} s of processors, imports included); one more run "
              f"{more['seconds']:.2f} s ({more['cpu_s']:.2f}); peak memory "
              f"{first['own_mib']:.0f} MiB, of the largest worker {first['worker_mib']:.0f} MiB; the site adds {together - submitted:.0f} MB to "
              f"{submitted:.0f} MB of submissions ({together / submitted - 1:.2f} times)", flush=True)
        return first["seconds"]


def main(argv: list) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", choices=("few", "many"), default="few")
    parser.add_argument("--work", choices=("loads", "build"), help=argparse.SUPPRESS)
    parser.add_argument("runs", nargs="*", default=["100", "1000", "10000"])
    parser.add_argument("--no-git", action="store_true", help="runs in a plain folder")
    args = parser.parse_args(argv)
    if args.work:
        print(json.dumps({"loads": loads, "build": build}[args.work](args.runs[0])))
        return 0
    before = None
    for count in map(int, args.runs):
        seconds = compare(count, args.calls == "many", not args.no_git)
        if before is not None and before[0] != count:
            print(f"growth exponent from {before[0]} to {count} runs: {math.log(seconds / before[1]) / math.log(count / before[0]):.2f}")
        before = count, seconds
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

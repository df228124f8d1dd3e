"""What a catalogue costs by the number of runs: time, processor time and memory of each kind of build, and the size of the site.

    python tests/benchmarks/catalogue.py [--calls few|many] [--no-git] [--base CHECKOUT] [RUNS ...]     default: few, 100 1000 10000

Synthetic runs of two models each, committed to a git clone unless --no-git. `few` are runs of the two short phases, some
50 calls and 90 kB a run, so that the cost per run shows more than the cost per call; `many` have all phases. Runs beyond
the first 500 are copies with other ids and times. Each build is a process of its own with all cores:

    cold            the first one, without a cache
    nothing new     again
    one more        after another run was committed
    warm            without a cache once more, when the files are in memory

Imports count in the processor time and not in the time. --base measures another checkout of this repository in the same
way, step by step in turn with this one, with runs of its own corpus. Of more than 1,000 runs, only this checkout is measured,
and not warm: the cold build is all but that, since its runs have just been written. The growth exponent is that of the cold
build between two sizes; 1 is linear. On two cores, 100 runs take half a minute, 1,000 three minutes; 10,000 runs take far
longer, and 3 GB of disk. Aims for 10,000 runs: nothing new < 0.5 s, one more < 1 s; the site adds at most 1.2 times the
submissions at any size.
"""
from __future__ import annotations

import argparse
import concurrent.futures
import datetime
import hashlib
import json
import math
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from typing import Dict, List

HERE = pathlib.Path(__file__).resolve().parents[2]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
AT_ONCE, ORIGINALS, MOST_REPEATED = 50, 500, 1000
MADE = {"cold": None, "nothing new": 0, "one more": 1, "warm": None}     # step: how many runs it has to make; None: all


# ----- the corpus

def write(root: str, top: str, first: int, count: int, many: bool) -> None:
    """The runs of these numbers, by the corpus of a checkout."""
    sys.path[:0] = [f"{root}/tests", f"{root}/harness"]
    import corpus
    phases = None if many else corpus.SMALL_PHASES
    for number in range(first, first + count):
        turn, original = divmod(number, ORIGINALS)
        if turn == 0:
            corpus.write(pathlib.Path(top), 1, phases, number)
        else:
            copy(pathlib.Path(top) / corpus.spec(original, phases).folder, turn)


def copy(folder: pathlib.Path, turn: int) -> None:
    """A run with the same figures, another id and a later start."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    began = json.loads(files["manifest.json"])["started_at"]
    later = datetime.datetime.strptime(began, "%Y-%m-%dT%H:%M:%SZ") + datetime.timedelta(minutes=13 * turn)
    old_id, new_id = folder.name[len("run-"):], str(uuid.UUID(int=random.Random(f"{folder.name} {turn}").getrandbits(128), version=4))
    for old, new in ((old_id, new_id), (began, later.strftime("%Y-%m-%dT%H:%M:%SZ"))):
        files = {name: data.replace(old.encode("ascii"), new.encode("ascii")) for name, data in files.items()}
    old_hash = sha256((folder / "run.jsonl").read_bytes())
    files["run.jsonl"] = chained(files["run.jsonl"])
    target = folder.with_name(f"run-{new_id}")
    target.mkdir()
    for name, data in files.items():
        (target / name).write_bytes(data.replace(old_hash, sha256(files["run.jsonl"])))


def chained(ledger: bytes) -> bytes:
    """The same lines, each with the hash of the one before."""
    lines = ledger.splitlines()
    for place in range(1, len(lines)):
        lines[place] = re.sub(rb'"prev":"[0-9a-f]{64}"', b'"prev":"' + sha256(lines[place - 1]) + b'"', lines[place], count=1)
    return b"\n".join(lines) + b"\n"


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode("ascii")


# ----- in a process of its own

def build(root: str, top: str) -> dict:
    """One build in this process and its workers."""
    sys.path.insert(0, f"{root}/harness")
    from publish import build as builder
    options = getattr(builder, "BuildOptions", None) or builder.Order      # its name in older checkouts
    began = time.perf_counter()
    report = builder.build(options(pathlib.Path(top) / "submissions", pathlib.Path(top) / "site", "benchmark", {}, True, time.time(), CORES))
    seconds, own, others = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"seconds": seconds, "cpu_s": own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime,
            "own_mib": own.ru_maxrss / 1024, "worker_mib": others.ru_maxrss / 1024, "shown": report.shown, "made": report.runs_made,
            "cells": report.cells}


def loads(root: str, top: str) -> dict:
    """Reading the ledgers, and nothing else."""
    began = time.perf_counter()
    for path in sorted(pathlib.Path(top).glob("submissions/*/*/run-*/run.jsonl")):
        with open(path, "rb") as source:
            for line in source:
                json.loads(line)
    return {"seconds": time.perf_counter() - began}


def call(work: str, *words: object) -> dict:
    done = subprocess.run([sys.executable, __file__, "--work", work, *map(str, words)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


# ----- one size

@dataclass
class Catalogue:
    """The runs of one checkout and their site; `builds` are the measured ones by step."""
    name: str
    root: pathlib.Path
    top: pathlib.Path
    many: bool
    with_git: bool
    builds: Dict[str, dict] = field(default_factory=dict)
    site_share: float = 0.0         # what the site adds to the submissions

    def add_runs(self, first: int, count: int) -> None:
        """Originals before their copies."""
        for begin, end in ((first, min(first + count, ORIGINALS)), (max(first, ORIGINALS), first + count)):
            with concurrent.futures.ThreadPoolExecutor(CORES) as pool:
                list(pool.map(lambda number: call("write", self.root, self.top, number, min(AT_ONCE, end - number), int(self.many)),
                              range(begin, end, AT_ONCE)))
        if self.with_git:
            self.commit()

    def commit(self) -> None:
        """Runs in a git clone, whose hashes show the builder what has changed."""
        quiet = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        for words in (["init", "-q"], ["add", "-A", "submissions"], ["commit", "-q", "-m", "runs"]):
            subprocess.run(["git", "-C", str(self.top), "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "core.compression=0",
                            "-c", "gc.auto=0", *words], check=True, env=quiet, stdout=subprocess.DEVNULL)

    def build(self, step: str, count: int) -> None:
        if step == "one more":
            self.add_runs(count, 1)
        if step == "warm":
            shutil.rmtree(self.top / "site.cache")
        result = self.builds[step] = call("build", self.root, self.top)
        shown = count + (step in ("one more", "warm"))
        assert (result["shown"], result["made"]) == (shown, shown if MADE[step] is None else MADE[step]), (self.name, step, result)
        if step == "cold":
            self.site_share = disk_mb(self.top / "submissions", self.top / "site") / disk_mb(self.top / "submissions") - 1

    def lines(self, count: int) -> List[str]:
        cold = self.builds["cold"]
        return [f"  {self.name}", *(f"    {step:12} {result['seconds']:8.2f} s {result['cpu_s']:8.2f} s of processors {result['own_mib']:5.0f} MiB"
                                    for step, result in self.builds.items()),
                f"    {1000 * cold['cpu_s'] / count:.1f} ms of processors a run, {cold['cells']} cells; largest worker {cold['worker_mib']:.0f} MiB; "
                f"the site adds {self.site_share:.2f} times the submissions"]


def disk_mb(*folders: pathlib.Path) -> float:
    """What folders take on disk together; a file with several names counts once."""
    sizes = {(state.st_dev, state.st_ino): state.st_size for folder in folders for path in folder.rglob("*")
             for state in [path.stat()] if path.is_file()}
    return sum(sizes.values()) / 1e6


def compare(count: int, args: argparse.Namespace) -> Dict[str, dict]:
    """Print one size; the cold build of each checkout."""
    is_large = count > MOST_REPEATED
    roots = {"this checkout": HERE, **({"base": args.base.resolve()} if args.base and not is_large else {})}
    steps = [step for step in MADE if not (is_large and step == "warm")]
    with tempfile.TemporaryDirectory() as folder:
        catalogues = [Catalogue(name, root, pathlib.Path(folder) / name.replace(" ", "-"), args.calls == "many", not args.no_git)
                      for name, root in roots.items()]
        for catalogue in catalogues:
            catalogue.top.mkdir()
            catalogue.add_runs(0, count)
        for step in steps:
            for catalogue in catalogues:
                catalogue.build(step, count)
        plain, submitted = call("loads", HERE, catalogues[0].top), disk_mb(catalogues[0].top / "submissions")
        print(f"{count:,} runs, {submitted:.0f} MB; json.loads of the ledgers {plain['seconds']:.2f} s; load {os.getloadavg()[0]:.1f}")
        for catalogue in catalogues:
            print("\n".join(catalogue.lines(count)))
        for step in steps if len(catalogues) > 1 else ():
            ours, bases = (catalogue.builds[step] for catalogue in catalogues)
            print(f"  {step}: {ours['seconds'] / bases['seconds']:.2f} times the base's time, {ours['cpu_s'] / bases['cpu_s']:.2f} times its processor time")
        sys.stdout.flush()
        return {catalogue.name: catalogue.builds["cold"] for catalogue in catalogues}


def print_growth(before: Dict[str, dict], now: Dict[str, dict]) -> None:
    for name in before.keys() & now.keys():
        runs = math.log(now[name]["shown"] / before[name]["shown"])
        exponents = [math.log(now[name][what] / before[name][what]) / runs for what in ("seconds", "cpu_s")] if runs else []
        print(*(f"growth exponent of {name} from {before[name]['shown']:,} to {now[name]['shown']:,} runs: {time_:.2f} in time, "
                f"{cpu:.2f} in processor time" for time_, cpu in [exponents] if exponents), flush=True)


def main(argv: list) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", choices=("few", "many"), default="few")
    parser.add_argument("--base", type=pathlib.Path, metavar="CHECKOUT", help="another checkout of this repository, measured in turn")
    parser.add_argument("--no-git", action="store_true", help="runs in a plain folder")
    parser.add_argument("--work", choices=("write", "build", "loads"), help=argparse.SUPPRESS)
    parser.add_argument("runs", nargs="*", default=["100", "1000", "10000"])
    args = parser.parse_args(argv)
    if args.work == "write":
        root, top, *numbers = args.runs
        print(json.dumps(write(root, top, *map(int, numbers))))
        return 0
    if args.work:
        print(json.dumps({"loads": loads, "build": build}[args.work](*args.runs)))
        return 0
    before: Dict[str, dict] = {}
    for count in map(int, args.runs):
        now = compare(count, args)
        print_growth(before, now)
        before = now
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

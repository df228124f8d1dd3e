"""What a check costs: one ordinary run beside reading it and json.loads alone, and the memory for a tree of many runs.

    python tests/benchmarks/checker.py [runs in the tree, default 1000]

Synthetic runs of two models in all phases with long answers: one as planned by default, one with some 350 measured calls
for each model. Each kind of work is a process of its own, three times; the fastest counts. Aims: under half a second of
processor time, a small ratio, the same memory for a tree of ten times as many runs.
"""
from __future__ import annotations

import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support      # noqa: F401,E402  puts the harness on the path

from base import plan, suites       # noqa: E402
from base.phases import PHASES
from mutants import machine, valid  # noqa: E402

ROUNDS = 3
SHARE = 0.8             # of its limit, that an answer takes
ORDINARY = (("as planned by default", 3), ("350 calls for each model", 34))
SMALL = ("frozen-prompts",)


def read_alone(folder: str) -> None:
    for path in sorted(pathlib.Path(folder).iterdir()):
        with open(path, "rb") as source:
            for line in source if path.suffix == ".jsonl" else [source.read()] if path.suffix == ".json" else []:
                json.loads(line)


def check(folder: str) -> None:
    import check_submission
    if check_submission.main([folder]):
        raise SystemExit("the benchmark's own run does not pass")


def measured(work: str, folder: pathlib.Path, rounds: int = ROUNDS) -> tuple:
    """(processor seconds, peak MiB) of one kind of work in a process of its own; the fastest of the rounds."""
    return min(tuple(json.loads(subprocess.run([sys.executable, __file__, work, str(folder)], stdout=subprocess.PIPE,
                                               stderr=subprocess.DEVNULL, check=True).stdout.splitlines()[-1])) for _ in range(rounds))


def peak_mib() -> float:
    """Linux counts a parent's memory into ru_maxrss of its child; what /proc tells is this process's own."""
    try:
        status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def many(root: pathlib.Path, count: int) -> pathlib.Path:
    """A tree of so many small runs, each with nonces and times of its own."""
    manifest = valid.manifest_of(list(SMALL), valid.SETTINGS, dict([next(iter(valid.MODELS.items()))]))
    loaded = {phase: suites.load(phase) for phase in SMALL}
    for number in range(count):
        made = valid.Run(valid.SETTINGS, SMALL)
        made.records = machine.records_of(manifest, loaded, machine.Server(valid.MODELS, seed=number), valid.ENDED_AT, 10 ** 6 * number)
        made.rename(str(uuid.UUID(int=number << 64 | 0x8000000000000000 | 4 << 76)))
        made.write(root)
    return root / "submissions"


def main(argv: list) -> int:
    if argv and argv[0] in ("read", "check"):
        began = time.process_time()
        {"read": read_alone, "check": check}[argv[0]](argv[1])
        print(json.dumps([time.process_time() - began, peak_mib()]))
        return 0
    count = int(argv[0]) if argv else 1000
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, repeats in ORDINARY:
            run = valid.Run(plan.Settings(repeats=repeats), PHASES, 2, SHARE).write(root / name.replace(" ", "-"))
            size, lines = (run / "run.jsonl").stat().st_size, sum(1 for _ in open(run / "run.jsonl", "rb"))
            (plain_s, _), (ours_s, ours_mib) = measured("read", run), measured("check", run)
            print(f"{name}: {lines} lines, {size / 1e6:.1f} MB: reading and json.loads {plain_s:.3f} s, check {ours_s:.3f} s, "
                  f"ratio {ours_s / plain_s:.1f}, peak {ours_mib:.0f} MiB")
        for runs in (count // 10, count):
            ours_s, ours_mib = measured("check", many(root / str(runs), runs), 1)
            print(f"a tree of {runs} runs: {ours_s:.1f} s, {1000 * ours_s / runs:.0f} ms a run, peak {ours_mib:.0f} MiB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

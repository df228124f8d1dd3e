"""What a summary costs: its time over that of reading the same bytes and json.loads alone, and its memory by length.

    python tests/benchmarks/summary.py [calls, default 1000000]

Synthetic ledgers of one tenth of the calls and of all of them; each kind of work in a process of its own, three times,
the fastest counts. Aim: a ratio of at most 3, and no more than 200 bytes of memory for each call: medians are exact.
"""
from __future__ import annotations

import json
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support      # noqa: F401,E402  puts the harness on the path
import ledgers      # noqa: E402

from base import ledger_reader, json_text     # noqa: E402
from derive import summary                      # noqa: E402

ROUNDS = 3
ITEMS = [("small-eval", f"5Q-Q0{n}") for n in range(1, 6)] + [("python-tasks", f"PY-T{n:02d}") for n in range(1, 13)]


def write(path: pathlib.Path, calls: int) -> None:
    """A chained ledger whose calls differ in their times, as real ones do."""
    random_number = random.Random(1)

    def records():
        yield ledgers.meta()
        for number in range(calls):
            phase, item = ITEMS[number % len(ITEMS)]
            made = ledgers.call(random_number.uniform(10, 40), random_number.uniform(5, 15), random_number.randrange(60, 180),
                                phase=phase, item=item, repeat=1 + number // len(ITEMS), conditions=ledgers.conditions())
            made["gaps_us"] = [random_number.randrange(5000, 15000) for _ in made["gaps_us"]]
            yield made
        yield ledgers.footer(calls, outcomes={"ok": calls})
    with open(path, "wb") as out:
        for record in ledgers.numbered(records()):
            out.write(json_text.dumps(record).encode("ascii") + b"\n")


def read_alone(path: str) -> None:
    with open(path, "rb") as source:
        for line in source:
            json.loads(line)


def summarise(path: str) -> None:
    summary.summarize(ledgers.manifest(), ledger_reader.read(path), {}, {})


def measured(work: str, path: pathlib.Path) -> tuple:
    """(processor seconds, peak MiB) of one kind of work in a process of its own; the fastest of ROUNDS."""
    runs = []
    for _ in range(ROUNDS):
        done = subprocess.run([sys.executable, __file__, work, str(path)], stdout=subprocess.PIPE, check=True)
        runs.append(tuple(json.loads(done.stdout)))
    return min(runs)


def main(argv: list) -> int:
    if argv and argv[0] in ("read", "summary"):
        began = time.process_time()
        {"read": read_alone, "summary": summarise}[argv[0]](argv[1])
        spent = time.process_time() - began
        print(json.dumps([spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
        return 0
    whole = int(argv[0]) if argv else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        for calls in (whole // 10, whole):
            path = pathlib.Path(folder) / "run.jsonl"
            write(path, calls)
            (plain_s, _), (ours_s, ours_mib) = measured("read", path), measured("summary", path)
            print(f"{calls} calls, {path.stat().st_size / 1e6:.0f} MB: reading and json.loads {plain_s:.2f} s, summary "
                  f"{ours_s:.2f} s, ratio {ours_s / plain_s:.2f}, peak {ours_mib:.0f} MiB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

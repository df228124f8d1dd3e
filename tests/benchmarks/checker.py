"""What a check costs: one ordinary run beside reading it and json.loads alone, and the memory for a tree of many runs.

    python tests/benchmarks/checker.py [runs in the tree, default 1000]
    python tests/benchmarks/checker.py limits [share of the limits, default 1]

Synthetic runs of two models in all phases with long answers: one as planned by default, one with some 350 measured calls
for each model. Each kind of work is a process of its own, three times; the fastest counts. Aims: under half a second of
processor time, a small ratio, the same memory for a tree of ten times as many runs.

`limits` checks a submission whose files are as large as they may be, and a change whose history adds and removes 2,000
files. Aims: under 60 s of processor time and 300 MB, and a few seconds.
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

from base import plan, json_text, suites       # noqa: E402
from base.phases import PHASES
from judge import json_documents, thresholds     # noqa: E402
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


def read_ledger(folder: str) -> None:
    with open(pathlib.Path(folder) / "run.jsonl", "rb") as source:
        for line in source:
            json.loads(line)


def check_any(folder: str) -> None:
    from commands import check_submission
    check_submission.main([folder])


def check_change(folder: str) -> None:
    from commands import check_submission
    check_submission.main(["--repository", folder, "--base", "main", "--head", "change"])


def check(folder: str) -> None:
    from commands import check_submission
    if check_submission.main([folder]):
        raise SystemExit("the benchmark's own run does not pass")


def at_limits(root: pathlib.Path, share: float) -> pathlib.Path:
    """A run whose ledger, run.md and metadata.json are of this share of what they may be. The last two are refused."""
    most = {name: share * thresholds.value(limit) for name, limit in json_documents.LIMITS.items()}
    few, many = (sum(len(json_text.dumps(record)) for record in valid.Run(plan.Settings(repeats=repeats), SMALL, 1, SHARE).records)
                 for repeats in (2, 12))
    folder = valid.Run(plan.Settings(repeats=int(0.98 * most["run.jsonl"] * 10 / (many - few))), SMALL, 1, SHARE).write(root)
    text = (folder / "run.md").read_text(encoding="utf-8")
    (folder / "run.md").write_text(text + "The fan was loud, the lid was open, nothing else ran.\n" * int((most["run.md"] - len(text)) / 54), encoding="utf-8")
    metadata = json.loads((folder / "metadata.json").read_bytes())
    metadata["warnings"] = [{"code": "few-calls", "model": "alpha:1b", "phase": None, "level": None, "observed": n, "expected": 5, "n": n}
                            for n in range(int(most["metadata.json"] / 130))]
    (folder / "metadata.json").write_bytes(json_text.pretty(metadata)[:int(most["metadata.json"])])
    return folder


def history(root: pathlib.Path, files: int) -> pathlib.Path:
    """A clone whose branch `change` adds so many files and removes them again."""
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@example.com", *words], check=True, stdout=subprocess.DEVNULL)
    (root / "submissions").mkdir(parents=True)
    (root / "submissions" / "README.md").write_text("runs\n", encoding="ascii")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "base"), ("checkout", "-qb", "change")):
        git(*words)
    for number in range(files):
        (root / "submissions" / f"{number}.txt").write_text(f"harmless text {number}\n" * 30, encoding="ascii")
    for words in (("add", "-A"), ("commit", "-qm", "add"), ("rm", "-q", "submissions/*.txt"), ("commit", "-qm", "remove")):
        git(*words)
    return root


def limits(share: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = at_limits(pathlib.Path(folder), share)
        sizes = ", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in sorted(run.iterdir()))
        (plain_s, _), (ours_s, ours_mib) = measured("read-ledger", run, 1), measured("check-any", run, 1)
        print(f"at {share:.3g} of the limits: {sizes}: json.loads of the ledger {plain_s:.1f} s, check {ours_s:.1f} s, peak {ours_mib:.0f} MiB")
        ours_s, ours_mib = measured("check-change", history(pathlib.Path(folder) / "clone", 2000), 1)
        print(f"2000 files added and removed: {ours_s:.1f} s, peak {ours_mib:.0f} MiB")


def measured(work: str, folder: pathlib.Path, rounds: int = ROUNDS) -> tuple:
    """(processor seconds, peak MiB) of one kind of work in a process of its own; the fastest of the rounds."""
    return min(tuple(json.loads(subprocess.run([sys.executable, __file__, work, str(folder)], stdout=subprocess.PIPE,
                                               stderr=subprocess.DEVNULL, check=True).stdout.splitlines()[-1])) for _ in range(rounds))


WORKS = {"read": read_alone, "check": check, "read-ledger": read_ledger, "check-any": check_any, "check-change": check_change}


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
    if argv and argv[0] == "limits":
        limits(float(argv[1]) if len(argv) > 1 else 1.0)
        return 0
    if argv and argv[0] in WORKS:
        began = time.process_time()
        WORKS[argv[0]](argv[1])
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

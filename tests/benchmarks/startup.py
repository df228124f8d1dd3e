#!/usr/bin/env python3
"""What --help costs beside the bare interpreter with the modules that any such client imports, in one run.

    python tests/benchmarks/startup.py [--rounds 15]

The two commands take turns, so that both meet the same machine; medians are compared. Aim: a ratio of at most 2.
"""
from __future__ import annotations

import argparse
import pathlib
import statistics
import subprocess
import sys
import time

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "harness" / "run_benchmark.py"
COMMANDS = {
    "interpreter": [sys.executable, "-c", "import argparse, json, urllib.request"],
    "--help": [sys.executable, str(SCRIPT), "--help"],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    spent: dict = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            spent[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(values) for name, values in spent.items()}
    for name, seconds in medians.items():
        print(f"{name:12} {seconds * 1000:7.1f} ms  (n={rounds}, median)")
    print(f"ratio        {medians['--help'] / medians['interpreter']:7.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

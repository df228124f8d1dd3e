"""Runs against the fake server: one server for all tests, and what every run finds out about this machine is found out once."""
from __future__ import annotations

import contextlib
import copy
import functools
import io
import os
import pathlib
import shutil
import sys
import tempfile
import unittest
from unittest import mock

import ledgers
import support

from base import console, run_folder
from commands import run_benchmark
from measure import calibration, hardware, run_setup, telemetry
from measure.hardware import bandwidth
from self_test import thinking_checks, timing_floor

# Several tokens a chunk: what an answer costs grows with its chunks.
ALPHA = {"name": "alpha:1b", "size_bytes": 1_000_000, "prefill_tok_s": 400_000.0, "decode_gap_ms": 0.3,
         "answer_tokens": 20, "tokens_per_chunk": 5, "load_ms": 5.0}
BETA = {**ALPHA, "name": "beta:1b", "size_bytes": 2_000_000}
floor, telemetry_now = functools.lru_cache(timing_floor.floor), telemetry.now
# Of a run: (owner, name, what takes its place). Each costs more than the calls of a short run; all have tests of their own.
CACHED = (
    (timing_floor, "floor", lambda progress: floor()),
    (bandwidth, "buffer_bytes", lambda *_: None),       # no buffer: the memory bandwidth is not measured
    (hardware, "here", functools.lru_cache(hardware.here)),
    (hardware, "describe", functools.lru_cache(hardware.describe)),
    (hardware, "probe", functools.lru_cache(hardware.probe)),
    (telemetry, "now", functools.lru_cache(lambda: telemetry_now(lambda seconds: None))),
    (run_setup, "source_sha256", functools.lru_cache(run_setup.source_sha256)),
    (run_setup, "git_state", functools.lru_cache(run_setup.git_state)),
    (calibration, "SLOT_ANSWERS", calibration.SLOT_ANSWERS[:1]),        # a model this fast needs longer answers to show its slots
    (calibration, "SLOTS_ASKED", 2),
)
REAL_SLOTS = {"SLOT_ANSWERS": calibration.SLOT_ANSWERS, "SLOTS_ASKED": calibration.SLOTS_ASKED}
real_reader = telemetry.reader


class ReadOnce:
    """Telemetry as this machine was when it was first read."""

    def __init__(self) -> None:
        reader = real_reader(True)
        self.energy_counter, self.energy_unknown = reader.energy_counter, reader.energy_unknown
        self.others_counter, self.others_unknown = reader.others_counter, reader.others_unknown
        reader.begin()
        self._reading = reader.read()

    def look_around(self, sleep: object, seconds: float) -> None:
        pass

    def begin(self) -> None:
        pass

    def read(self) -> dict:
        return copy.deepcopy(self._reading)


read_once = functools.lru_cache(maxsize=1)(ReadOnce)


@functools.lru_cache(maxsize=None)
def thinking_part(slower: float = 1) -> tuple[list, list]:
    """The self-test's lines about thinking, and (model, mode, calls, metadata) of each model, from which they are made."""
    seen = []

    def figures(*given: object) -> list:
        seen.append(given)
        return real(*given)
    real = thinking_checks._figures
    with timing_floor.fake_server() as endpoint, mock.patch.object(thinking_checks, "_figures", figures):
        return _thinking_lines(endpoint, console.Progress(quiet=True), slower), seen


_thinking_lines = thinking_checks.lines


def call_main(*arguments: str, environment: dict | None = None) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of run_benchmark.py in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), \
            mock.patch.dict(os.environ, {"OLLAMA_HOST": "", "COLUMNS": "200", **(environment or {})}), \
            mock.patch.object(sys, "stdin", io.StringIO()):
        try:
            code = console.guarded(lambda: run_benchmark.main(list(arguments)))
        except SystemExit as stopped:      # argparse's own way out
            code = stopped.code
    return code, out.getvalue(), err.getvalue()


def records(folder: pathlib.Path) -> list:
    return ledgers.lines(folder / run_folder.LEDGER)


def measured(rows: list) -> list:
    return [row for row in rows if row["type"] == "call" and row["role"] == "measured"]


class RunTest(unittest.TestCase):
    """A server that holds two models, and a folder for runs. Telemetry is read at each call only where a test says so."""

    def setUp(self) -> None:
        self.stub = support.shared_stub()
        self.out = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.out, True)
        for owner, name, replacement in CACHED:
            self.patch(owner, name, replacement)
        self.patch(telemetry, "reader", lambda *_: read_once())
        self.stub.script({"models": [ALPHA, BETA]})

    def patch(self, owner: object, name: str, replacement: object) -> None:
        patch = mock.patch.object(owner, name, replacement)
        patch.start()
        self.addCleanup(patch.stop)

    def read_telemetry(self) -> None:
        self.patch(telemetry, "reader", real_reader)

    def ask_for_slots(self) -> None:
        """As a real run does."""
        for name, value in REAL_SLOTS.items():
            self.patch(calibration, name, value)

    def empty(self) -> None:
        """Remove the runs so far."""
        shutil.rmtree(self.out)
        self.out.mkdir()

    def main(self, *arguments: str, **more) -> tuple[int, str, str]:
        return call_main("--target-url", self.stub.url, "--out", str(self.out), *arguments, **more)

    def folder(self) -> pathlib.Path:
        folders = list(self.out.glob("*/*/run-*"))
        self.assertEqual(len(folders), 1, folders)
        return folders[0]

"""The sandbox that decides whether the Python code of an answer is correct.

Code from a model runs only here, and only after a person asked for it. Two processes are started for each answer. The
test process runs the suite's tests and never the answer's code. The untrusted process runs the answer's code, isolated
as far as the system allows, and never sees a test. They exchange plain data. This process reads two lines from the test
process and nothing from the untrusted one, which cannot claim that it passed: it can only return what the tests expect.

    reason        meaning
    passed        every test returned
    no-code       nothing in the answer could define the requested name
    syntax-error  this Python cannot compile the code
    no-entry      the code ran, but did not define the requested name
    wrong         a test failed, or could not use the returned value
    exception     the code raised an exception that no test expected
    timeout       it took too long, waiting or computing
    memory        it needed more memory than allowed
    output        it sent more data than allowed
    crashed       the process ended, or broke the protocol
    not-run       the harness could not grade it; neither right nor wrong
"""
from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
from typing import Callable, Iterable, Optional

from base import files
from base.ledger_records import CallRecord, Record
from base.pattern import lazy
from derive import grading, thinking
from derive.code_runner import isolation, test_process

HARNESS = pathlib.Path(__file__).resolve().parent.parent
START_S = 40            # for both processes to start; not part of the time limit
GRACE_S = 15            # the test process enforces the time limit; past this, it is stuck itself
FENCE = lazy(r"```|~~~")
BINDING = lazy(r"^[ \t]*(?:async def|def|class|import|from)\b|=", re.MULTILINE)
MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class ResourceLimits:
    """What one answer may use, for all of its tests together."""
    wall_s: float = 30              # a phone needs some seconds for the task whose tests call back most
    cpu_s: int = 10                 # whole seconds; the system counts no finer
    memory_bytes: int = 512 * MIB   # on top of what Python itself uses; address space on Linux
    output_bytes: int = 4 * MIB     # what it may send to the test process; what it prints is discarded
    file_bytes: int = 0             # no task needs to write a file
    open_files: int = 64


@dataclasses.dataclass(frozen=True)
class CodeVerdict:
    """The result for one answer. No part of it is text from the answer."""
    passed: bool
    reason: str             # one of REASONS
    detail: str = ""        # the test that failed, and the built-in exception
    isolation: tuple = ()   # of isolation.LAYERS, those in force; empty if no code was run

    @property
    def text(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason

    @property
    def notes(self) -> str:
        """What the system could not deny to the code."""
        open_to_it = isolation.not_denied(self.isolation) if self.isolation else []
        return f"not denied on this system: {', '.join(open_to_it)}" if open_to_it else ""


def grade_code(grader: dict, answer: str, limits: ResourceLimits = ResourceLimits(), layers: tuple = isolation.LAYERS) -> CodeVerdict:
    """Run the tests of a python grader on an answer. `layers` lets tests try single layers."""
    code = grading.extract_code(answer, grader["entry"])
    if grader["entry"] not in code or not (FENCE.search(answer) or BINDING.search(code)):
        return CodeVerdict(False, "no-code")
    tests = grader["tests"] if isinstance(grader["tests"], str) else "\n".join(grader["tests"])
    with files.temporary_folder() as folder:
        job = {"code": code, "entry": grader["entry"], "tests": tests, "layers": list(layers),
               "limits": dataclasses.asdict(limits), "folder": str(folder), "harness": str(HARNESS)}
        result = _run_job(job)
        if not result:      # the untrusted process may have died of its isolation, before it had the code
            result = _run_job({**job, "layers": [layer for layer in layers if layer == "limits"]})
        return _verdict(result)


def grade_records(records: Iterable[Record], graders: dict, tell: Callable[[str], None]) -> dict:
    """Verdicts for the ledger's footer, by seq as text: {"passed", "reason"}. `tell` gets a line for each answer.

    `graders` maps item ids to graders, of which only the python ones matter. Only measured calls that ended by
    themselves are graded: an answer cut by its limit is censored, a failed call has no answer. An answer that could not
    be run stays ungraded.
    """
    grades: dict[str, dict] = {}
    verdicts: dict[tuple, CodeVerdict] = {}
    left_out: collections.Counter[str] = collections.Counter()
    last_note = ""
    for record in thinking.answers_alone(records):
        if not isinstance(record, CallRecord) or not record.is_measured:
            continue
        grader = graders.get(record.item)
        if grader is None or grader["kind"] != "python":
            continue
        if record.outcome != "ok":
            left_out[record.model] += 1
            continue
        key = (record.item, record.answer)
        if key not in verdicts:      # at temperature 0 repeats give the same answer
            verdicts[key] = grade_code(grader, record.answer)
        verdict = verdicts[key]
        if verdict.notes != last_note and verdict.notes:
            last_note = verdict.notes
            tell(last_note)
        tell(f"{record.model}, {record.item} (seq {record.seq}): {verdict.text}")
        if verdict.reason != "not-run":
            grades[str(record.seq)] = {"passed": verdict.passed, "reason": verdict.text}
    for model, count in left_out.items():
        tell(f"{model}: not graded, since cut by their limit or without an answer: {count}")
    return grades


def _run_job(job: dict) -> dict:
    """The test process's reply: the layers in force, then the verdict; {} if it sent nothing."""
    result: dict = {}
    try:
        process = subprocess.Popen(test_process.command("test_process", job["harness"]), cwd=job["folder"],
                                   env=test_process.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, **test_process.own_session())
    except OSError:
        return result
    watch = _kill_after(START_S, process)
    assert process.stdin and process.stdout
    try:
        process.stdin.write(json.dumps(job).encode("ascii") + b"\n")
        process.stdin.flush()   # kept open: when it closes, the test process gives up
        for line in process.stdout:     # the first says that the untrusted process has started
            result.update(json.loads(line))
            watch.cancel()
            watch = _kill_after(job["limits"]["wall_s"] + GRACE_S, process)
    except OSError:
        pass
    finally:
        watch.cancel()
        _end(process, result.get("pid"))
    return result


def _kill_after(limit_s: float, process: subprocess.Popen) -> threading.Timer:
    watch = threading.Timer(limit_s, process.kill)
    watch.start()
    return watch


def _end(process: subprocess.Popen, untrusted_pid: Optional[int]) -> None:
    """Close the test process's input, at which it kills the untrusted process and exits; kill both if it does not."""
    try:
        if process.stdin:
            process.stdin.close()
        process.wait(timeout=GRACE_S)
    except (OSError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
    finally:
        if process.stdout:
            process.stdout.close()
        if process.returncode != 0 and untrusted_pid and os.name == "posix":    # it could not clean up
            with contextlib.suppress(OSError):
                os.killpg(untrusted_pid, signal.SIGKILL)


def _verdict(result: dict) -> CodeVerdict:
    if "reason" not in result:
        # Code that kills the test process must not go ungraded; before isolation was in force, no code had run.
        result = {**result, **({"reason": "crashed", "detail": "the test process was stopped"} if "isolation" in result else
                           {"reason": "not-run", "detail": "the test process did not start"})}
    return CodeVerdict(result["reason"] == "passed", result["reason"], result["detail"], tuple(result.get("isolation", ())))

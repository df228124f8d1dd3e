"""The sandbox: is the Python code of an answer right? It is run only here, and only when a person asked for it.

Two processes are started for each answer. The examiner runs the suite's tests and never the answer's code; the guest
runs the answer's code, fenced in as far as the system allows, and never sees a test. They exchange plain data. This
process reads two lines from the examiner and nothing from the guest. The guest has no way to say that it passed: it
can only return what the tests expect.

    reason        it means
    passed        every test returned
    no-code       nothing in the answer could define what was asked for
    syntax-error  this Python cannot compile the code
    no-entry      the code ran, but did not define what was asked for
    wrong         a test did not hold, or could not use what came back
    exception     the code raised what no test expected
    timeout       it took too long, waiting or computing
    memory        it wanted more memory than it may have
    output        it sent more data than it may send
    crashed       the process ended, or spoke out of turn
    not-run       the harness could not judge it; neither right nor wrong
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
from derive import grading
from derive.code_runner import REASONS, isolation, test_process

HARNESS = pathlib.Path(__file__).resolve().parent.parent
GRACE_S = 15            # the examiner ends a guest in time; if it does not end itself, something is wrong with it
FENCE = re.compile(r"```|~~~")
BINDING = re.compile(r"^[ \t]*(?:async def|def|class|import|from)\b|=", re.MULTILINE)
MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class ResourceLimits:
    """What one answer may use, for all of its tests together."""
    wall_s: float = 30              # a phone needs some seconds for the longest task, whose tests call back often
    cpu_s: int = 10                 # whole seconds; the system counts no finer
    memory_bytes: int = 512 * MIB   # beyond what Python takes before the code; address space on Linux
    output_bytes: int = 4 * MIB     # what it may send to the examiner; what it prints goes nowhere
    file_bytes: int = 0             # no task needs to write a file
    open_files: int = 64


@dataclasses.dataclass(frozen=True)
class CodeVerdict:
    """How an answer came out. Nothing in it was worded by the answer."""
    passed: bool
    reason: str             # one of REASONS
    detail: str = ""        # the test that decided, and the built-in exception
    isolation: tuple = ()   # fence.LAYERS that were in force; empty where no code was run

    @property
    def text(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason

    @property
    def notes(self) -> str:
        """What the system did not deny to the code that was run."""
        open_to_it = isolation.not_denied(self.isolation) if self.isolation else []
        return f"not denied on this system: {', '.join(open_to_it)}" if open_to_it else ""


def grade_code(grader: dict, answer: str, limits: ResourceLimits = ResourceLimits(), layers: tuple = isolation.LAYERS) -> CodeVerdict:
    """Run the tests of a python grader on an answer. `layers` is there for tests of what each layer is good for."""
    code = grading.extract_code(answer, grader["entry"])
    if grader["entry"] not in code or not (FENCE.search(answer) or BINDING.search(code)):
        return CodeVerdict(False, "no-code")
    tests = grader["tests"] if isinstance(grader["tests"], str) else "\n".join(grader["tests"])
    with files.temporary_folder() as folder:
        return _verdict(_run_job({
            "code": code, "entry": grader["entry"], "tests": tests, "layers": list(layers),
            "limits": dataclasses.asdict(limits), "folder": str(folder), "harness": str(HARNESS)}))


def grade_records(records: Iterable[Record], graders: dict, tell: Callable[[str], None]) -> dict:
    """Verdicts for the ledger's footer, by seq as text: {"passed", "reason"}. `tell` hears of each answer.

    `graders` are those of all items, by id; the python ones count. Graded are measured calls that ended by themselves:
    an answer cut by its limit is censored, a call that failed has no answer. What could not be judged stays ungraded.
    """
    grades, verdicts, last_note, left_out = {}, {}, "", collections.Counter()
    for record in records:
        if not isinstance(record, CallRecord) or not record.is_measured:
            continue
        grader = graders.get(record.item)
        if grader is None or grader["kind"] != "python":
            continue
        if record.outcome != "ok":
            left_out[record.model] += 1
            continue
        key = (record.item, record.answer)
        if key not in verdicts:      # at temperature 0 the repeats say the same
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
    """What the examiner says of a job: first what is in force around the guest, then the verdict; {} if it is mute."""
    result: dict = {}
    try:
        process = subprocess.Popen(test_process.command("test_process", job["harness"]), cwd=job["folder"],
                                   env=test_process.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, **test_process.own_session())
    except OSError:
        return result
    watch = threading.Timer(job["limits"]["wall_s"] + GRACE_S, process.kill)
    watch.start()
    try:
        process.stdin.write(json.dumps(job).encode("ascii") + b"\n")
        process.stdin.flush()   # it stays open: at its end the examiner gives up
        for line in process.stdout:
            result.update(json.loads(line))
    except OSError:
        pass
    finally:
        watch.cancel()
        _end(process, result.get("pid"))
    return result


def _end(process: subprocess.Popen, untrusted_pid: Optional[int]) -> None:
    """Whatever broke us off: the examiner is told by the end of its input, and takes the guest with it."""
    try:
        process.stdin.close()
        process.wait(timeout=GRACE_S)
    except (OSError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
    finally:
        process.stdout.close()
        if process.returncode != 0 and untrusted_pid and os.name == "posix":    # it could not clean up behind itself
            with contextlib.suppress(OSError):
                os.killpg(untrusted_pid, signal.SIGKILL)


def _verdict(result: dict) -> CodeVerdict:
    if "reason" not in result:
        # Who stops the examiner shall not get away ungraded; before the guest was fenced nobody could.
        result = {**result, **({"reason": "crashed", "detail": "the examiner was stopped"} if "isolation" in result else
                           {"reason": "not-run", "detail": "the examiner did not start"})}
    return CodeVerdict(result["reason"] == "passed", result["reason"], result["detail"], tuple(result.get("isolation", ())))

"""One session of a run, from its first record to its footer."""
from __future__ import annotations

import contextlib
import signal
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, Optional, Tuple, Union

from base import console, ledger, plan, suites
from base.errors import UserError
from base.ledger_records import CallRecord
from base.records import LEDGER_VERSION
from measure import http_call, phase_runner, progress_report, run_setup, session, telemetry
from measure.endpoint import Endpoint
from measure.eta import Deadline, Eta, weights
from measure.model_loader import ServerLost


def carry_out(endpoint: Endpoint, earlier: run_setup.Earlier, loaded_suites: Dict[str, suites.Suite], limit_s: Optional[int],
              stop: http_call.Stop, progress: console.Progress,
              grade: Optional[Callable[[List[CallRecord]], Dict[str, dict]]] = None,
              floor: Optional[dict] = None, machine: Union[telemetry.Reader, telemetry.Unread, None] = None) -> Tuple[str, bool]:
    """Make the calls that have no record yet; (how the session ended, whether the run is complete now).

    A footer is written also after an error, if the disk allows it; the error is raised afterwards. `grade` gives the
    verdicts on the calls of items with a Python grader, once every planned call has its record and the models are
    unloaded. `floor` is this session's timing floor; the first session's is in the manifest already. `machine` reads the
    telemetry; None: of this machine if the server is here.
    """
    manifest, settings = earlier.manifest, plan.settings_of(earlier.manifest)
    names = [model["name"] for model in manifest["models"]]
    planned = plan.blocks(names, [row["phase"] for row in manifest["suites"]], loaded_suites, settings)
    eta = Eta(weights(planned, loaded_suites, settings))
    deadline = Deadline(endpoint.clock, limit_s)
    report = progress_report.ProgressReport(progress, eta, manifest["planned_calls"], limit_left_s=deadline.left_s)
    with contextlib.closing(ledger.Writer(earlier.folder)) as writer:
        current = _open(endpoint, earlier, writer, stop, report, floor or earlier.manifest["floor"],
                        _code_items(loaded_suites) if grade else frozenset(),
                        machine or telemetry.reader(endpoint.target.is_loopback, endpoint.target.port))
        runner = phase_runner.PhaseRunner(current, settings, loaded_suites, earlier.recorded, earlier.findings,
                                          {model["name"]: model["context_length"] for model in manifest["models"]},
                                          deadline, eta)
        ended, grades = "failed", None
        try:
            ended = _run(runner, planned)
            report.report_skips()
            report.wait("the models to be unloaded")
            _unload(endpoint, names)
            complete = current.is_complete(manifest["planned_calls"])
            grades = grade(current.tally.code_calls) if grade and complete else None
        finally:
            progress.clear()
            with contextlib.suppress(UserError) if ended == "failed" else contextlib.nullcontext():
                current.footer(manifest["planned_calls"], ended, grades)
    return ended, complete


def _open(endpoint: Endpoint, earlier: run_setup.Earlier, writer: ledger.Writer, stop: http_call.Stop,
          report: progress_report.ProgressReport, floor: dict, code_items: FrozenSet[str],
          machine: Union[telemetry.Reader, telemetry.Unread]) -> session.Session:
    """The session, introduced by the ledger's meta line or, in a resumed run, by its first record."""
    number, records = len(earlier.sessions), earlier.records
    start = {"started_at": session.utc_now(), "server_version": endpoint.version(), "floor": floor,
             "earlier_sessions": earlier.sessions,
             "energy_counter": machine.energy_counter, "energy_unknown": machine.energy_unknown,
             "others_counter": machine.others_counter, "others_unknown": machine.others_unknown}
    writer.follow(earlier.tail, earlier.removed)
    tally = session.Tally(code_items=code_items)
    is_new = not records
    if is_new:
        writer.append({"type": "meta", "session": number, "schema": LEDGER_VERSION,
                       "run_id": earlier.manifest["run_id"], "synthetic": earlier.manifest["synthetic"],
                       "session_start": start})
    current = session.Session(endpoint, writer, number, start, is_new, stop, report, tally, machine)
    for record in records:
        tally.add(record)
        report.already(record)
        current.learn(record)
    for ladder in current.ladders.values():
        ladder.resume()
    return current


def _code_items(loaded_suites: Dict[str, suites.Suite]) -> FrozenSet[str]:
    return frozenset(item.id for suite in loaded_suites.values() for item in suite.items if item.grader and item.grader["kind"] == "python")


def _run(runner: phase_runner.PhaseRunner, planned: List[plan.Block]) -> str:
    try:
        runner.run(planned)
    except session.Stopped:
        return "interrupted"
    except ServerLost:
        return "server-lost"
    return "complete"


def _unload(endpoint: Endpoint, names: List[str]) -> None:
    """Free the server's memory; a server that is gone needs nothing."""
    with contextlib.suppress(UserError):
        for row in endpoint.loaded():
            if row.get("name") in names:
                endpoint.unload(row["name"])


@contextlib.contextmanager
def interruptible(stop: http_call.Stop) -> Iterator[None]:
    """Ctrl-C stops after the current call; a second one, or SIGTERM, stops at once; a third one kills."""
    def on_interrupt(number: int, frame: Any) -> None:
        if stop.now:
            raise KeyboardInterrupt
        if stop.soon or number != signal.SIGINT:
            stop.break_off()
        else:
            stop.soon = True
            console.note("\nstopping after the current call; Ctrl-C again stops at once")
    before = {number: signal.signal(number, on_interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

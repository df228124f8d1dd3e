"""Measure local models through an Ollama server, and leave one run under submissions/.

Every call is written to disk before the next begins. Ctrl-C stops after the current call, a second one at once;
--resume continues where the run stopped. --self-test needs no Ollama: it tests the harness against a built-in fake server
with known timings.
"""
from __future__ import annotations

import argparse
import os
import pathlib
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

# The rooms are imported where they are used: --help must not pay for the client.
from base import arguments, console, errors, git, ledger, names, other_runs, run_folder, shell, text_layout
from base.errors import FINE, FOUND, INTERRUPTED, UserError
from base.ledger_records import CallRecord

if TYPE_CHECKING:
    from base import plan
    from measure.endpoint import Endpoint
    from measure.run_setup import Earlier

ASKING = "asking the server for its models"
DRAFT = {other_runs.HERE: "to see it among all other runs, as a draft on this machine:",
         other_runs.LEFT_OUT: f"to see it as a draft on this machine (the runs of others are not in this sparse clone; first: {other_runs.TO_GET_THEM}):",
         other_runs.NONE: "no other run is in this clone; to see this one as a draft on this machine:"}
PULL = "ollama pull llama3.2:1b"        # a first model that fits nearly everywhere


def main(argv: list | None = None) -> int:
    args = parse_args(argv)
    if args.self_test:
        return self_test(args)
    from measure import run_setup
    if args.version:
        console.say(f"run_benchmark.py {run_setup.VERSION}")
        return FINE
    if args.grade_code:     # where Python was built without ctypes, this fails before the run, not after it
        from derive import code_grading     # noqa: F401
    out = pathlib.Path(args.out) if args.out else run_folder.SUBMISSIONS
    if args.status:
        return status(args, out)
    if args.move:
        return move(args, out)
    if args.resume:
        return resume(args, out)
    if args.list:
        return show_models(args)
    phases, settings = checked_flags(args)
    with console.Progress(args.quiet).working(ASKING):
        endpoint, version = connect(args)
        planned = plan_run(args, phases, settings, endpoint, version)
    if args.dry_run:
        return show_plan(args, planned, out)
    return begin(args, endpoint, planned, out)


def parse_args(argv: list | None) -> argparse.Namespace:
    parser = arguments.parser("run_benchmark.py", __doc__, "%(prog)s [flags]")
    measured = parser.add_argument_group("what is measured")
    measured.add_argument("--phases", metavar="LIST", help="comma-separated phases, or all (default: all); --list names them")
    measured.add_argument("--thinking", nargs="?", const=True, metavar="LEVEL",
                      help="ask the graded items again with thinking on, or at a level such as low; models that can think")
    measured.add_argument("--models", metavar="LIST",
                      help="comma-separated models (default: every local chat model that fits in memory)")
    measured.add_argument("--pull", action="store_true", default=None, help="download the models of --models that are missing")
    measured.add_argument("--target-url", metavar="URL", help="the server (default: OLLAMA_HOST, else http://127.0.0.1:11434)")
    measured.add_argument("--contexts", metavar="LIST",
                      help="ask context-edge in larger contexts as well: 8k,16k,32k,64k,128k,256k, or auto: as far as machine and model go")
    identity = parser.add_argument_group("whose run it is")
    identity.add_argument("--handle", help="your name in the catalogue: a-z, 0-9 and inner hyphens")
    identity.add_argument("--device-tag", metavar="TAG", help="the machine, such as mac-m1-8gb (default: a suggestion)")
    identity.add_argument("--hostname", metavar="NAME", help="write this instead of the machine's own short host name")
    identity.add_argument("--record-target", action="store_true", default=None,
                     help="write a non-local server's address into the manifest, not only `lan` or `remote`")
    identity.add_argument("--out", metavar="FOLDER", help="where runs go (default: submissions/ of this clone)")
    settings = parser.add_argument_group("settings (each change is recorded as a deviation)")
    settings.add_argument("--num-ctx", type=int, metavar="N", help="context of every phase, a multiple of 256 "
                                                               "(default: 4096, context phases 8192)")
    settings.add_argument("--num-predict", type=int, metavar="N", help="limit of every answer (default: each item's own)")
    settings.add_argument("--thinking-budget", type=int, metavar="N",
                          help="tokens for thoughts on top of every limit, a multiple of 256 (default: 4096)")
    settings.add_argument("--concurrency", metavar="LIST", help="levels of the parallel phases (default: 1,2,4,8)")
    settings.add_argument("--repeats", type=int, metavar="N", help="of the frozen prompts in each pass (default: 3)")
    settings.add_argument("--option", action="append", metavar="NAME=VALUE", help="set one more request option or field; repeatable")
    execution = parser.add_argument_group("how it runs")
    execution.add_argument("--time-limit", metavar="TIME", help="such as 90m or 2h: skip what does not fit")
    execution.add_argument("--rung-limit", metavar="TIME", help="with --contexts: a context that is expected to take longer is not tried "
                                                           "(default: 10m)")
    execution.add_argument("--first-byte-limit", metavar="TIME", help="longest wait for a first token, loading included "
                                                                "(default: 30m)")
    execution.add_argument("--silence-limit", metavar="TIME", help="longest silence within an answer (default: 5m)")
    execution.add_argument("--grade-code", action="store_true",
                     help="at the end run the Python answers' tests, each in a sandboxed process: this runs code from a model")
    execution.add_argument("--resume", metavar="RUN", help="continue an unfinished run: run-<uuid>, its beginning such as run-1a2b3c4d, or its folder")
    execution.add_argument("--dry-run", action="store_true", help="show the whole plan; only read-only requests are sent")
    execution.add_argument("--status", action="store_true", help="show what is there, how far your runs are, and what is next")
    execution.add_argument("--move", metavar="RUN", help="put a finished run under --handle and --device-tag, and exit")
    execution.add_argument("--self-test", action="store_true", help="test the harness against a built-in fake server with known timings; no Ollama needed")
    execution.add_argument("--verbose", action="store_true", help="with --self-test: show every comparison, not only those that fail")
    execution.add_argument("--list", action="store_true", help="show the server's models and the phases")
    execution.add_argument("--quiet", action="store_true", help="no progress, only errors and the result")
    execution.add_argument("--version", action="store_true", help="show the harness's version and exit")
    return parser.parse_args(argv)


def connect(args: argparse.Namespace) -> tuple:
    """(endpoint, server version); raises UserError where no Ollama answers."""
    from measure.connection import TimeLimits
    from measure.endpoint import Endpoint
    from measure.server_address import find_target
    from measure.options import seconds
    standard = TimeLimits()
    limits = TimeLimits(standard.connect_s, seconds(args.first_byte_limit, "--first-byte-limit") or standard.first_byte_s,
                    seconds(args.silence_limit, "--silence-limit") or standard.silence_s)
    endpoint = Endpoint(find_target(args.target_url, os.environ), limits, os.environ.get("OLLAMA_API_KEY") or None)
    try:
        return endpoint, endpoint.version()
    except UserError as problem:
        problem.exit_code = errors.USAGE
        raise


def checked_flags(args: argparse.Namespace) -> Tuple[List[str], plan.Settings]:
    """(phases, settings) of the flags, which are checked before a server is asked. Raises UserError."""
    from measure import options
    phases, settings = options.planned_phases(args), options.settings(args)
    options.seconds(args.time_limit, "--time-limit")
    for name, value, problem in (("--handle", args.handle, names.handle_problem),
                                 ("--device-tag", args.device_tag, names.device_tag_problem)):
        reason = None if value is None else problem(value)
        if reason:
            raise UserError(reason, f"{name} {value}")
    return phases, settings


def plan_run(args: argparse.Namespace, phases: List[str], settings: plan.Settings, endpoint: Endpoint, version: str) -> dict:
    """Everything that is decided before anything is measured. Raises UserError for what cannot be done."""
    from base import plan, suites
    from measure import hardware, models, options
    loaded = {phase: suites.load(phase) for phase in phases}
    wanted = None if args.models is None else options.listed(args.models, "--models")
    memory = hardware.model_memory_bytes() if endpoint.target.is_loopback else None
    choice = models.choose(endpoint, wanted, memory)
    if choice.missing and not args.pull:
        raise UserError("the server does not have this model", f"--models {choice.missing[0]}",
                        f"--list shows what it has; run `ollama pull {choice.missing[0]}`, or add --pull")
    if not choice.models and not choice.missing:
        raise UserError("no model to measure", endpoint.target.url, "pull one, for example `ollama pull llama3.2:1b`; "
                        "--list shows what is there and why it is left out")
    settings = settings.with_models(choice.models)
    return {"phases": phases, "settings": settings, "overrides": plan.overrides_of(settings), "suites": loaded, "choice": choice,
            "wanted": wanted, "memory": memory, "version": version, "target": endpoint.target}


def show_models(args: argparse.Namespace) -> int:
    from measure import hardware, models, plan_text
    with console.Progress(args.quiet).working(ASKING):
        endpoint, version = connect(args)
        choice = models.choose(endpoint, None, hardware.model_memory_bytes() if endpoint.target.is_loopback else None)
    console.say(f"Ollama {version} at {endpoint.target.url}\n\n{plan_text.format_models(choice)}\n\n{plan_text.format_phases()}")
    console.next_step(shell.same_command("run_benchmark.py", args, list=None, dry_run=True) if choice.models else PULL)
    return FINE


def show_plan(args: argparse.Namespace, planned: dict, out: pathlib.Path) -> int:
    from measure import hardware, options, plan_text, telemetry
    console.say(f"Ollama {planned['version']} at {planned['target'].url}\nruns go under {out}\n")
    console.say(plan_text.format_plan(planned["choice"], planned["phases"], planned["suites"], planned["settings"]))
    is_asked = console.is_terminal() and planned["target"].is_loopback      # what the next command leaves out there is asked for
    machine = telemetry.now() if planned["target"].is_loopback else None
    console.say("\n" + plan_text.format_circumstances(machine, planned["phases"], options.seconds(args.time_limit, "--time-limit"), args.grade_code,
                                                      args.models is None, None if args.handle else is_asked))
    console.say("\nOnly read-only requests were sent. Leave out --dry-run to measure.")
    tag = args.device_tag or (hardware.suggest_device_tag() if planned["target"].is_loopback else names.TAG_WORD)
    advice = None if args.device_tag else names.vague_tag_advice(tag)
    if advice:
        console.note(f"note: {advice}")
    console.next_step(shell.same_command("run_benchmark.py", args, dry_run=None, handle=args.handle or (None if is_asked else names.HANDLE_WORD),
                                         device_tag=args.device_tag if is_asked and advice else tag,
                                         hostname="other" if args.hostname is None else args.hostname))
    return FINE


def status(args: argparse.Namespace, out: pathlib.Path) -> int:
    """What is there, how far each run has come that is in no commit here, and the one command that comes next."""
    import platform
    from submit import run_status
    from measure import run_setup
    runs = [run_status.look(folder, run_folder.ROOT) for folder in run_status.own_runs(out, run_folder.ROOT)]
    server, missing = server_state(args)
    (commit, modified), refusal = run_setup.git_state(), git.refusal(run_folder.ROOT)
    rows = [["Python", platform.python_version()], ["server", server],
            ["harness", f"{run_setup.VERSION}, {source_of(commit, refusal)}{', modified' if modified else ''}"],
            ["runs of yours", f"{len(runs)} under {shell.path(out)}"]]
    rows += [[shell.path(state.folder), run_status.describe(state)] for state in runs]
    console.say(text_layout.format_table(["what", "state"], rows, whole=(0,)))
    unfinished = [state for state in runs if state.has_plan and not state.complete]
    complete = [state for state in runs if state.complete and run_status.is_waiting(state)]
    waiting = (unfinished[:1] if not missing else []) or sorted(complete, key=lambda state: not state.file)[-1:]      # what has no file yet comes first
    for state in complete:
        if state.file and state not in waiting:
            console.note(f"also left to do: {run_status.next_step(state)}")
    if unfinished:
        console.note("you can delete the folder of an unfinished run that you do not want")
    plan_again = shell.same_command("run_benchmark.py", args, status=None, dry_run=True)
    console.next_step(run_status.next_step(waiting[0]) if waiting else missing or run_status.step_after_all(runs, plan_again))
    return FINE


def source_of(commit: str | None, refusal: str | None) -> str:
    if commit:
        return f"commit {commit[:12]}"
    return f"not trusted by git: {refusal}" if refusal else "no clone with git"


def server_state(args: argparse.Namespace) -> tuple:
    """(what answers there, the command that is needed before anything can be measured or None)."""
    from measure import hardware, models, server_address
    from measure.endpoint import NoServer
    try:
        endpoint, version = connect(args)
        choice = models.choose(endpoint, None, hardware.model_memory_bytes() if endpoint.target.is_loopback else None)
    except NoServer as problem:
        return str(problem), server_address.start_command()
    except UserError as problem:        # something answers; the message says what to do about it
        return str(problem), shell.same_command("run_benchmark.py", args, status=None, list=True)
    state = f"Ollama {version} at {endpoint.target.url}, {len(choice.models)} models to measure"
    return state, None if choice.models else PULL


def move(args: argparse.Namespace, out: pathlib.Path) -> int:
    """Give a run its handle and device tag, which are the folders that it lies in."""
    from submit import run_status
    folder = run_folder.find(out, args.move)
    manifest = run_folder.read_manifest(folder)
    handle, tag = args.handle, args.device_tag or manifest["device_tag"]
    if handle is None and console.is_terminal():
        handle = console.ask_for("Your handle in the catalogue", "", names.handle_problem)
    if handle is None:
        raise UserError("no handle given", f"--move {args.move}", "add --handle and the name that you want to use")
    target = run_folder.move(folder, out, handle, tag)
    console.say(shell.path(target))
    console.next_step(run_status.next_step(run_status.look(target, run_folder.ROOT)))
    return FINE


def begin(args: argparse.Namespace, endpoint: Endpoint, planned: dict, out: pathlib.Path) -> int:
    """A new run: pull, make the folder, write what was planned and on which machine, measure."""
    from base import facts, files, json_text, schema
    from measure import hardware, identity, models, run_setup
    run_setup.check_writable(out)
    run_setup.warn_about_git()
    progress = console.Progress(args.quiet)
    if planned["choice"].missing:
        models.pull(endpoint, planned["choice"].missing, progress)
        planned["choice"] = models.choose(endpoint, planned["wanted"], planned["memory"])
    with progress.working("looking at the hardware"):
        this_machine = hardware.here()
    asks = console.is_terminal() and not args.quiet
    handle, device_tag, args.hostname = identity.choose(args.handle, args.device_tag, args.hostname,
                                                        this_machine if endpoint.target.is_loopback else None, asks)
    run_id = names.new_run_id()
    folder = run_setup.folder_for(out, handle, device_tag, run_id)
    run_facts = facts_of(args, endpoint, planned["version"], handle, device_tag, progress)
    with progress.working("looking at the hardware"):
        manifest = run_setup.manifest(run_id, run_facts, planned["choice"], planned["phases"], planned["settings"], planned["suites"],
                                      planned["overrides"])
        probed = hardware.probe(this_machine, planned["version"], endpoint.target.is_loopback, endpoint.target.port)
    wrong = schema.problems(manifest, "manifest") + schema.problems(probed, "hardware") + facts.problems(probed)
    if wrong:
        raise ValueError(f"what the schema refuses: {wrong[:3]}")
    files.make_folder(folder)
    files.replace(folder / run_folder.HARDWARE, json_text.pretty(probed))
    files.replace(folder / run_folder.MANIFEST, json_text.pretty(manifest))
    if not args.quiet:
        console.note(f"run {shell.path(folder)}\n{manifest['planned_calls']} calls planned; Ctrl-C stops after the current call")
    return measure(args, endpoint, run_setup.Earlier(folder, manifest, ledger.Tail(), b"", []), planned["suites"])


def facts_of(args: argparse.Namespace, endpoint: Endpoint, version: str, handle: str | None, device_tag: str,
             progress: console.Progress) -> dict:
    import platform
    from measure import options, session
    from self_test import timing_floor
    target = endpoint.target
    hostname = args.hostname if args.hostname is not None else platform.node().split(".")[0]
    return {"handle": handle, "device_tag": device_tag, "started_at": session.utc_now(),
            "target": target.url if args.record_target else target.public, "server_version": version,
            "host_hostname_short": hostname[:64], "floor": timing_floor.floor(progress=progress),
            "time_limit_s": options.seconds(args.time_limit, "--time-limit")}


def resume(args: argparse.Namespace, out: pathlib.Path) -> int:
    """Go on with an unfinished run: the same plan, models, suites and settings, or a refusal."""
    from measure import options, run_setup
    from measure.server_address import find_target
    from self_test import timing_floor
    earlier = run_setup.reopen(run_folder.find(out, args.resume))
    manifest = earlier.manifest
    options.check_same_plan(args, manifest)
    if args.target_url is None and "://" in manifest["target"] and manifest["target"] != find_target(None, os.environ).public:
        args.target_url = manifest["target"]
    endpoint, version = connect(args)
    run_setup.check_same_models(endpoint, manifest)
    loaded = run_folder.suites_of(manifest)
    if version != manifest["server_version"]:
        console.note(f"the server is now {version}, the run began with {manifest['server_version']}; both are recorded")
    return measure(args, endpoint, earlier, loaded, timing_floor.floor(progress=console.Progress(args.quiet)) if earlier.sessions else None)


def measure(args: argparse.Namespace, endpoint: Endpoint, earlier: Earlier, loaded: dict, floor: dict | None = None) -> int:
    """One session; at its end the table, and the next command."""
    from measure import http_call, options, run_session
    stop, limit_s = http_call.Stop(), options.seconds(args.time_limit, "--time-limit")
    graders = run_folder.graders_of(loaded)
    grade = (lambda calls: grade_code(calls, graders)) if args.grade_code else None
    with run_session.interruptible(stop):
        try:
            ended, complete = run_session.carry_out(endpoint, earlier, loaded, limit_s, stop, console.Progress(args.quiet),
                                                    grade, floor)
        except UserError as problem:
            problem.exit_code = FOUND       # what the run had measured is on disk; only its end is missing
            raise
    try:
        with console.Progress(args.quiet).working("computing the figures and checking the run"):
            metadata, grade_lines, errors = figures(earlier, graders, complete)
    except UserError as problem:
        console.error(problem)
        console.note("the ledger is complete; the next command makes metadata.json and run.md from it, and measures nothing")
        console.next_step(shell.command("summarize_run.py", run_folder.argument(earlier.folder)))
        return FOUND
    return report(args, earlier, metadata, grade_lines, errors, ended)


def figures(earlier: Earlier, graders: Dict[str, Optional[dict]], complete: bool) -> Tuple[dict, List[str], Dict[str, int]]:
    """(the metadata, the lines about the run's grade, its errors by rule), from one pass over the ledger. Writes the derived files."""
    from derive import derived_files
    from publish import run_grade
    derived = derived_files.DerivedFiles(earlier.folder, earlier.manifest, graders)
    grade_lines, errors = run_grade.of_folder(earlier.folder, derived.renew) if complete else ([], {})
    return derived.metadata(), grade_lines, errors


def grade_code(calls: List[CallRecord], graders: Dict[str, Optional[dict]]) -> Dict[str, dict]:
    """Verdicts on the Python answers, by seq; the code runs in a sandboxed process."""
    from derive import code_grading
    console.note("grading the Python answers, each in a sandboxed process")
    return code_grading.grade_records(calls, graders, console.note)


def report(args: argparse.Namespace, earlier: Earlier, metadata: dict, grade_lines: List[str], errors: Dict[str, int], ended: str) -> int:
    """The table on stdout, what to do next on stderr; the exit code."""
    from derive import context_text, failures, headline, thinking_table
    from submit import run_status
    folder = earlier.folder
    rows = headline.rows(metadata)
    if rows:
        console.say(text_layout.format_table(*text_layout.without_empty_columns(headline.TITLES, rows), whole=(1,)))
        console.say(headline.explanation(metadata), wrap=True)
    thinking = thinking_table.short_rows(metadata)
    if thinking:
        console.say("\n" + text_layout.format_table(*text_layout.without_empty_columns(thinking_table.SHORT_TITLES, thinking)))
    for model, sentence in context_text.lines(metadata):
        console.say(f"{model}: {sentence}", wrap=True)
    if metadata["complete"]:
        console.say("\n" + "\n".join(grade_lines), wrap=True)
    console.say(f"\n{shell.path(folder)}")
    for failure in failures.of_run(metadata):
        console.note(f"{failure.model}: {failure.text}: {failure.error or 'no message'}; {failure.advice}")
    for line in headline.warning_lines(earlier.manifest, metadata["warnings"]):
        console.note(line)
    state = run_status.RunState(folder, folder.parts[-3], folder.parts[-2], complete=metadata["complete"], errors=sum(errors.values()), open_points=1)
    if metadata["complete"]:
        succeeded = any(row["calls"] > headline.failed(row) for row in metadata["aggregates"])
        console.note(f"complete: {metadata['done']} calls made, {metadata['skipped']} skipped{'' if succeeded else ', and not one call succeeded'}; "
                     f"verdict: {metadata['verdict']['verdict'] or 'none'}")
        skipped = headline.skip_reasons(metadata)
        if skipped:
            console.note(f"skipped: {skipped}")
        if not errors:
            console.note(DRAFT[other_runs.state()])
            console.note(shell.command("build_catalogue.py", "--with", run_folder.argument(folder), "--serve"))
        console.next_step(run_status.next_step(state))
        return FINE if succeeded else FOUND
    reason = {"interrupted": "stopped by Ctrl-C or a signal", "server-lost": "the server stopped answering"}.get(ended, ended)
    console.note(f"not complete: {reason}; nothing is lost")
    console.next_step(shell.command("run_benchmark.py", "--resume", run_folder.argument(folder)))
    return INTERRUPTED if ended == "interrupted" else FOUND


def self_test(args: argparse.Namespace) -> int:
    """Planted against recovered; 1 if any of them disagree."""
    from self_test import full_test
    console.note("self-test: every phase and every fault against a fake server (synthetic: this machine is not measured)")
    result = full_test.run(console.note, args.quiet)
    console.say(result.report(args.verbose))
    console.next_step(result.next_step(shell.command("run_benchmark.py", "--self-test"), shell.command("probe_hardware.py")))
    return result.exit_code

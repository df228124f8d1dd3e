"""What the self-test runs against the fake server: a whole run, kinds of models, and every way a call can go wrong.

Nothing here is real: the runs are marked synthetic and their folders are temporary. checks.py compares what was planted
with what was recovered.
"""
from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Set, Tuple, Union

from base import console, files, json_text, ledger, ledger_reader, names, plan, run_folder, suites
from base.ledger_records import Record
from base.phases import CONTEXT_APPEND, CONTEXT_EDGE, PHASES
from derive import derived_files
from measure import calibration, http_call, models, run_session, run_setup, session, telemetry
from measure.connection import TimeLimits
from measure.endpoint import Endpoint
from measure.server_address import ServerAddress
from self_test import timing_floor

SLOTS = 4
MODELS: Tuple[dict, ...] = (
    {"name": "alpha:1b", "size_bytes": 700_000_000, "head_tokens": 14, "tail_tokens": 5, "load_ms": 260.0,
     "prefill_tok_s": 80_000.0, "decode_gap_ms": 0.8, "answer_tokens": 24},
    {"name": "beta:3b", "size_bytes": 2_000_000_000, "head_tokens": 9, "tail_tokens": 4, "load_ms": 320.0,
     "prefill_tok_s": 60_000.0, "gap_pattern_ms": [0.6, 1.4], "answer_tokens": 20, "drift": 0.002,
     "capabilities": ["completion", "thinking"], "thinking_tokens": 6,
     "template": "{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}user: {{ .Prompt }}\nassistant: {{ .Response }}"},
)
REPEATS = 2             # of the frozen prompts
MOST_ITEMS = 8          # of any phase: in a parallel phase one full wave of the highest level
# To calibration's question the model gives an answer of any length, in chunks of many tokens, since every chunk costs time.
COUNTING = {"when": {"contains": calibration.QUESTION}, "do": [
    {"fault": "answer", "text": " ".join(str(n) for n in range(1, 2 * calibration.SLOT_ANSWERS[-1]))},
    {"fault": "multi_token_chunks", "tokens": 16}]}
# Without this counter no time is certain, so that calibration asks only once for the slots: where they are not checked.
NO_SLOTS = {"when": {"contains": calibration.QUESTION}, "do": {"fault": "metrics_absent", "fields": ["prompt_eval_duration"]}}
SCRIPTED, COUNTS_CACHED = "0.33.0-rc2", "next"      # versions that do not report the cached count, and that do
BACK_TOKENS = (0, 260, 516, 1500)   # how far before the end of the last turn a hybrid model goes on
QUICK_MODEL = {"prefill_tok_s": 40_000.0, "decode_gap_ms": 0.2, "answer_tokens": 17, "load_ms": 5.0, "tail_tokens": 5}
HYBRIDS = tuple({**QUICK_MODEL, "name": f"hybrid-{back}:1b", "size_bytes": 600_000_000 + back, "checkpoint_back_tokens": back}
                for back in BACK_TOKENS)
SAFETENSORS = {**QUICK_MODEL, "name": "mlx:1b", "size_bytes": 800_000_000, "format": "safetensors", "context_length": 131_072}
BROKEN = {**QUICK_MODEL, "name": "broken:1b", "size_bytes": 100_000_000, "show_error": "no such file"}
PASSING_404 = {"when": {"path": "/api/chat", "model": "mlx:1b", "nth": 1},
               "do": {"fault": "status", "code": 404, "error": "not found"}}
RUNG_MODEL = {**QUICK_MODEL, "prefill_tok_s": 200_000.0, "recalls": True, "bytes_per_token": 10_000, "vram_limit_bytes": 10 ** 12,
              "slower_per_1k": 0.02, "context_length": 32_768}
RUNG_MODELS = (
    {**RUNG_MODEL, "name": "reduced:1b", "size_bytes": 600_000_001, "reduced_context": 16_384},
    {**RUNG_MODEL, "name": "fails:1b", "size_bytes": 600_000_002, "load_error_above": 16_384,
     "load_error": "llama-server reported out-of-memory during startup: cudaMalloc failed: out of memory"},
    {**RUNG_MODEL, "name": "offload:1b", "size_bytes": 600_000_003, "context_length": 65_536, "vram_limit_bytes": 600_000_003 + 327_680_000,
     "forgets_middle_above": 20_000},
)
SERVED: Dict[str, dict] = {      # fields of `served_context` that metadata.json must have for these
    "reduced:1b": {"num_ctx": 16_384, "middle_found": True, "partial_from": None, "ended_by": "context-reduced"},
    "fails:1b": {"num_ctx": 16_384, "middle_found": True, "partial_from": None, "ended_by": "too-big"},
    "offload:1b": {"num_ctx": 65_536, "middle_found": False, "partial_from": 65_536, "ended_by": "trained-context"},
}
SLOWER = 4                          # times, where a busy machine delayed what is timed
PATIENCE_S = 0.4                    # the limit on silence, in calls that are to run into it
CALM = TimeLimits(5.0, 60.0, 60.0)
BREAK_OFF_AFTER_S = 0.3
Planted = Union[List[dict], Dict[str, int], str]        # faults of the fake server, options of the request, or a special case
# (name, what is planted, what the record must show)
FAULTS: Tuple[Tuple[str, Planted, dict], ...] = (
    ("nothing wrong", [], {"outcome": "ok", "tokens": 25}),
    ("the limit on tokens", {"num_predict": 10}, {"outcome": "length", "tokens": 10}),
    ("an answer without text", [{"fault": "answer", "text": ""}], {"outcome": "empty"}),
    ("a body that ends without done", [{"fault": "end_without_done"}], {"outcome": "cut", "chunks": 3}),
    ("a body cut in the middle", [{"fault": "end_without_done", "clean": False}], {"outcome": "cut", "chunks": 3}),
    ("a reset connection", [{"fault": "reset"}], {"outcome": "cut"}),
    ("an error line after text", [{"fault": "error_line"}], {"outcome": "error", "chunks": 3}),
    ("status 404", [{"fault": "status", "code": 404}], {"outcome": "refused", "status": 404}),
    ("status 499", [{"fault": "status", "code": 499}], {"outcome": "refused", "status": 499}),
    ("status 500", [{"fault": "status", "code": 500}], {"outcome": "error", "status": 500}),
    ("status 503", [{"fault": "status", "code": 503}], {"outcome": "error", "status": 503}),
    ("JSON in a string in JSON", [{"fault": "nested_json_400"}], {"outcome": "refused", "error": "planted"}),
    ("status 200 and no byte", [{"fault": "empty_200"}], {"outcome": "cut", "status": 200}),
    ("no byte at all", [{"fault": "silence", "ms": 900}], {"outcome": "timeout"}),
    ("silence between chunks", [{"fault": "stall", "ms": 900}], {"outcome": "stalled", "chunks": 3}),
    ("bytes that are not HTTP", [{"fault": "body_not_http"}], {"outcome": "error"}),
    ("a line that is not JSON", [{"fault": "not_json"}], {"outcome": "error", "chunks": 3}),
    ("an answer from another machine", [{"fault": "remote_chunks"}], {"outcome": "error"}),
    ("one object that is not done", [{"fault": "whole_without_done"}], {"outcome": "cut"}),
    ("no counters", [{"fault": "metrics_absent"}], {"outcome": "ok", "tokens": None}),
    ("four tokens in each chunk", [{"fault": "multi_token_chunks"}], {"outcome": "ok", "tokens": 25, "texts": 6}),
    ("chunks without text", [{"fault": "empty_chunks"}], {"outcome": "ok", "tokens": 25, "without_text": True}),
    ("three lines in each HTTP chunk", [{"fault": "several_lines_per_http_chunk"}], {"outcome": "ok", "texts": 24}),
    ("each line in two HTTP chunks", [{"fault": "line_split_over_chunks"}], {"outcome": "ok", "texts": 24}),
    ("characters cut in two", [{"fault": "utf8_split"}], {"outcome": "ok", "broken_text": False}),
    ("a very long line", [{"fault": "huge_line"}], {"outcome": "ok", "broken_text": False}),
    ("thinking in spite of think: false", [{"fault": "thinking_despite_off"}], {"outcome": "ok", "thinks": True}),
    ("a wait of 200 ms in no counter", [{"fault": "queue_wait", "ms": 200}], {"outcome": "ok", "waited": True}),
    ("a prompt cut to 16 tokens", [{"fault": "silent_truncation", "to": 16}], {"outcome": "ok", "prompt_tokens": 16}),
    ("Ctrl-C in the middle", "break off", {"outcome": "interrupted", "chunks": 3}),
    ("nobody there", "nobody", {"outcome": "error", "status": None}),
)


@dataclass(frozen=True)
class RunResult:
    """The result of a run against the fake server, and the server's log of it."""
    records: List[Record]
    log: List[dict]
    complete: bool
    left_out: List[dict]
    models: Tuple[dict, ...]        # as planted
    metadata: dict


def slowed(times: float) -> Tuple[dict, ...]:
    """MODELS at a fraction of their speed, so that a busy machine's delays weigh less."""
    return tuple({**model, "load_ms": model["load_ms"] * times,
                  **({"decode_gap_ms": model["decode_gap_ms"] * times} if "decode_gap_ms" in model else
                     {"gap_pattern_ms": [gap * times for gap in model["gap_pattern_ms"]]})} for model in MODELS)


def whole_run(endpoint: Endpoint, progress: console.Progress, slower: float = 1) -> RunResult:
    """Every phase of two models, with telemetry: whether the machine was busy."""
    script = {"slots": SLOTS, "models": list(slowed(slower)), "rules": [COUNTING]}
    return run(endpoint, progress, script, PHASES, plan.Settings(repeats=REPEATS), reads_telemetry=True)


def kinds_of_models(endpoint: Endpoint, progress: console.Progress, speak: str) -> RunResult:
    """A conversation with hybrid models and a safetensors runner; one model is broken, and one load gets a passing 404.

    Without the cached count every model that recomputes a prefix shows the same: one of them is asked.
    """
    asked = [*HYBRIDS[:2], SAFETENSORS] if speak == SCRIPTED else HYBRIDS
    script = {"speak": speak, "models": [*asked, BROKEN], "rules": [PASSING_404, NO_SLOTS]}
    return run(endpoint, progress, script, (CONTEXT_APPEND,))


def context_ladder(endpoint: Endpoint, progress: console.Progress) -> RunResult:
    """Rungs up to 64k: a context that the server reduces, a load that fails, a part that leaves the accelerator, a middle that is lost."""
    script = {"models": list(RUNG_MODELS), "rules": [NO_SLOTS]}
    return run(endpoint, progress, script, (CONTEXT_EDGE,), plan.Settings(contexts=("auto",)))


def run(endpoint: Endpoint, progress: console.Progress, script: dict, phases: Sequence[str],
        settings: plan.Settings = plan.Settings(), reads_telemetry: bool = False) -> RunResult:
    """A run of these phases against a fake server with this script."""
    endpoint.ask("/fake/script", script)
    choice = models.choose(endpoint, None, None)
    loaded = {phase: _shortened(suites.load(phase)) for phase in phases}
    facts = {"handle": None, "device_tag": None, "started_at": session.utc_now(), "target": endpoint.target.public,
             "server_version": endpoint.version(), "host_hostname_short": "fake", "floor": None, "time_limit_s": None}
    manifest = run_setup.manifest(names.new_run_id(), facts, choice, list(phases), settings, loaded,
                                  plan.overrides_of(settings))
    manifest["synthetic"] = True
    with files.temporary_folder() as folder:
        files.replace(folder / run_folder.MANIFEST, json_text.pretty(manifest))
        earlier = run_setup.Earlier(folder, manifest, ledger.Tail(), b"", [])
        machine = None if reads_telemetry else telemetry.Unread("the self-test reads it in its first part only")
        _, complete = run_session.carry_out(endpoint, earlier, loaded, None, http_call.Stop(), progress, machine=machine)
        metadata = derived_files.write(folder, manifest, run_folder.graders_of(loaded))
        records = list(ledger_reader.read(folder / run_folder.LEDGER))
    return RunResult(records, timing_floor.log(endpoint), complete, choice.left_out, tuple(script["models"]), metadata)


def _shortened(suite: suites.Suite) -> suites.Suite:
    return suite._replace(items=suite.items[:MOST_ITEMS])


def every_fault(endpoint: Endpoint, progress: console.Progress, slower: float = 1,
                only: Optional[Set[str]] = None) -> List[Tuple[str, dict, dict]]:
    """(name, what was planted, what was recovered) for each row of FAULTS, or for those named in `only`."""
    active_faults = {name: [_slower(fault, slower) for fault in planted] for name, planted, _ in FAULTS if isinstance(planted, list)}
    active_faults["Ctrl-C in the middle"] = [{"fault": "stall", "ms": 20_000}]     # long enough to be aborted for certain
    rules = [{"when": {"contains": f"<{name}>"}, "do": planted} for name, planted in active_faults.items()]
    endpoint.ask("/fake/script", {"models": [MODELS[0]], "rules": rules})
    _call(endpoint, "warm up", {}, CALM, slower)
    results = []
    for name, planted, expected in FAULTS:
        if only is not None and name not in only:
            continue
        progress.draw(name)
        options = planted if isinstance(planted, dict) else {}
        patience = TimeLimits(2.0, PATIENCE_S * slower, PATIENCE_S * slower)
        limits = patience if expected["outcome"] in ("timeout", "stalled") else CALM
        seen = observed(_call(endpoint, f"<{name}>", options, limits, slower, planted))
        results.append((name, expected, {key: seen[key] for key in expected}))
    return results


def _slower(fault: dict, times: float) -> dict:
    return {**fault, "ms": fault["ms"] * times} if fault["fault"] in ("silence", "stall") else fault


def observed(fields: dict) -> dict:
    """What the record of a call shows, in the words of FAULTS."""
    spent = sum(fields[name] or 0 for name in ("load_ns", "prompt_eval_ns", "eval_ns"))
    return {"outcome": fields["outcome"], "status": fields["http_status"], "error": fields["error"],
            "chunks": fields["chunks"], "texts": fields["text_chunks"], "tokens": fields["eval_tokens"],
            "prompt_tokens": fields["prompt_tokens"], "thinks": fields["thinking_chunks"] > 0,
            "without_text": fields["chunks"] - fields["text_chunks"] > 1,      # the done line is one
            "broken_text": "\ufffd" in fields["answer"] or not fields["answer"],
            "waited": fields["total_ns"] is not None and fields["total_ns"] - spent > 150_000_000}


def _call(endpoint: Endpoint, text: str, options: dict, limits: TimeLimits, slower: float,
          planted: Optional[Planted] = None) -> dict:
    nobody = ServerAddress("http", "127.0.0.1", 9)     # the discard port, where nothing has listened for decades
    here = Endpoint(nobody if planted == "nobody" else endpoint.target, limits)
    body = {"model": MODELS[0]["name"], "messages": [{"role": "user", "content": text}],
            "options": {"num_ctx": 4096, **options}}
    stop = http_call.Stop()
    breaker = threading.Timer(BREAK_OFF_AFTER_S * slower, stop.break_off)
    if planted == "break off":
        breaker.start()
    request = http_call.ChatRequest(session.CHAT, json.dumps(body).encode("ascii"))
    fields = http_call.record_fields(http_call.run(here, [request], stop)[0])
    breaker.cancel()
    return fields

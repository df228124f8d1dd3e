"""The ledger's records: one line for each thing that happened, and the parts that lines are made of."""
from __future__ import annotations

from base.records.field import fields

LEDGER_VERSIONS = ("ledger-1.0", "ledger-1.1")      # 1.1, 2026-11-28: what others use during a call; all are read
LEDGER_VERSION = LEDGER_VERSIONS[-1]

OUTCOMES = {
    "ok": "done, by the model's own end or a stop string",
    "length": "done, by the limit on tokens or a full context; outranks `empty`",
    "empty": "done, with no text at all",
    "refused": "HTTP status 4xx: the server refused it",
    "error": "no connection, HTTP status 5xx, an error line in the stream, or bytes that are not Ollama's",
    "cut": "the stream ended without saying done",
    "timeout": "not one byte within the limit for the first byte",
    "stalled": "silence between chunks for longer than the limit",
    "interrupted": "stopped by Ctrl-C while it ran",
}
SPEED_OUTCOMES = ("ok", "length")
SKIP_REASONS = {
    "model-missing": "the server no longer has the model",
    "too-big": "the model does not fit in this machine's memory",
    "load-failed": "the server could not load the model",
    "one-model": "the phase needs two models or more and one is planned",
    "not-loaded-together": "the server does not keep the phase's models loaded at the same time",
    "context-too-small": "the model was not trained for the context that the phase needs, with room for thoughts where it thinks",
    "always-thinks": "the model thinks whatever it is told; its plain items are asked with the thinking budget already",
    "thinking-refused": "the server refuses this way of thinking for the model",
    "cloud-model": "the answers come from another machine",
    "time-limit": "the time given with --time-limit is used up",
    "wave-broken": "a part of this wave was recorded before the run was broken off; the rest would not be concurrent",
    "conversation-broken": "the conversation was broken off; its cached prefix is gone",
    "calibration-failed": "how many tokens the material takes could not be measured on this model",
    "context-reduced": "the server loaded the model with a smaller context than was asked for, or cut a prompt",
    "rung-limit": "this context was foretold to take longer than --rung-limit",
    "rung-failed": "a prompt in this context, or in a smaller one, was not answered",
}
ROLES = {
    "warmup": "after a load, a reload or a resume; used for load times only",
    "calibration": "asks how this server counts; not used for any speed",
    "measured": "what the plan counts",
}
ENDINGS = {
    "complete": "every planned call has its record",
    "interrupted": "Ctrl-C",
    "server-lost": "the server stopped answering",
    "failed": "the harness could not continue; what was measured is on disk",
    "died": "no footer was written: killed, crashed or power lost",
}
PASSES = {"first": "the frozen prompts before all else", "last": "the same prompts after all else, for drift"}
HEAD_METHODS = {
    "rendered": "the server rendered the template, and the text before the nonce was counted",
    "upper-bound": "the whole template was counted",
}
TOO_LONG = {
    "refused": "the server refused it (HTTP 4xx)",
    "cut": "it was answered, shorter than it was sent",
    "answered": "it was answered whole: num_ctx is not in force",
    "error": "the server failed",
    "unknown": "none of the above",
}
CHOICES = {"head_method": HEAD_METHODS, "too_long": TOO_LONG, "outcome": OUTCOMES, "skip_reason": SKIP_REASONS, "role": ROLES, "ending": ENDINGS, "pass": PASSES}

_LINE = fields(
    ("type", "text", "meta, call, skipped or footer"),
    ("seq", "count", "the line's number, from 0"),
    ("prev", "sha256?", "SHA-256 of the line before, without its line feed; null on the first line"),
    ("session", "count", "which session wrote this: 0 is the first, each resume is one more"),
)
_BEGINS = fields(
    ("session_start", "session_start?", "on a session's first record only"),
    ("cut", "cut?", "what a resume removed from the end of the file just before this record"),
)
_PLACE = fields(
    ("role", "choice:role", "why the call was made; planned counts are of measured ones"),
    ("phase", "text", "which suite"),
    ("model", "text", "as the server lists it, with its tag"),
    ("item", "text", "id in the suite; CAL-* and WARM-UP are the harness's own"),
    ("pass", "choice:pass?", "for the frozen prompts: before or after all else"),
    ("repeat", "count", "1 for the first time the item is asked, then 2 and so on"),
    ("level", "count", "how many calls were to run at once"),
    ("wave", "count?", "which wave of its level, from 0; null where calls run alone"),
    ("slot", "count", "place within the wave, from 0"),
    ("fill", "number?", "share of the fillable context that the prompt was to take"),
)

RECORDS = {
    "meta": _LINE + fields(
        ("schema", "text", "ledger-1.1, or ledger-1.0 before 2026-11-28"),
        ("run_id", "run_id", "the run this ledger belongs to"),
        ("synthetic", "bool", "true: made by the fake server or a script, no machine was measured"),
        ("session_start", "session_start", "how session 0 began"),
        ("cut", "cut?~", "what a resume removed from a file without a complete line"),
    ),
    "call": _LINE + _BEGINS + _PLACE + fields(
        ("reattempt", "bool", "a planned call that a resumed session made because no record of it was there"),
        ("endpoint", "text", "path on the server"),
        ("options", "settings", "the options exactly as sent"),
        ("knobs", "settings", "the other request fields exactly as sent: think, stream, keep_alive, truncate, shift, raw"),
        ("prompt_sha256", "sha256", "SHA-256 of the message contents joined by a line feed, without the nonce"),
        ("nonce", "nonce?", "text before the first message, followed by an empty line"),
        ("material_units", "count?", "units of generated material in the prompt (context-append: in the whole conversation)"),
        ("outcome", "choice:outcome", "how the call ended"),
        ("error", "text?", "the message of the server or the system, without addresses and paths"),
        ("http_status", "count?", "null: no response began"),
        ("start_ns", "count", "just before the request was sent, on the session's monotonic clock"),
        ("connect_ns", "count?", "how long connecting took, before start_ns"),
        ("sent_ns", "count?", "after start_ns: the request was sent"),
        ("headers_ns", "count?", "after start_ns: status and headers were received"),
        ("first_chunk_ns", "count?", "after start_ns: the first line, with or without text"),
        ("first_text_ns", "count?", "after start_ns: the first text, thinking included"),
        ("first_answer_ns", "count?", "after start_ns: the first text of the answer"),
        ("last_text_ns", "count?", "after start_ns: the last text"),
        ("done_ns", "count?", "after start_ns: the line that said done"),
        ("end_ns", "count", "after start_ns: nothing more was read"),
        ("gaps_us", "list:count", "microseconds before each chunk with text, from the second one on"),
        ("chunks", "count", "lines in the stream"),
        ("text_chunks", "count", "lines with text, thinking included"),
        ("thinking_chunks", "count", "lines with thinking"),
        ("total_ns", "count?", "the server's total_duration, waiting and loading included"),
        ("load_ns", "count?", "the server's load_duration: until the runner was handed over; never 0 on a warm model"),
        ("prompt_tokens", "count?", "the server's prompt_eval_count, cached tokens included"),
        ("prompt_eval_ns", "count?", "the server's prompt_eval_duration: prefill of what was not cached"),
        ("cached_tokens", "count?", "the server's prompt_eval_cached_count; null: not reported"),
        ("eval_tokens", "count?", "the server's eval_count, end token included"),
        ("eval_ns", "count?", "the server's eval_duration: first token to last token"),
        ("done_reason", "text?", "as received"),
        ("answer", "text", "the answer's text"),
        ("thinking", "text", "the text of the thinking"),
        ("placement", "placement?", "/api/ps right after the call or its wave"),
        ("conditions", "conditions?", "the machine right after the call or its wave; null: it was elsewhere"),
        ("finding", "finding?", "calibration only: its result"),
    ),
    "skipped": _LINE + _BEGINS + _PLACE + fields(
        ("reason", "choice:skip_reason", "why the planned call was not made"),
        ("detail", "text?", "what was observed, without addresses and paths"),
    ),
    "footer": _LINE + _BEGINS + fields(
        ("complete", "bool", "every planned call has a record, of a call or of its skipping"),
        ("planned", "count", "measured calls in the manifest's plan"),
        ("done", "count", "call records with role measured"),
        ("skipped", "count", "skipped records"),
        ("outcomes", "counts", "measured calls by outcome"),
        ("sessions", "list:session", "every session, in order"),
        ("code_grades", "by-line:code_grade~", "verdicts of --grade-code by seq; absent: ungraded"),
    ),
    "finding": fields(
        ("thinks_by_default", "bool~", "whether it thinks when the request does not set `think`"),
        ("always_thinks", "bool~", "whether it thinks although `think` is false, in the thinking field or between tags in the answer"),
        ("takes_thinking", "bool~", "whether the server takes the `think` value of the thinking phases"),
        ("tells_cached_tokens", "bool~", "whether the server reports cached prompt tokens"),
        ("one_token_eval_ns", "count?~", "eval_duration of a one-token answer"),
        ("one_token_eval_tokens", "count?~", "eval_count of a one-token answer"),
        ("head_tokens", "count~", "template tokens before the nonce, which a cache may hold"),
        ("head_method", "choice:head_method~", "how they were counted"),
        ("too_long", "choice:too_long~", "how the server handles a prompt longer than the context"),
        ("too_long_prompt_tokens", "count?~", "prompt tokens of that call"),
        ("slots_seen", "count?~", "requests that the server processed at once; null: unknown"),
        ("context-append_tokens_at", "list:point~", "[units of material, prompt tokens] of the context-append phase"),
        ("context-edge_tokens_at", "list:point~", "[units of material, prompt tokens] of the context-edge phase"),
    ),
    "code_grade": fields(
        ("passed", "bool", "every test of the task passed"),
        ("reason", "text", "passed, or what decided; derive/code_grading.py lists the words"),
    ),
    "session_start": fields(
        ("started_at", "utc", "time of day; start_ns of this session's records counts from here"),
        ("server_version", "text", "server version at the start of the session"),
        ("floor", "floor?", "timing error of the harness itself, measured at the start of the session"),
        ("earlier_sessions", "list:session", "the sessions before this one"),
        ("energy_counter", "text?", "which counter energy_j comes from"),
        ("energy_unknown", "text?", "why there is none"),
        ("others_counter", "text?~", "how others_cpu_share is computed"),
        ("others_unknown", "text?~", "why it cannot be"),
    ),
    "session": fields(
        ("session", "count", "its number"),
        ("started_at", "utc", "time of day"),
        ("ended_at", "utc?", "time of day; null where no footer was written"),
        ("ended", "choice:ending", "how"),
    ),
    "cut": fields(("size_bytes", "count", "how much"), ("sha256", "sha256", "of those bytes")),
    "floor": fields(
        ("streams", "count", "streams read at once"),
        ("chunks", "count", "chunks read in all"),
        ("ttft_error_us_p50", "number", "client's time to first text minus the time at which the fake server sent it"),
        ("ttft_error_us_max", "number", "the worst of them"),
        ("gap_error_us_p50", "number", "absolute error of the inter-chunk gaps against those of the fake server"),
        ("gap_error_us_p99", "number", "99th percentile, nearest rank"),
        ("gap_error_us_max", "number", "the worst of them"),
        ("cpu_us_per_chunk", "number", "processor time of the harness for each chunk"),
    ),
    "placement": fields(
        ("size_bytes", "count?", "the model in memory; null: not loaded any more"),
        ("vram_bytes", "count?", "of which on accelerators"),
        ("context_length", "count?", "the context it was loaded with"),
        ("loaded", "list:text", "every model that was loaded at that moment"),
    ),
    "conditions": fields(
        ("power_source", "text?", "ac, battery or null for unknown"),
        ("load_average", "number?", "runnable processes over one minute"),
        ("background_cpu_share", "number?", "share of all processor time that was used while the harness waited and no "
                                            "call ran; null: not measured at that time"),
        ("free_memory_bytes", "count?", "memory that could be used without swapping"),
        ("swap_used_bytes", "count?", "swap in use"),
        ("swapped_in_bytes", "count?", "since the reading before, or since the session began"),
        ("swapped_out_bytes", "count?", "since the reading before, or since the session began"),
        ("temperature_c", "number?", "hottest processor sensor"),
        ("clock_mhz", "number?", "mean processor clock"),
        ("throttled", "list:text?", "reasons that the system gives for running slower, now or since the reading before; "
                                    "[] none, null: unknown"),
        ("accelerators", "list:accelerator_state?", "every accelerator that reports its state; null: none does"),
        ("energy_j", "number?", "energy by the machine's counters from just before the call or wave to its end, the same "
                                "in each record of a wave; null: no readable counter, or the call was so long that one "
                                "may have wrapped around unseen"),
        ("others_cpu_share", "number?~", "share of all CPU time that programs other than the server and the harness used, from "
                                         "just before the call or wave to its end (of a short call: over the last 0.25 s or "
                                         "more); null: unknown"),
        ("cpu_pressure", "number?~", "share of that time in which some program waited for a CPU (Linux)"),
        ("memory_pressure", "number?~", "share of that time in which some program waited for memory (Linux)"),
        ("suspended_s", "number?~", "seconds that the machine slept during the call or wave"),
    ),
    "accelerator_state": fields(
        ("index", "count", "NVIDIA's in the order of their driver, then the others in the system's"),
        ("busy_share", "number?", "utilisation as the driver reports it"),
        ("memory_used_bytes", "count?", "by all processes"),
        ("power_w", "number?", "as the driver reports it"),
        ("temperature_c", "number?", "as the driver reports it"),
        ("clock_mhz", "number?", "of its processors"),
        ("throttled", "list:text?", "reasons that the driver gives; [] none, null: unknown"),
        ("others_memory_bytes", "count?~", "by processes other than the server's and the harness's; null: unknown"),
        ("others_busy_share", "number?~", "the share of busy_share that these have"),
    ),
}

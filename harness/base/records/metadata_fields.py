"""The records of metadata.json: the figures computed from a ledger, each with n, spread and interval."""
from __future__ import annotations

from base.records.field import fields
from base.records.ledger_fields import SKIP_REASONS

METADATA_VERSIONS = ("metadata-1.0", "metadata-1.1", "metadata-1.2", "metadata-1.3")      # 1.0 where a run has nothing of what is named below
MODEL_FIELDS_OF_1_1, AGGREGATE_FIELDS_OF_1_1 = ("always_thinks", "served_context"), ("thinking", "rung")
AGGREGATE_FIELDS_OF_1_2 = ("failures",)
WARNINGS_OF_1_3 = ("same-answer",)


def metadata_version(models: list, aggregates: list, warnings: list) -> str:
    """The version that the fields of these `calibrated`, `aggregate` and `warning` records need."""
    if any(row["code"] in WARNINGS_OF_1_3 for row in warnings):
        return METADATA_VERSIONS[3]
    if any(name in row for row in aggregates for name in AGGREGATE_FIELDS_OF_1_2):
        return METADATA_VERSIONS[2]
    is_newer = any(name in row for row in models for name in MODEL_FIELDS_OF_1_1) or any(
        name in row for row in aggregates for name in AGGREGATE_FIELDS_OF_1_1)
    return METADATA_VERSIONS[is_newer]


METRICS = {     # name: what it is; the name ends with the unit; derive/call_metrics.py holds the formulas
    "ttft_ms": "time to first token: request to first text, thinking included, by the client's clock",
    "first_answer_ms": "request to first text of the answer, by the client's clock",
    "total_ms": "request to the line that said done, by the client's clock",
    "prefill_tok_s": "prompt tokens that were not cached, over the server's prompt_eval_duration",
    "decode_tok_s": "answer tokens after the first, over the server's eval_duration",
    "client_decode_tok_s": "answer tokens after the first, over first text to last text by the client's clock",
    "tpot_ms": "time per output token: first text to last text over the tokens between, by the client's clock",
    "icl_p50_ms": "inter-chunk latency: each call's median gap before a chunk with text",
    "icl_p99_ms": "inter-chunk latency: each call's 99th percentile, nearest rank; null below 20 gaps",
    "tokens_per_chunk": "answer tokens for each chunk with text; 1 where chunks are tokens",
    "overhead_ms": "the server's total less load, prefill and decode: queueing above all",
    "prompt_tokens": "as the server counts, cached ones included",
    "eval_tokens": "as the server counts, the end token included",
    "fill_reached": "share of the fillable context that the prompt took",
    "energy_j_per_tok": "energy of the machine's counters for each answer token, prefill included",
}
WARNINGS = {
    "few-samples": "too few calls for a spread that means something",
    "wide-spread": "the middle half of the decode rates lies far apart",
    "clocks-disagree": "decode by the client's clock is another than by the server's counters",
    "bunched": "the first text was heard together with those after it, so that its time is an upper bound",
    "serialised": "calls sent together were served one after the other",
    "collapse": "calls sent together came to fewer tokens a second in all than one call alone",
    "truncated": "prompts reached the model shorter than they were sent; these calls are void",
    "prefix-recomputed": "turns of a conversation computed tokens of the turn before again: so many, at the median",
    "prefix-unclear": "the server did not say how much of a turn came from its cache, and the rate did not show it: no prefill rate",
    "fill-missed": "prompts took another share of the context than they were to take",
    "reload": "the server reported a long load in the middle of a phase: the model was loaded anew, or calls waited for its runner",
    "num-ctx-ignored": "a prompt longer than num_ctx was answered whole: the server uses a context of its own",
    "context-reduced": "the model was loaded with a smaller context than was asked for",
    "thinking-spent": "the limit on tokens was used up before an answer began",
    "always-thinks": "the model thinks although it is told not to: its items were asked with the thinking budget on top",
    "thinking-uncalled": "the model thought although it was told not to",
    "same-answer": "the model gave one answer to all questions that have a right answer: it, or its prompt template, is probably broken",
    "contended-calls": "other programs used more than a tenth of all CPU time or of an accelerator during these calls, or the "
                       "machine slept",
    "other-model-loaded": "a model that is not part of this run was loaded all the time",
    "suspended": "the machine slept during these calls",
    "partial-offload": "a part of the model was not on the accelerator",
    "placement-changed": "the model did not stay where it was loaded at first",
    "remote-server": "the server was on another machine, whose state is not known",
    "on-battery": "the machine ran on battery",
    "slow-instrument": "the instrument itself was late by more than it should be",
    "servers-differ": "sessions of the run saw different versions of the server",
    "drift": "the frozen prompts at the end ran at another speed than at the start",
}
VERDICTS = {
    "clean": "no sign that the machine changed or was disturbed while it was measured",
    "drifting": "the frozen prompts at the end were slower or faster than at the start, for no reason that was seen",
    "throttled": "the system said that it slowed its processors down, or they slowed down and the answers with them",
    "contended": "something else used the processors or the memory while the run waited",
}
EVIDENCE = {
    "decode-drift": "decode at the end over decode at the start",
    "throttle-flags": "share of readings in which the system gave a reason for running slower",
    "clock-drop": "processor clock at the end over that at the start",
    "contended-calls": "share of the calls during which others used more than a tenth of all CPU time or of an accelerator",
    "background-load": "share of the processors that others used while nothing ran, at the median",
    "background-shift": "share that others used before the last frozen prompts, less that before the first",
    "swapping": "bytes moved to and from swap for each reading, at the median",
}
LADDER_ENDS = {     # why the context ladder of a model went no further; also whatever skipped a rung
    "trained-context": "the model was not trained for the next context",
    "largest-rung": "there is no larger context in the ladder",
    "not-asked": "no larger context was asked for",
    **SKIP_REASONS,
}
CHOICES = {"ladder_end": LADDER_ENDS, "warning": WARNINGS, "verdict": VERDICTS, "evidence": EVIDENCE}

# Also used in the catalogue's records.
WORK = fields(
    ("calls", "count", "measured calls"),
    ("outcomes", "counts", "of these calls, failed ones included"),
    ("void", "count", "calls without figures because their prompt was truncated"),
    ("reattempts", "count", "calls repeated by a resumed session because they had no record"),
    ("skips", "counts", "planned calls that were not made, by reason"),
)
GROUP_KEY = fields(
    ("item", "text?", "null: all items of the pass or level, with only the figures that they may share"),
    ("pass", "choice:pass?", "of the frozen prompts"),
    ("level", "count?", "calls at once; null where the phase has no levels"),
    ("fill", "number?", "share of the fillable context that was asked for"),
)
GRADED = fields(
    ("n", "count", "answers that were graded"),
    ("passed", "count", "of these, right"),
    ("censored", "count", "answers cut by a limit: neither right nor wrong"),
    ("ungraded", "count", "answers with a grader but without a verdict: code that was not run"),
    ("failed", "count", "calls without an answer"),
)

RECORDS = {
    "metadata": fields(
        ("schema", "text", "metadata-1.0; 1.1 where it has fields about thinking or the context ladder, 1.2 where calls failed, 1.3 with the warning `same-answer`"),
        ("synthetic", "bool", "true: made by the fake server or a script, no machine was measured"),
        ("run_id", "run_id", "the run this was computed from"),
        ("ledger_sha256", "sha256", "of the ledger's bytes"),
        ("device_tag", "text?", "from the manifest"),
        ("statistics", "text", "how medians, quartiles and intervals were made"),
        ("complete", "bool", "every planned call has a record, and a footer says so"),
        ("planned", "count", "measured calls in the manifest's plan"),
        ("done", "count", "measured calls that were made"),
        ("skipped", "count", "planned calls that were not made"),
        ("outcomes", "counts", "measured calls by outcome"),
        ("sessions", "count", "number of sessions: the first and each resume"),
        ("started_at", "utc?", "the first session's time of day"),
        ("ended_at", "utc?", "the last session's end; null where no footer was written"),
        ("server_versions", "list:text", "that the sessions saw, in order"),
        ("models", "list:calibrated", "how the server counts for each model"),
        ("aggregates", "list:aggregate", "for each model and phase, in the order of the ledger"),
        ("warnings", "list:warning", "what to know before trusting a figure"),
        ("verdict", "judgement", "whether the machine was stable during the run"),
    ),
    "calibrated": fields(
        ("cell_id", "text?", "device tag and model; null: no device tag"),
        ("model", "text", "as the server lists it"),
        ("digest", "sha256", "of its manifest"),
        ("head_tokens", "count?", "template tokens before the nonce, which a cache may hold"),
        ("head_method", "text?", "rendered: counted exactly; upper-bound: the whole template"),
        ("slots_seen", "count?", "requests that the server processed at once"),
        ("thinks_by_default", "bool?", "whether it thinks when the request does not set `think`"),
        ("always_thinks", "bool?~", "whether it thinks although it is told not to; absent if it does not and thinking was not asked for"),
        ("tells_cached_tokens", "bool?", "whether the server reports cached prompt tokens"),
        ("too_long", "text?", "what happens to an over-long prompt: refused, cut, answered (num_ctx is not in force), error or unknown"),
        ("one_token_eval_ns", "count?", "eval_duration of a one-token answer"),
        ("placement", "placement?", "of its first measured call"),
        ("cold_load_ms", "stat?", "loads that read the model in, by the client's clock"),
        ("warm_load_ms", "stat?", "loads that found it loaded, by the client's clock"),
        ("served_context", "served_context~", "the largest context that the machine serves of it; absent where no ladder was asked for"),
    ),
    "aggregate": fields(
        ("cell_id", "text?", "device tag and model; null: no device tag"),
        ("model", "text", "as the server lists it"),
        ("phase", "text", "which suite"),
    ) + WORK + fields(
        ("prefill_basis", "text?", "where the cached count comes from: server, nonce or append"),
        ("quality", "quality?", "null where nothing has a right answer"),
        ("groups", "list:group", "calls that may share a median"),
        ("waves", "list:waves", "calls that were sent together, for each level"),
        ("drift", "drift?", "frozen prompts alone"),
        ("thinking", "thinking~", "of calls with a budget for thoughts: thinking phases, and models that always think"),
        ("rung", "rung~", "of context-edge in each context; absent where no ladder was asked for"),
        ("failures", "list:failure~", "why calls failed; absent where none did, and in runs of harness 1.0.0 and 1.1.0"),
    ),
    "failure": fields(
        ("outcome", "choice:outcome", "of these calls"),
        ("error", "text?", "the message of the first of them, at most 200 characters; null: none, or one of many"),
        ("n", "count", "calls with this outcome and a message that differs in numbers only"),
    ),
    "served_context": fields(
        ("num_ctx", "count?", "the largest context in which the fullest prompt was answered; null: none"),
        ("prompt_tokens", "count?", "of that prompt"),
        ("prefill_tok_s", "number?", "of that prompt"),
        ("decode_tok_s", "number?", "of its answer; where that has fewer than 16 tokens, of all answers in this context together"),
        ("ttft_ms", "number?", "of that prompt"),
        ("middle_found", "bool?", "whether its answer holds the fact from the middle of the prompt; null: it was cut by a limit"),
        ("middle_found_tokens", "count?", "prompt tokens of the longest prompt whose answer holds it; null: none does"),
        ("partial_from", "count?", "the smallest context with which a part is not on the accelerator; null: none, or all is in main memory"),
        ("ended_by", "choice:ladder_end?", "why there is no larger one; null: the run is not finished, or was interrupted there"),
        ("detail", "text?", "what was seen"),
    ),
    "rung": fields(
        ("num_ctx", "count?", "the context that was asked for; null: no call was made"),
        ("context_length", "count?", "the context that the server loaded"),
        ("size_bytes", "count?", "model and context in memory"),
        ("vram_bytes", "count?", "of which on accelerators"),
        ("load_ms", "number?", "loading with this context, by the client's clock"),
        ("stopped_by", "choice:skip_reason?", "why it, or the rest of it, was not asked; null: all of it was"),
        ("detail", "text?", "what was seen"),
    ),
    "thinking": fields(
        ("mode", "think_mode?", "the `think` that was sent; null: false, and the model thinks all the same"),
        ("budget", "count", "tokens on top of each item's limit and of the context"),
        ("thought", "count", "calls with thoughts, of those that ended ok or by length"),
        ("tokens_basis", "text?", "how thinking tokens are separated from the others, since no server counts them separately: by the "
                                  "share of chunks or of text; null: no thoughts, or both"),
        ("tokens", "stat?", "thinking tokens of a call that has thoughts"),
        ("budget_share", "stat?", "the same over the budget; above 1 where they took from the answer's own limit"),
        ("first_answer_ms", "stat?", "request to first text of the answer; null where thoughts came within the answer"),
        ("cut_by_budget", "count", "answers cut by the limit because thoughts had used up the budget or did not end"),
        ("cut_otherwise", "count", "answers cut by the limit although the budget was not used up, or by a full context"),
        ("answers", "paired_answers?", "with the plain answers to the same items; null: there are none"),
    ),
    "paired_answers": fields(
        ("pairs", "count", "items that were graded in both ways"),
        ("unpaired", "count", "the other items: cut, failed, ungraded or not asked in one way"),
        ("right_plain", "count", "of the pairs"),
        ("right_thinking", "count", "of the pairs"),
        ("gained", "count", "pairs that were wrong plainly and right with thinking"),
        ("lost", "count", "pairs that were right plainly and wrong with thinking"),
        ("difference", "number?", "share of the pairs right with thinking, less that right plainly"),
        ("low", "number?", "lower end of its 95 % interval"),
        ("high", "number?", "upper end"),
        ("time_to_correct_plain_ms", "stat?", "request to done of the plain answers that are right, one call at a time"),
        ("time_to_correct_thinking_ms", "stat?", "the same with thinking"),
        ("time_ratio", "ratio?", "thinking over plain, of the items that are right in both ways"),
    ),
    "group": GROUP_KEY + fields(
        ("calls", "count", "measured calls"),
        ("metrics", "metrics", "over calls that ended ok or by length"),
        ("uncontended", "uncontended?~", "the same without contended calls; absent where none, or all of them, were contended"),
    ),
    "uncontended": fields(
        ("calls", "count", "measured calls during which others used at most a tenth of the machine, as far as is known"),
        ("metrics", "metrics", "over those of them that ended ok or by length"),
    ),
    "metrics": fields(*((name, "stat?", says) for name, says in METRICS.items())),
    "stat": fields(
        ("n", "count", "calls (or waves) with this figure"),
        ("median", "number", "the middle"),
        ("q1", "number", "lower quartile"),
        ("q3", "number", "upper quartile"),
        ("min", "number", "smallest"),
        ("max", "number", "largest"),
        ("low", "number?", "lower end of the median's 95 % interval; null below 2"),
        ("high", "number?", "upper end"),
    ),
    "waves": fields(
        ("level", "count", "calls that were to run at once"),
        ("models", "list:text", "whose calls they were"),
        ("full", "count", "waves in which every call has its figures"),
        ("short", "count", "waves of fewer calls than the level, left out"),
        ("failed", "count", "waves in which a call failed, left out"),
        ("tok_s", "stat?", "answer tokens of all calls over first sent to last done"),
        ("parallelism", "stat?", "calls that decode at once, at the mean, while any does"),
        ("start_spread_ms", "stat?", "first to last request of a wave"),
        ("serialised", "bool?", "true: served one after the other; null: level 1, or unknown"),
    ),
    "quality": GRADED + fields(
        ("correct_per_minute", "number?", "right answers for each minute of the phase's calls; null at several levels"),
        ("time_to_correct_ms", "stat?", "request to done of the calls with right answers"),
        ("recall", "list:recall", "context-edge: planted facts that came back, by place"),
    ),
    "recall": fields(
        ("fill", "number", "share of the fillable context"), ("place", "text", "head, middle or tail"),
        ("n", "count", "answers looked at"), ("found", "count", "answers that hold the fact")),
    "drift": fields(
        ("decode", "ratio?", "tok/s at the end over tok/s at the start"),
        ("prefill", "ratio?", "tok/s at the end over tok/s at the start"),
        ("ttft", "ratio?", "ms at the end over ms at the start"),
        ("why", "text?", "why it was not judged"),
    ),
    "ratio": fields(
        ("n", "count", "pairs of the same prompt and repeat"), ("ratio", "number", "their median"),
        ("low", "number?", "lower end of its 95 % interval; null below 2"), ("high", "number?", "upper end")),
    "warning": fields(
        ("code", "choice:warning", "what it is about"),
        ("model", "text?", "null: the whole run"),
        ("phase", "text?", "null: all of them"),
        ("level", "count?", "calls at once, where it matters"),
        ("observed", "number?", "the figure that led to it"),
        ("expected", "number?", "the limit or the expected value"),
        ("n", "count", "calls (or waves, or readings) that it was seen in"),
    ),
    "judgement": fields(
        ("verdict", "choice:verdict?", "null: unknown"),
        ("why", "text", "in words"),
        ("evidence", "list:evidence", "the figures that led to it"),
    ),
    "evidence": fields(
        ("code", "choice:evidence", "what was looked at"),
        ("model", "text?", "null: the whole run"),
        ("observed", "number", "the figure"),
        ("expected", "number", "the limit"),
        ("n", "count", "pairs or readings"),
    ),
}

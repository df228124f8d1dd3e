"""The catalogue's records: all merged runs as one document, each figure with its spread and its n, over runs and over calls.

catalogue.json is one `catalogue`; cells/<cell>.json is one `cell` with what each run says by itself. Only runs that are
shown are named here. A run that is withheld counts in the figures of its cell and in `withheld`, and nowhere else.
Models of one name and of different digests are variants of a cell, apart from each other and never pooled.
"""
from __future__ import annotations

from base.records.field import fields

CATALOGUE_VERSION = "catalogue-1.0"

# Of the metadata's metrics those that are carried here; the name ends with the unit.
FIGURES = ("ttft_ms", "total_ms", "prefill_tok_s", "decode_tok_s", "icl_p99_ms", "prompt_tokens", "fill_reached",
           "energy_j_per_tok")
BY_RUN = ("ttft_ms", "prefill_tok_s", "decode_tok_s")       # of these, the ones given for each run
GRADES = {
    "flagship": "complete, calm, repeated and explained: a figure from it may stand alone",
    "standard": "as the protocol wants it; compare it with others",
    "archive-only": "whole and true to its ledger, and yet not to be compared: see the first condition not met",
}
MEMORY_KINDS = {
    "accelerator": "the accelerators' own memory",
    "unified": "main memory, in which the accelerator works too",
    "main": "main memory, for want of an accelerator with memory of its own",
}
VISIBILITIES = {
    "public": "shown with all that belongs to it",
    "redacted": "counts in the figures of its cell, and is shown nowhere",
}
CHOICES = {"grade": GRADES, "memory_kind": MEMORY_KINDS, "visibility": VISIBILITIES}

_COUNTED = fields(
    ("runs", "count", "number of runs, withheld ones included"),
    ("withheld", "count", "of these, not shown"),
)
_WORK = fields(
    ("calls", "count", "measured calls of all runs"),
    ("outcomes", "counts", "of these calls; nothing is left out for how it came out"),
    ("void", "count", "calls without figures because their prompt was truncated"),
    ("reattempts", "count", "calls repeated by a resumed session because they had no record"),
    ("skips", "counts", "planned calls that were not made, by reason"),
)
_KEY = fields(
    ("item", "text?", "null: all items of the pass or level, with only the figures that they may share"),
    ("pass", "choice:pass?", "of the frozen prompts"),
    ("level", "count?", "calls at once; null where the phase has no levels"),
    ("fill", "number?", "share of the fillable context that was asked for"),
)
_SHARE = fields(
    ("n", "count", "answers that were graded"),
    ("passed", "count", "of these, right"),
    ("censored", "count", "answers cut by a limit: neither right nor wrong"),
    ("ungraded", "count", "answers that have a grader and no verdict: code that was not run"),
    ("failed", "count", "calls without an answer"),
    ("share", "number?", "passed over n; null where nothing was graded"),
    ("low", "number?", "lower end of its 95 % interval (Wilson)"),
    ("high", "number?", "upper end"),
)

RECORDS = {
    "catalogue": fields(
        ("schema", "text", "catalogue-1.0"),
        ("synthetic", "bool", "true: some runs are from the fake server or a script; the catalogue is for tests only"),
        ("statistics", "text", "how medians, quartiles and intervals were made"),
        ("totals", "catalogue_totals", "counts of what is shown"),
        ("devices", "list:device", "in order of their tags"),
        ("models", "list:catalogue_model", "in order of their names"),
        ("cells", "list:cell", "in order of their ids, each without by_run"),
        ("runs", "list:catalogue_run", "newest first"),
    ),
    "catalogue_totals": fields(
        ("runs", "count", "shown"), ("handles", "count", "people who submitted them"), ("devices", "count", "shown"),
        ("models", "count", "names with their tags"), ("cells", "count", "shown"),
        ("calls", "count", "measured calls of the runs shown"),
    ),
    "device": _COUNTED + fields(
        ("device_tag", "text", "what was measured"),
        ("page", "text", "its page, from the site's root"),
        ("label", "text?", "name of the chip that runs the models, from the newest run's hardware.json; null: unknown"),
        ("system", "text?", "operating system and its version"),
        ("cpu", "text?", "the processor"),
        ("accelerators", "list:text", "names of the graphics or compute devices"),
        ("memory_bytes", "count?", "main memory"),
        ("model_memory_bytes", "count?", "the memory that models should fit into"),
        ("model_memory_kind", "choice:memory_kind?", "which memory that is"),
        ("memory_class_gb", "count?", "the same, as it is sold: 8, 12, 16, 24, ..."),
        ("bandwidth_gb_s", "number?", "bandwidth of that memory, from the table of chips; null: not in the table"),
        ("bandwidth_of", "text?", "the part of the chip's name that matched the table"),
        ("handles", "count", "people who submitted the runs shown"),
        ("newest", "utc", "start of the newest run shown"),
        ("cells", "list:text", "their ids"),
    ),
    "catalogue_model": _COUNTED + fields(
        ("model_id", "text", "safe in a file name: the cell id's part after the device tag"),
        ("page", "text", "its page, from the site's root"),
        ("model", "text", "name and tag, without the default registry and namespace"),
        ("family", "text?", "architecture family"),
        ("parameter_size", "text?", "as the server reports it"),
        ("quantizations", "list:text", "of its digests"),
        ("digests", "list:sha256", "that were measured"),
        ("cells", "list:text", "their ids"),
    ),
    "cell": _COUNTED + fields(
        ("cell_id", "text", "device tag and model, one to one, for ever"),
        ("page", "text", "its page, from the site's root"),
        ("data", "text", "this record with by_run, as a JSON file, from the site's root"),
        ("device_tag", "text", "what was measured"),
        ("model", "text", "name and tag"),
        ("model_id", "text", "see catalogue_model"),
        ("variants", "list:variant", "one for each digest, the one of the newest run first"),
    ),
    "variant": _COUNTED + _WORK + fields(
        ("digest", "sha256", "of the model's manifest"),
        ("size_bytes", "count", "on disk"),
        ("family", "text?", "architecture family"),
        ("parameter_size", "text?", "as the server reports it"),
        ("quantization", "text?", "as the server reports it"),
        ("format", "text?", "gguf or safetensors"),
        ("context_length", "count?", "trained context"),
        ("handles", "count", "people who submitted the runs shown"),
        ("oldest", "utc", "start of the oldest run shown"),
        ("newest", "utc", "start of the newest run shown"),
        ("server_versions", "list:text", "of the runs shown, in order"),
        ("verdicts", "counts", "runs by verdict; `none`: no verdict possible"),
        ("warnings", "counts", "runs by code of their warnings about this model or the whole run"),
        ("grades", "counts", "runs shown by grade"),
        ("memory_bytes", "stat?", "over runs: the model in memory"),
        ("offload_share", "stat?", "over runs: share of it on accelerators"),
        ("cold_load_ms", "stat?", "over runs: median of the loads that read the model in"),
        ("headline", "headline", "what tables and rankings show"),
        ("bound", "bound?", "decode rate as a share of the limit set by memory bandwidth; null: unknown"),
        ("phases", "list:cell_phase", "in the order of the protocol"),
        ("by_run", "list:run_in_cell~", "the figures of each run shown, newest first; only in cells/*.json"),
    ),
    "spread": fields(
        ("over_runs", "stat", "of the runs' own medians: each run counts once, its n is of runs"),
        ("over_calls", "stat", "of all calls (or waves) of all runs: its n is of calls (or waves)"),
    ),
    "share": _SHARE + fields(("runs", "count", "runs in which something was asked"),
                             ("phases", "list:text", "in which it was asked")),
    "headline": fields(
        ("decode_tok_s", "spread?", "frozen prompts before all else, all three together"),
        ("ttft_ms", "spread?", "P-MEDIUM (about 300 tokens) before all else"),
        ("prefill_tok_s", "spread?", "P-HARD (about 1,200 tokens) before all else"),
        ("energy_j_per_tok", "spread?", "frozen prompts before all else"),
        ("answers", "share?", "right answers to short questions: small-eval and parallel-same"),
        ("code", "share?", "Python tasks whose hidden tests pass"),
        ("recall", "share?", "facts planted in a filled context that came back"),
        ("correct_per_minute", "stat?", "over runs: right answers a minute in small-eval"),
        ("tok_s_alone", "spread?", "parallel-same, one at a time: answer tokens a second, waiting for the first one included"),
        ("tok_s_most", "spread?", "parallel-same, at the level with the most answer tokens a second in all"),
        ("most_level", "count?", "that level"),
        ("concurrency_gain", "number?", "tok_s_most over tok_s_alone, medians over runs"),
        ("decode_full", "spread?", "context-edge, the fullest prompt that was answered"),
        ("full_fill", "number?", "its fill"),
        ("context_cost", "number?", "1 less decode_full over decode of the emptiest context-edge prompt, medians over runs"),
        ("drift", "stat?", "over runs: decode at the end over decode at the start"),
    ),
    "bound": fields(
        ("bandwidth_gb_s", "number", "memory bandwidth of the device"),
        ("bandwidth_of", "text", "the part of the chip's name that matched the table"),
        ("size_bytes", "count", "weights, all of which are read for each token"),
        ("bound_tok_s", "number", "bandwidth over size"),
        ("decode_tok_s", "number", "the headline's median over runs"),
        ("share", "number", "decode over bound; above 1 something else is at work"),
    ),
    "cell_phase": _WORK + fields(
        ("phase", "text", "which suite"),
        ("runs", "count", "runs with a record in it"),
        ("prefill_bases", "list:text", "where the cached counts come from: server, nonce or append"),
        ("quality", "cell_quality?", "null where nothing has a right answer"),
        ("groups", "list:cell_group", "calls that may share a median"),
        ("levels", "list:cell_level", "waves: calls that were sent together"),
        ("drift", "cell_drift?", "frozen prompts alone"),
    ),
    "cell_quality": _SHARE + fields(
        ("over_runs", "stat?", "of each run's own share"),
        ("correct_per_minute", "stat?", "over runs; null at several levels"),
        ("time_to_correct_ms", "stat?", "over runs: their medians"),
        ("recall", "list:recall", "context-edge: planted facts that came back, by place"),
    ),
    "cell_group": _KEY + fields(
        ("runs", "count", "runs with such calls"),
        ("calls", "count", "measured calls"),
        ("figures", "figures", "over calls that ended ok or by length"),
    ),
    "figures": fields(*((name, "spread?", "see metrics") for name in FIGURES)),
    "cell_level": fields(
        ("level", "count", "calls that were to run at once"),
        ("models", "list:text", "whose calls they were"),
        ("runs", "count", "runs with such waves"),
        ("full", "count", "waves in which every call has its figures"),
        ("short", "count", "waves of fewer calls than the level, left out"),
        ("failed", "count", "waves in which a call failed, left out"),
        ("serialised", "count", "runs in which they were served one after the other"),
        ("tok_s", "spread?", "answer tokens of all calls over first sent to last done; n of over_calls is of waves"),
        ("parallelism", "spread?", "calls that decode at once, at the mean, while any does"),
    ),
    "cell_drift": fields(
        ("decode", "stat?", "over runs: tok/s at the end over tok/s at the start"),
        ("prefill", "stat?", "over runs: tok/s at the end over tok/s at the start"),
        ("ttft", "stat?", "over runs: ms at the end over ms at the start"),
        ("not_judged", "count", "runs without a result"),
    ),
    "run_in_cell": fields(
        ("run_id", "run_id", "which run"),
        ("phases", "list:run_phase", "its figures for this model"),
    ),
    "run_phase": _WORK + fields(
        ("phase", "text", "which suite"),
        ("prefill_basis", "text?", "server, nonce or append"),
        ("quality", "quality?", "as in its metadata.json"),
        ("groups", "list:run_group", "as in its metadata.json, with the three figures alone that curves are drawn of"),
        ("waves", "list:waves", "as in its metadata.json"),
        ("drift", "drift?", "as in its metadata.json"),
    ),
    "run_group": _KEY + fields(("calls", "count", "measured calls"), ("metrics", "run_figures", "as in its metadata.json")),
    "run_figures": fields(*((name, "stat?", "see metrics") for name in BY_RUN)),
    "catalogue_run": fields(
        ("run_id", "run_id", "which run"),
        ("page", "text", "its page, from the site's root"),
        ("raw", "object", "name of each of the five files: its copy as text, from the site's root"),
        ("folder", "text", "its folder, from the clone's root"),
        ("handle", "text", "who submitted it"),
        ("device_tag", "text", "what was measured"),
        ("synthetic", "bool", "true: made by the fake server or a script, no machine was measured"),
        ("visibility", "choice:visibility", "public; a redacted run has no such record"),
        ("started_at", "utc", "time of day"),
        ("ended_at", "utc?", "time of day"),
        ("complete", "bool", "every planned call has a record"),
        ("planned", "count", "measured calls in the plan"),
        ("done", "count", "measured calls that were made"),
        ("skipped", "count", "planned calls that were not made"),
        ("outcomes", "counts", "measured calls by outcome"),
        ("sessions", "count", "how often it was begun or resumed"),
        ("verdict", "choice:verdict?", "whether the machine held still; null: it cannot be told"),
        ("warnings", "counts", "by code"),
        ("findings", "counts", "of the checker, by severity"),
        ("site_grade", "choice:grade", "computed, never submitted"),
        ("unmet", "unmet?", "the first condition not met for the next grade; null: there is none"),
        ("server_versions", "list:text", "that its sessions saw"),
        ("harness_version", "text", "release"),
        ("harness_modified", "bool?", "against its commit; null: not known"),
        ("phases", "list:text", "that were planned"),
        ("models", "list:run_model", "in the order they ran"),
        ("superseded_by", "run_id?", "a later run to use instead; both count"),
        ("notes", "list:text", "of the maintainer"),
        ("blurb_md", "text?", "Janie's, in the small Markdown of the site"),
    ),
    "unmet": fields(
        ("grade", "choice:grade", "the grade that it would be a condition of"),
        ("condition", "text", "its id"),
        ("says", "text", "the requirement"),
        ("observed", "text", "the observed value"),
    ),
    "run_model": fields(
        ("cell_id", "text", "its cell"),
        ("model", "text", "name and tag"),
        ("digest", "sha256", "of the model's manifest"),
        ("decode_tok_s", "stat?", "over calls: frozen prompts before all else"),
        ("ttft_ms", "stat?", "over calls: P-MEDIUM before all else"),
        ("prefill_tok_s", "stat?", "over calls: P-HARD before all else"),
        ("answers", "share?", "right answers to short questions"),
        ("code", "share?", "Python tasks whose hidden tests pass"),
        ("tok_s_most", "stat?", "over waves: parallel-same, at the best level"),
        ("most_level", "count?", "that level"),
    ),
}

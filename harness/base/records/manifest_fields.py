"""The manifest's records: the plan, the models and settings, and the timing error of the harness at the start."""
from __future__ import annotations

from base.records.field import fields

MANIFEST_VERSIONS = ("manifest-1.0", "manifest-1.1")
MANIFEST_VERSION = MANIFEST_VERSIONS[0]     # of a run that has none of the fields below
FIELDS_OF_1_1 = ("thinking", "contexts")


def manifest_version(manifest: dict) -> str:
    """The version that a manifest's fields need: a run without the newer ones stays readable to older harnesses."""
    return MANIFEST_VERSIONS[any(name in manifest for name in FIELDS_OF_1_1)]


RECORDS = {
    "manifest": fields(
        ("schema", "text", "manifest-1.0; 1.1 where it has `thinking` or `contexts`"),
        ("synthetic", "bool", "true: made by the fake server or a script, no machine was measured"),
        ("run_id", "run_id", "random UUID, also in the folder's name"),
        ("handle", "text?", "who submits; null: not given yet"),
        ("device_tag", "text?", "what was measured; null: not given yet"),
        ("started_at", "utc", "time of day"),
        ("target", "text", "the server's URL on loopback, else only lan or remote"),
        ("server_name", "text", "ollama"),
        ("server_version", "text", "as the server reports it"),
        ("models", "list:model", "in the order they run"),
        ("models_left_out", "list:left_out", "on the server, and not planned"),
        ("plan", "list:plan", "what was to be measured"),
        ("planned_calls", "count", "measured calls in all"),
        ("suites", "list:suite", "the texts that were used"),
        ("options", "settings", "the options of every call but num_ctx and num_predict"),
        ("knobs", "settings", "the other request fields"),
        ("num_ctx", "count", "context of the phases"),
        ("context_num_ctx", "count", "context of the context phases"),
        ("num_predict", "count?", "one limit for all items; null: each item's own"),
        ("levels", "list:count?", "concurrency; null: each suite's own"),
        ("repeats", "count", "of the frozen prompts, in each pass"),
        ("time_limit_s", "count?", "null: none"),
        ("overrides", "settings", "settings that differ from the canonical ones: name to value"),
        ("host_hostname_short", "text", "short host name, or what --hostname gave"),
        ("platform", "text", "operating system and architecture"),
        ("python", "text", "version"),
        ("harness_version", "text", "release"),
        ("harness_sha256", "sha256", "over all source files of the harness"),
        ("harness_modified", "bool?", "against the clone's commit; null: unknown without git"),
        ("harness_commit", "text?", "of the clone; null: unknown without git"),
        ("floor", "floor?", "timing error of the harness itself"),
        ("thinking", "thinking_plan~", "how models are asked to think; absent: they are not, and the budget is the canonical one"),
        ("contexts", "context_plan~", "the context ladder; absent: it is not climbed"),
    ),
    "context_plan": fields(
        ("asked", "list:text", "rungs by name, such as 32k; or auto alone: up to the trained context of each model"),
        ("rung_limit_s", "count", "a rung that is predicted to take longer is not begun"),
    ),
    "thinking_plan": fields(
        ("mode", "think_mode?", "`think` of the thinking phases: true or a level; null: none are planned"),
        ("budget", "count", "tokens on top of each item's limit and of the context, for thoughts; a multiple of 256"),
    ),
    "model": fields(
        ("name", "text", "as the server lists it"),
        ("digest", "sha256", "of its manifest"),
        ("size_bytes", "count", "on disk"),
        ("format", "text?", "gguf or safetensors"),
        ("family", "text?", "architecture family"),
        ("parameter_size", "text?", "as the server reports it"),
        ("quantization", "text?", "as the server reports it"),
        ("context_length", "count?", "trained context"),
        ("expert_count", "count?~", "experts of a mixture, from /api/show; null: none; absent in older records"),
        ("expert_used_count", "count?~", "of which are used for a token"),
        ("capabilities", "list:text", "as the server reports it"),
        ("template_sha256", "sha256?", "of the chat template; null: the model's file holds its own"),
        ("draft", "text?~", "what predicts tokens ahead: a draft model, or the number of prediction layers (MTP); null: none reported"),
    ),
    "left_out": fields(("name", "text", "model"), ("reason", "text", "why")),
    "plan": fields(("phase", "text", "suite"), ("model", "text?", "null: several at once"), ("planned_calls", "count", "of the phase")),
    "suite": fields(
        ("phase", "text", "which one it is for"), ("suite_id", "text", "its own name"),
        ("version", "text", "a changed text is a new one"), ("file", "text", "in harness/suites, or prompts.py"),
        ("sha256", "sha256", "of the file's bytes; of the three prompts' hashes for prompts.py")),
}

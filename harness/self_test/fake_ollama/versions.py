"""The versions: what differs between versions of Ollama, their objects, and their messages word by word."""
from __future__ import annotations

import dataclasses
import json
import re
import time
from typing import TYPE_CHECKING, Any

from .truth_log import TruthEntry

if TYPE_CHECKING:
    from .script import Model

BOS_AND_NUM_KEEP = 5                      # tokens at the front that no cut removes
SLOT_STEP = 256                           # the runner rounds the window of a slot up to a multiple of this

TOO_LONG_NO_SHIFT = ("the prompt is longer than the context length currently available to the model; shorten the "
                     "prompt, adjust the context length in settings, or use a model with a longer context length")
TOO_LONG_OLD = "the input length exceeds the context length"
RUNNER_LOST = "an error was encountered while running the model: unexpected EOF"


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How one version behaves, as recorded from real servers."""

    version: str                          # as /api/version has it
    has_runner_process: bool = True       # chat without a template is left to the runner's own ("native") template
    cuts_to_half: bool = True             # an over-long prompt keeps about half the window, else all of it
    no_shift_refuses: bool = True         # shift false makes an over-long prompt an error
    reports_cached_count: bool = False      # prompt_eval_cached_count in final objects

    def window(self, num_ctx: int) -> int:
        """Tokens that fit before anything is cut."""
        return num_ctx - 1 if self.has_runner_process else num_ctx

    def cut_length(self, num_ctx: int) -> int:
        """What is left of a prompt that does not fit."""
        if self.cuts_to_half:
            return num_ctx - max((num_ctx - BOS_AND_NUM_KEEP) // 2, 1)
        return self.window(num_ctx)

    def slot_window(self, num_ctx: int) -> int:
        """Tokens that prompt and answer may have together."""
        return -(-num_ctx // SLOT_STEP) * SLOT_STEP if self.has_runner_process else num_ctx


DIALECTS = {
    "0.24.0": Dialect("0.24.0", has_runner_process=False, cuts_to_half=False, no_shift_refuses=False),
    "0.30.1": Dialect("0.30.1", cuts_to_half=False, no_shift_refuses=False),
    "0.32.15": Dialect("0.32.15"),
    "0.33.0-rc2": Dialect("0.33.0-rc2"),
    "next": Dialect("0.99.0", reports_cached_count=True),
}


class Refusal(Exception):
    """An answer that is an error. One found by the runner is framed as the stream it was to become."""

    def __init__(self, status: int, message: str, *, by_runner: bool = False):
        super().__init__(message)
        self.status, self.message, self.by_runner = status, message, by_runner


def runner_refusal(message: str, kind: str, **more: int) -> Refusal:
    """An error of the runner's HTTP server: its JSON arrives as a string inside ours."""
    return Refusal(400, go_json({"error": {"code": 400, "message": message, "type": kind, **more}}, escape=False),
                   by_runner=True)


def exceeds(tokens: int, window: int) -> Refusal:
    return runner_refusal(f"request ({tokens} tokens) exceeds the available context size ({window} tokens), "
                          "try increasing it", "exceed_context_size_error", n_prompt_tokens=tokens, n_ctx=window)


# ----- JSON and times as Go writes them

ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))      # one for all: json.dumps would make one for each line
UNSAFE = re.compile("[<>&\u2028\u2029]")


def go_json(value: Any, escape: bool = True) -> str:
    """Go's encoding/json: no blanks, and by default nothing that could end a script element."""
    text = ENCODER.encode(value)
    return UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text) if escape else text


def timestamp(wall_ns: int) -> str:
    """RFC 3339 in UTC; zeros at the end of the fraction are left out."""
    t = time.gmtime(wall_ns // 10**9)
    fraction = f".{wall_ns % 10**9:09}".rstrip("0").rstrip(".")
    return f"{t.tm_year:04}-{t.tm_mon:02}-{t.tm_mday:02}T{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}{fraction}Z"


# ----- objects of /api/chat and /api/generate, keys in Go's order

def without_empty(fields: dict) -> dict:
    """Go's omitempty."""
    return {key: value for key, value in fields.items() if value not in (None, "", 0, [], ())}


def reply(kind: str, model: str, remote: dict, created_at: str, answer: str = "", thinking: str = "",
          done: bool = False, done_reason: str | None = None, **last_fields: Any) -> dict:
    """One object of an answer; kind is chat or generate."""
    texts = {"content" if kind == "chat" else "response": answer, **without_empty({"thinking": thinking})}
    message = {"message": {"role": "assistant", **texts}} if kind == "chat" else texts
    return {"model": model, **remote, "created_at": created_at, **message, "done": done,
            **without_empty({"done_reason": done_reason}), **last_fields}


def metrics(entry: TruthEntry, total_ns: int, dialect: Dialect) -> dict:
    """The counters of a final object; a zero is left out, but not that of the cached tokens."""
    cached = {"prompt_eval_cached_count": entry.cached_tokens} if dialect.reports_cached_count else {}
    before = without_empty({"total_duration": total_ns, "load_duration": entry.load_ns, "prompt_eval_count": entry.prompt_tokens})
    after = without_empty({"prompt_eval_duration": entry.prompt_eval_ns, "eval_count": entry.eval_tokens, "eval_duration": entry.eval_ns})
    return {**before, **cached, **after}


# ----- objects about models

def details(model: Model, dialect: Dialect, *, listed: bool = False) -> dict:
    fields: dict[str, Any] = {"parent_model": "", "format": "" if model.remote_host or model.remote_model else model.format, "family": model.family,
              "families": [model.family], "parameter_size": model.parameter_size,
              "quantization_level": model.quantization_level}
    if listed and dialect.has_runner_process:
        fields.update(context_length=model.context_length, embedding_length=512)
    return fields


def listed_model(model: Model, dialect: Dialect, modified_at: str) -> dict:
    """One entry of /api/tags."""
    fields = {"name": model.name, "model": model.name,
              **without_empty({"remote_model": model.remote_model, "remote_host": model.remote_host}),
              "modified_at": modified_at, "size": model.size_bytes, "digest": model.digest,
              "details": details(model, dialect, listed=True)}
    if dialect.has_runner_process:
        fields["capabilities"] = list(model.capabilities)
    return fields


def loaded_model(model: Model, dialect: Dialect, num_ctx: int, expires_at: str) -> dict:
    """One entry of /api/ps."""
    size_bytes, vram_bytes = model.loaded_size(num_ctx)
    return {"name": model.name, "model": model.name, "size": size_bytes, "digest": model.digest,
            "details": details(model, dialect), "expires_at": expires_at,
            "size_vram": vram_bytes, "context_length": num_ctx}


def shown_model(model: Model, dialect: Dialect, modified_at: str) -> dict:
    """/api/show. The path of the blob is there on purpose: no client may keep it."""
    blob = f"/home/user/.ollama/models/blobs/sha256-{model.digest}"
    template = "{{ .Prompt }}" if model.template is None else model.template
    quoted = template if model.template is None else f'"""{template}"""'
    modelfile = ('# Modelfile generated by "ollama show"\n# To build a new Modelfile based on this, replace FROM '
                 f"with:\n# FROM {model.name}\n\nFROM {blob}\nTEMPLATE {quoted}\n")
    about = details(model, dialect)
    if not dialect.has_runner_process:
        about["parent_model"] = blob
    return {"modelfile": modelfile, "template": template, "details": about,
            **without_empty({"remote_model": model.remote_model, "remote_host": model.remote_host}),
            "model_info": model_info(model, dialect), "tensors": tensors(),
            "capabilities": list(model.capabilities), "modified_at": modified_at}


def model_info(model: Model, dialect: Dialect) -> dict:
    family = model.family
    info = {"general.alignment": 32, "general.architecture": family, "general.file_type": 1,
            "general.parameter_count": 1_200_000_000, "general.quantization_version": 2,
            f"{family}.attention.head_count": 8, f"{family}.attention.head_count_kv": 8,
            f"{family}.attention.layer_norm_rms_epsilon": 0.00001, f"{family}.block_count": 8,
            f"{family}.context_length": model.context_length, f"{family}.embedding_length": 512,
            f"{family}.feed_forward_length": 1408, f"{family}.rope.dimension_count": 64,
            f"{family}.vocab_size": 474, "tokenizer.ggml.add_bos_token": True, "tokenizer.ggml.bos_token_id": 1,
            "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.model": "llama", "tokenizer.ggml.scores": None,
            "tokenizer.ggml.token_type": None, "tokenizer.ggml.tokens": None, "tokenizer.ggml.unknown_token_id": 0}
    if not dialect.has_runner_process:
        del info["general.quantization_version"]
    return info


def tensors() -> list[dict]:
    """A few dozen names, so that the answer is as long as a real one and has no Content-Length either."""
    parts = ("attn_k", "attn_norm", "attn_output", "attn_q", "attn_v", "ffn_down", "ffn_gate", "ffn_up")
    return [{"name": f"blk.{layer}.{part}.weight", "type": "F16", "shape": [512, 512]}
            for layer in range(8) for part in parts]

"""Models: which of the server's models are measured, and why the others are not."""
from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass

from base import console, names, text_format
from base.errors import UserError
from base.json_text import Json
from base.schema import is_count
from base.scrub import model_name, scrub
from measure.endpoint import Endpoint, ModelProblem

PRIVATE_NAME = "its name contains a private address or path, and would be published; `ollama cp` gives it another one"
RENAME = "run `ollama cp <this name> <a plain name>`, and name that one"
ROOM = 1.2      # a loaded model takes its file, its context and its buffers: about a fifth more than the file


@dataclass(frozen=True)
class ModelChoice:
    """What was decided about the models of a server: rows for the manifest, and names that are not there yet."""
    models: list
    left_out: list
    missing: list


def choose(endpoint: Endpoint, wanted: list | None, memory_bytes: int | None) -> ModelChoice:
    """The models named in `wanted`, or every local chat model that fits in memory; smallest first either way.

    `memory_bytes` is main memory and graphics memory together, since the server spreads a model over both; None: unknown.
    Raises UserError for a wanted model that is not local or cannot chat: another model is never measured in its place.
    """
    if wanted is not None:
        for name in wanted:
            _refuse_cloud_name(name)
    listed = {names.model_key(str(row.get("name", ""))): row for row in endpoint.models()}
    spelt = {names.model_key(name): names.full_name(name) for name in wanted or []}
    keys = list(listed) if wanted is None else list(spelt)
    missing = [spelt[key] for key in keys if key not in listed]
    chosen, left_out = [], []
    digests: dict[str | None, str] = {}
    for key in sorted((key for key in keys if key in listed), key=lambda key: (_size(listed[key]), key)):
        row = listed[key]
        reason = _listed_reason(row, digests)
        show, reason = _show(endpoint, row["name"]) if reason is None else ({}, reason)
        reason = reason or _show_reason(row, show, memory_bytes if wanted is None else None)
        if reason is None:
            digests[_digest(row)] = row["name"]
            chosen.append(described(row, show))
        elif wanted is None:
            left_out.append({"name": model_name(str(row.get("name", ""))), "reason": scrub(reason)})
        else:
            raise UserError(reason, f"--models {row.get('name')}", RENAME if reason == PRIVATE_NAME else
                            "leave it out; --list shows what can be measured")
    return ModelChoice(chosen, left_out, missing)


def _refuse_cloud_name(name: str) -> None:
    if names.is_cloud_name(name):
        raise UserError("a cloud model runs on another machine", f"--models {name}", "name a local one; --list shows them")


def _show(endpoint: Endpoint, name: str) -> tuple[dict, str | None]:
    """(/api/show, None), or ({}, why the server cannot read the model): one broken model stops no other."""
    try:
        return endpoint.show(name) or {}, None
    except ModelProblem as problem:
        return {}, f"the server cannot read it ({scrub(problem.what)})"


def _size(row: dict) -> int:
    size = row.get("size")
    if isinstance(size, float) and size.is_integer():
        size = int(size)
    return size if is_count(size) else 0


def _digest(row: dict) -> str | None:
    digest = str(row.get("digest", "")).replace("sha256:", "").lower()
    return digest if re.fullmatch("[0-9a-f]{64}", digest) else None


def _listed_reason(row: dict, digests: dict) -> str | None:
    """Why a model is not measured, by its row of /api/tags, or None."""
    name = row.get("name")
    if not isinstance(name, str) or not name.isprintable() or not name:
        return "its name cannot be printed"
    if names.is_cloud_name(name) or row.get("remote_host") or row.get("remote_model"):
        return "runs on another machine (cloud)"
    if model_name(name) != name:
        return PRIVATE_NAME
    if _digest(row) is None:
        return "has no digest, so nobody could say later which model was measured"
    if _digest(row) in digests:
        return f"the same model as {digests[_digest(row)]}"
    return None


def _show_reason(row: dict, show: dict, memory_bytes: int | None) -> str | None:
    """Why a model is not measured, by /api/show and this machine's memory, or None."""
    if show.get("remote_host") or show.get("remote_model"):
        return "runs on another machine (cloud)"
    capabilities = _capabilities(row, show)
    if capabilities and "completion" not in capabilities:
        return f"cannot chat ({', '.join(capabilities)})"
    if memory_bytes is not None and _size(row) * ROOM > memory_bytes:
        return f"too big: {_size(row) / 1e9:.1f} GB on disk, {memory_bytes / 1e9:.1f} GB of memory"
    return None


def can_think(model: dict) -> bool | None:
    """Whether a model, as `described`, has the capability; None: its server names no capabilities."""
    return "thinking" in model["capabilities"] if model["capabilities"] else None


def _capabilities(row: dict, show: dict) -> list:
    """What a model can do; older servers report it in /api/show only."""
    listed = show.get("capabilities") or row.get("capabilities")
    return [value for value in listed if isinstance(value, str)] if isinstance(listed, list) else []


def described(row: dict, show: dict) -> dict:
    """The manifest's row of a model. /api/show also has paths of the server's disk; none of those is recorded."""
    details = _object(row.get("details")) or _object(show.get("details"))
    information = _object(show.get("model_info"))
    template = show.get("template")
    return {
        "name": row["name"], "digest": _digest(row), "size_bytes": _size(row),
        "format": _text(details.get("format")), "family": _text(details.get("family")),
        "parameter_size": _text(details.get("parameter_size")), "quantization": _text(details.get("quantization_level")),
        **{name: _positive(information, name) for name in ("context_length", "expert_count", "expert_used_count")},
        "capabilities": _capabilities(row, show),
        "template_sha256": hashlib.sha256(template.encode("utf-8")).hexdigest() if isinstance(template, str) and template else None,
        "draft": _draft(show, information),
    }


def _draft(show: dict, information: dict) -> str | None:
    """What lets the model produce several tokens at once, as /api/show reports it."""
    layers = _positive(information, "nextn_predict_layers")
    if layers:
        return f"{layers} prediction layers"
    texts = [show[name] for name in ("modelfile", "parameters") if isinstance(show.get(name), str)]
    has_draft = any(re.search(r"^\s*(DRAFT|draft_num_predict|PARAMETER draft_num_predict)\s+\S", text, re.MULTILINE) for text in texts)
    return "draft model" if has_draft or show.get("draft") or show.get("draft_info") else None


def _object(value: Json) -> dict:
    return value if isinstance(value, dict) else {}


def _positive(information: dict, name: str) -> int | None:
    """The value of the first key `<architecture>.<name>`; None for 0 and for none."""
    value = next((value for key, value in information.items() if key.endswith(f".{name}")), None)
    return value if is_count(value) and value > 0 else None


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None


def pull(endpoint: Endpoint, missing: list, progress: console.Progress) -> None:
    def show(name: str, status: str, done: int, total: int) -> None:
        share = f" {100 * done // total} % of {text_format.format_bytes(total)}" if total else ""
        progress.draw(f"pull {name}: {status}{share}")
    try:
        for name in missing:
            endpoint.pull(name, functools.partial(show, name))
    finally:
        progress.clear()

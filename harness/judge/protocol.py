"""Protocol checks: a run was measured as its manifest says, and its manifest follows this repository's protocol."""
from __future__ import annotations

from typing import Iterator, Union

from base import context_ladder, names, plan, records, request_settings, schema, suites, target
from base.errors import UserError
from base.ledger_records import CallRecord, FooterRecord, MetaRecord, Record, SkippedRecord
from base.phases import CONTEXT_APPEND, CONTEXT_EDGE, FROZEN, PHASES, suite_phase
from judge import hardware_checks, thresholds
from judge.findings import Finding
from judge.ledger_pass import LedgerVisitor


MOST_UNITS = 600_000        # of generated material in all prompts of a run: half a minute to rebuild


def load_suites(manifest: dict) -> tuple:
    """({phase: Suite}, findings) of the suites that a manifest names."""
    loaded, problems = {}, []
    for place, row in enumerate(manifest["suites"]):
        pointer = f"/suites/{place}"
        if row["phase"] not in PHASES or row["phase"] in loaded:
            problems.append(Finding("protocol-suite", f"phase {row['phase']}",
                                 f"each of {', '.join(PHASES)} at most once", pointer))
            continue
        try:
            suite = loaded[row["phase"]] = suites.load_by_sha256(row["phase"], row["sha256"])
        except UserError as problem:
            problems.append(Finding("protocol-suite", f"{row['phase']}: SHA-256 {row['sha256'][:12]}", problem.what, pointer))
            continue
        if (row["suite_id"], row["version"], row["file"]) != (suite.suite_id, suite.version, suite.file_name):
            problems.append(Finding("protocol-suite", f"{row['suite_id']} {row['version']} {row['file']}",
                                 f"{suite.suite_id} {suite.version} {suite.file_name}", pointer))
    return loaded, problems


def settings_problems(manifest: dict) -> Iterator[Finding]:
    """Numbers that the driver would not have taken; a plan is made of the others only."""
    least, most = thresholds.value("min_context"), thresholds.value("max_context")
    for name in ("num_ctx", "context_num_ctx"):
        if not least <= manifest[name] <= most or manifest[name] % 256:
            yield Finding("protocol-settings", str(manifest[name]), f"a multiple of 256 from {least} to {most}", f"/{name}")
    for name in ("num_predict", "repeats"):
        if manifest[name] is not None and not 1 <= manifest[name] <= most:
            yield Finding("protocol-settings", str(manifest[name]), f"from 1 to {most}", f"/{name}")
    levels, highest = manifest["levels"], thresholds.value("max_level")
    if levels is not None and (not levels or levels != sorted(set(levels)) or not 1 <= levels[0] <= levels[-1] <= highest):
        yield Finding("protocol-settings", "these levels", f"ascending, each from 1 to {highest}", "/levels")
    yield from _thinking_problems(manifest, most)
    yield from _ladder_problems(manifest)
    if manifest["knobs"].get("stream") is not True:
        yield Finding("protocol-settings", "an answer in one piece",
                      "stream: true, without which there is no time to first token",
                      "/knobs/stream")


def _thinking_problems(manifest: dict, most: int) -> Iterator[Finding]:
    if manifest["schema"] != records.manifest_version(manifest):
        yield Finding("protocol-settings", manifest["schema"], f"{records.manifest_version(manifest)}, as its fields need", "/schema")
    thinking = manifest.get("thinking")
    if thinking is None:
        return
    if not 256 <= thinking["budget"] <= most or thinking["budget"] % 256:
        yield Finding("protocol-settings", str(thinking["budget"]), f"a multiple of 256 from 256 to {most}", "/thinking/budget")
    if thinking["mode"] is not None and manifest["knobs"].get("think") is not False:
        yield Finding("protocol-settings", "thinking in the plain phases as well", "think: false in these", "/knobs/think")
    if thinking == {"mode": None, "budget": plan.THINKING_BUDGET}:
        yield Finding("protocol-settings", "the canonical budget alone", "no `thinking` at all", "/thinking")


def _ladder_problems(manifest: dict) -> Iterator[Finding]:
    contexts = manifest.get("contexts")
    if contexts is None:
        return
    asked, known = contexts["asked"], (context_ladder.FIRST, *context_ladder.NAMES)
    if asked != [context_ladder.AUTO] and (not asked or asked != [name for name in known if name in asked]):
        yield Finding("protocol-settings", "these contexts", f"some of {', '.join(known)} in this order, or {context_ladder.AUTO} alone",
                      "/contexts/asked")
    if contexts["rung_limit_s"] < 1:
        yield Finding("protocol-settings", "no time for a rung", "a limit of a second or more", "/contexts/rung_limit_s")
    if CONTEXT_EDGE not in {row["phase"] for row in manifest["suites"]}:
        yield Finding("protocol-settings", "a context ladder without its first rung", f"{CONTEXT_EDGE} among the suites", "/contexts")


def planned_blocks(manifest: dict, loaded: dict) -> list | None:
    """The plan that models, suites and settings give; None where it would be larger than any run."""
    settings = plan.settings_of(manifest)
    items = sum(len(suite.items) * max(1, len(settings.levels or suite.levels)) for suite in loaded.values())
    items = items * (1 + (settings.thinking is not None)) + 2 * len(context_ladder.NAMES) * bool(settings.contexts)
    anchors = 2 * settings.repeats * len(loaded[FROZEN].items) if FROZEN in loaded else 0
    if len(manifest["models"]) * (items + anchors) > thresholds.value("planned_calls"):
        return None
    return plan.blocks([model["name"] for model in manifest["models"]], list(loaded), loaded, settings)


def manifest_problems(manifest: dict, blocks: list | None, is_example: bool) -> Iterator[Finding]:
    """What the manifest plans and declares, against what it has to."""
    yield from _models(manifest)
    yield from hardware_checks.model_problems(manifest)
    yield from _local(manifest)
    yield from _overrides(manifest)
    if blocks is None:
        yield Finding("protocol-plan", "a plan of more calls than any run makes",
                      f"at most {thresholds.value('planned_calls')}", "/plan")
    elif not is_example:
        yield from _plan(manifest, blocks)
    if manifest["harness_modified"] is not False:
        yield Finding("protocol-harness",
                      "modified" if manifest["harness_modified"] else "not known whether modified",
                      "an unmodified commit", "/harness_modified")
    if not is_example and FROZEN not in {row["phase"] for row in manifest["plan"]}:
        yield Finding("protocol-anchor", "no frozen prompts", "--phases with frozen-prompts among them", "/plan")


def _models(manifest: dict) -> Iterator[Finding]:
    keys = [names.model_key(model["name"]) for model in manifest["models"]]
    digests = [model["digest"] for model in manifest["models"]]
    if not keys:
        yield Finding("protocol-models", "no model", "one or more", "/models")
    for place, key in enumerate(keys):
        if key in keys[:place] or digests[place] in digests[:place]:
            yield Finding("protocol-models", f"{key} again", "each model once", f"/models/{place}")
    for place, model in enumerate(manifest["models"]):
        problem = names.model_name_problem(model["name"])
        if problem:
            yield Finding("protocol-model-name", model["name"], problem, f"/models/{place}/name")
    sizes = [model["size_bytes"] for model in manifest["models"]]
    if sizes != sorted(sizes):
        yield Finding("protocol-models", "a larger model before a smaller one", "smallest first, as the driver runs them",
                      "/models")


def _local(manifest: dict) -> Iterator[Finding]:
    for place, model in enumerate(manifest["models"]):
        if names.is_cloud_name(model["name"]):
            yield Finding("protocol-local", model["name"], "a model on the measured machine", f"/models/{place}/name")
    address = manifest["target"]
    host = target.host_of(address)
    if address not in target.CLASSES and host is None:
        yield Finding("protocol-local", address, "a URL without credentials, lan or remote", "/target")
    elif host is not None and (host == "ollama.com" or host.endswith(".ollama.com")):
        yield Finding("protocol-local", address, "a server of one's own", "/target")


def _overrides(manifest: dict) -> Iterator[Finding]:
    settings = plan.settings_of(manifest)
    set_here = {**settings.options, **settings.request_fields}
    missing = sorted(setting.name for setting in request_settings.SETTINGS if setting.kind != "plan" and setting.name not in set_here)
    unknown = sorted(set(set_here) - {setting.name for setting in request_settings.SETTINGS} - set(request_settings.OTHER_OPTIONS))
    if unknown or missing:
        yield Finding("protocol-overrides", f"{(unknown or missing)[0]} {'set' if unknown else 'left out'}",
                      "the options and request fields of base/request_settings.py", "/options")
    elif not _same(plan.overrides_of(settings), manifest["overrides"]):
        yield Finding("protocol-overrides", _difference(manifest["overrides"], plan.overrides_of(settings)),
                      "what differs from the canonical settings", "/overrides")


def _same(left: dict, right: dict) -> bool:
    """Whether two sets of options mean the same; 1, 1.0 and True are three things."""
    return left == right and list(map(type, left.values())) == [type(right[name]) for name in left]


def _plan(manifest: dict, blocks: list) -> Iterator[Finding]:
    rows = [{"phase": phase, "model": model, "planned_calls": calls} for phase, model, calls in plan.summary(blocks)]
    if manifest["plan"] != rows:
        shorter = min(len(rows), len(manifest["plan"]))
        wrong = next((n for n in range(shorter) if manifest["plan"][n] != rows[n]), shorter)
        wanted = f"{rows[wrong]['phase']}, {rows[wrong]['planned_calls']} calls" if wrong < len(rows) else "nothing more"
        yield Finding("protocol-plan", "another row", wanted, f"/plan/{wrong}")
    elif manifest["planned_calls"] != sum(row["planned_calls"] for row in rows):
        yield Finding("protocol-plan", str(manifest["planned_calls"]), str(sum(row["planned_calls"] for row in rows)),
                      "/planned_calls")


class ProtocolChecks(LedgerVisitor):
    """Each planned call has one record, with the text, the options and the warm-up that it must have."""

    def __init__(self, manifest: dict, loaded: dict, blocks: list, is_example: bool):
        self.settings, self.suites, self.is_example = plan.settings_of(manifest), loaded, is_example
        self.models = {model["name"] for model in manifest["models"]}
        self.steps = {step.key: step for block in blocks for step in block.steps}
        self._order = {key: number for number, key in enumerate(self.steps)}
        self._reached = -1
        self._units_left = MOST_UNITS
        self.planned, self.missing = manifest["planned_calls"], set(self.steps)
        self.is_complete = False        # as its footer says
        self.items = {(phase, item.id): item for phase, suite in loaded.items() for item in suite.items}
        self.phases = {stage.phase for block in blocks for stage in block.stages}
        self.always_thinking: set = set()       # models whose calibration showed it
        self.warm: set = set()
        self.nonces: dict = {}
        self._prompts: dict = {}

    def visit(self, record: Record) -> Iterator[Finding]:
        if isinstance(record, FooterRecord):
            self.is_complete = record.complete
            if record.planned != self.planned:
                yield Finding("ledger-footer", f"planned {record.planned}", f"the manifest's {self.planned}", "/planned")
            return
        if isinstance(record, MetaRecord):
            return
        if isinstance(record, CallRecord) and (record.finding or {}).get("always_thinks"):
            self.always_thinking.add(record.model)
        if record.model not in self.models:
            yield Finding("protocol-models", record.model, "a model of the manifest", "/model")
        elif isinstance(record, SkippedRecord) or record.role == "measured":
            yield from self._planned(record)
        else:
            yield from self._around(record)

    def _planned(self, record: Union[CallRecord, SkippedRecord]) -> Iterator[Finding]:
        key = record.key
        step = self.steps.get(key)
        if step is None or key not in self.missing:
            yield Finding("ledger-plan", f"{record.phase} {record.item} {'again' if step else 'was not planned'}",
                          "one record for each planned call", "/item")
            return
        self.missing.discard(key)
        if self._order[key] < self._reached and not self.is_example:
            yield Finding("protocol-order", f"{record.phase} {record.item} after a later step of the plan", "the order of the plan", "/item")
        self._reached = max(self._reached, self._order[key])
        if (record.wave, record.slot, record.fill) != (step.wave, step.slot, step.fill):
            yield Finding("ledger-plan", f"wave {record.wave}, slot {record.slot}, fill {record.fill}",
                          f"wave {step.wave}, slot {step.slot}, fill {step.fill}", "/wave")
        if isinstance(record, CallRecord):
            yield from self._sent(record)
            yield from self._nonce(record)
            yield from self._text(record)

    def _sent(self, call: CallRecord) -> Iterator[Finding]:
        """Options, request fields and path of a measured call, and whether its model was warm with them."""
        phase, always_thinks = call.phase, call.model in self.always_thinking
        item, num_ctx = self.items[suite_phase(phase), call.item], self.settings.context_of(phase, always_thinks)
        limit = self.settings.limit(item.num_predict, self.settings.room_for_thoughts(phase, always_thinks))
        wanted, request_fields = self.settings.options_for(num_ctx, limit), self.settings.request_fields_for(phase)
        if not _same(call.options, wanted):
            yield Finding("protocol-options", _difference(call.options, wanted), "the manifest's options", "/options")
        elif not _same(call.knobs, request_fields):
            yield Finding("protocol-options", _difference(call.knobs, request_fields), "the manifest's request fields", "/knobs")
        elif call.endpoint != "/api/chat":
            yield Finding("protocol-options", call.endpoint, "/api/chat", "/endpoint")
        if not self.is_example and (call.session, call.model, num_ctx) not in self.warm:
            yield Finding("protocol-warm-up", f"no warm-up of {call.model} with a context of {num_ctx}",
                          "one in this session, before it",
                          "/model")

    def _around(self, call: CallRecord) -> Iterator[Finding]:
        """Warm-up and calibration carry the options of the measured calls, or the next call would reload."""
        num_ctx, num_predict = call.options.get("num_ctx"), call.options.get("num_predict")
        contexts = {self.settings.context_of(phase, always) for phase in self.phases
                    for always in {False, call.model in self.always_thinking}}
        if not (schema.is_count(num_ctx) and schema.is_count(num_predict) and num_ctx in contexts):
            yield Finding("protocol-options", "another context or limit", "the contexts of the planned phases, and a limit",
                          "/options")
            return
        wanted = self.settings.options_for(num_ctx, num_predict)
        if not _same(call.options, wanted):
            yield Finding("protocol-options", _difference(call.options, wanted), "the manifest's options", "/options")
        elif not _same(call.knobs, self._request_fields(call)):
            yield Finding("protocol-options", _difference(call.knobs, self._request_fields(call)), "the manifest's request fields", "/knobs")
        if call.item == "WARM-UP" and call.done_ns is not None:
            self.warm.add((call.session, call.model, num_ctx))

    def _request_fields(self, call: CallRecord) -> dict:
        """One question of calibration leaves `think` out, one sets it as the thinking phases do; a raw prompt is marked as such."""
        request_fields = {**self.settings.request_fields, **({"raw": True} if call.endpoint == "/api/generate" else {})}
        if call.item == "CAL-THINKING" and self.settings.thinking is not None:
            request_fields["think"] = self.settings.thinking
        return {name: value for name, value in request_fields.items() if name != "think" or call.item != "CAL-DEFAULT"}

    def _nonce(self, call: CallRecord) -> Iterator[Finding]:
        """The turns of a conversation share one, since reuse of the prefix is what they measure; no other calls do."""
        nonce = call.nonce
        owner = (call.phase, call.model, call.session) if call.phase == CONTEXT_APPEND else call.seq
        if nonce is None or self.nonces.setdefault(nonce, owner) != owner:
            yield Finding("protocol-nonce", "none" if nonce is None else "that of another call", "a fresh one", "/nonce")

    def _text(self, call: CallRecord) -> Iterator[Finding]:
        units, has_material = call.material_units, self.suites[suite_phase(call.phase)].material is not None
        most = self._most_units(call)
        if (units is not None) != has_material or (units or 0) > most:
            yield Finding("protocol-prompt", f"{units} units of material",
                          f"up to {most} where there is material, else none", "/material_units")
            return
        wanted = self._prompt(call.phase, call.item, units)
        if wanted is None:
            if self._units_left > -MOST_UNITS:
                self._units_left = -MOST_UNITS      # reported once
                yield Finding("bytes-size", f"material of more than {MOST_UNITS} units", "prompts that can be rebuilt and checked", "/material_units")
            return
        if call.prompt_sha256 != wanted:
            yield Finding("protocol-prompt", f"SHA-256 {call.prompt_sha256[:12]}",
                          f"{wanted[:12]}, that of the suite's text", "/prompt_sha256")

    def _most_units(self, call: CallRecord) -> int:
        """A prompt is rebuilt to be checked; the call's own tokens bound what that costs."""
        context = self.settings.context_of(call.phase)
        # A conversation's units are those of its last turn, which has eight times the tokens of the first.
        turns = 4 if call.phase == CONTEXT_APPEND else 1
        tokens = min(context, turns * (call.prompt_tokens or context))
        return tokens // thresholds.value("tokens_per_unit")

    def _prompt(self, phase: str, item: str, units: int | None) -> str | None:
        """The hash of a prompt; None where the run's prompts have taken too much to rebuild already."""
        key = phase, item, units
        if key not in self._prompts:
            self._units_left -= units or 0
            if self._units_left < 0:
                return None
            suite = suite_phase(phase)
            texts = suites.message_texts(self.suites[suite], self.items[suite, item], units)
            self._prompts[key] = suites.prompt_sha256(texts)
        return self._prompts[key]

    def finish(self) -> Iterator[Finding]:
        if self.missing and self.is_complete and not self.is_example:      # else the run is unfinished, which is a finding of its own
            phase, model, item = min(self.missing, key=str)[:3]
            yield Finding("ledger-plan", f"{len(self.missing)} planned calls without a record",
                          f"one each, first {model} {phase} {item}")


def _difference(sent: dict, wanted: dict) -> str:
    wrong = sorted(name for name in set(sent) | set(wanted) if not _same({"": sent.get(name)}, {"": wanted.get(name)}))
    return f"{', '.join(wrong)} differ" if wrong else "something else"

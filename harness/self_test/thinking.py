"""Thinking in the self-test: models that think when asked, always, between tags, without end, or at levels; planted against recovered."""
from __future__ import annotations

import pathlib
import tempfile
from typing import List

from base import console, plan, run_folder, suites
from base.ledger_records import CallRecord
from base.phases import SMALL_EVAL
from derive import derived_files
from measure import eta
from measure.endpoint import Endpoint
from self_test import scenarios
from self_test.checks import CheckLine

PHASE = f"{SMALL_EVAL}-thinking"
BUDGET = 512
THOUGHT = 40            # thinking tokens of an answer, both tags included
LOW, HIGH = 60, 90      # the same by level
GAP_MS = 0.5
QUICK = {**scenarios.QUICK_MODEL, "decode_gap_ms": GAP_MS}
THINKS = {"capabilities": ["completion", "thinking"], "thinking_tokens": THOUGHT}
MODELS = (
    {**QUICK, **THINKS, "name": "thinks:1b", "size_bytes": 500_000_000},
    {**QUICK, **THINKS, "name": "endless:1b", "size_bytes": 510_000_000, "thinking_tokens": 100_000},
    {**QUICK, **THINKS, "name": "always:1b", "size_bytes": 520_000_000, "thinks_always": True},
    {**QUICK, "name": "tags:1b", "size_bytes": 530_000_000, "thinking_tokens": THOUGHT, "thinks_always": True, "tags_in_answer": True},
    {**QUICK, "name": "plain:1b", "size_bytes": 540_000_000},
)
LEVEL_MODELS = (
    {**QUICK, **THINKS, "name": "levels:1b", "size_bytes": 500_000_000, "level_tokens": {"low": LOW, "high": HIGH}},
    {**QUICK, **THINKS, "name": "refuses:1b", "size_bytes": 510_000_000, "level_tokens": {"high": HIGH}},
)
ANSWERS = {     # item: (answer without thinking, answer with it)
    "5Q-Q01": ("A", "B"), "5Q-Q02": ("72", "71"), "5Q-Q03": ("I do not know", '{"host": "backup-two", "minutes": 45, "resolved": false}'),
    "5Q-Q04": ("break", "break"), "5Q-Q05": ("no idea", "no idea"),
}
PLAIN, THINKING = "2 of 5", "3 of 5, 2 gained, 1 lost"      # right answers, as planted
TOKENS_SHARE = 0.05     # of the planted thinking tokens, where chunks tell
TEXT_SHARE = 0.25       # where only the share of characters does
FIRST_MS = 10.0
FORETOLD_SHARE = 0.25


def lines(endpoint: Endpoint, progress: console.Progress, slower: float = 1) -> List[CheckLine]:
    """Thinking on, and thinking at a level."""
    comparisons = []
    for models, mode in ((MODELS, True), (LEVEL_MODELS, "low")):
        planted = tuple({**model, "decode_gap_ms": GAP_MS * slower} for model in models)
        with tempfile.TemporaryDirectory() as name:
            folder, settings = pathlib.Path(name), plan.Settings(thinking=mode, thinking_budget=BUDGET)
            outcome = scenarios.run(endpoint, {"models": list(planted), "rules": _rules()}, (SMALL_EVAL,), folder, progress, settings)
            manifest = run_folder.read_manifest(folder)
            metadata = derived_files.write(folder, manifest, run_folder.graders_of(run_folder.suites_of(manifest)))
        calls = [record for record in outcome.records if isinstance(record, CallRecord) and record.is_measured]
        for model in planted:
            mine = [call for call in calls if call.model == model["name"]]
            comparisons += _asked(model, mode, mine, metadata) + _figures(model, mode, mine, metadata)
    return comparisons


def _rules() -> list:
    prompts = {item.id: item.prompt for item in suites.load(SMALL_EVAL).items}
    return [{"when": {"path": "/api/chat", "contains": prompts[item], "think": thinks}, "do": {"fault": "answer", "text": text}}
            for item, texts in ANSWERS.items() for thinks, text in zip((False, True), texts)]


def _asked(model: dict, mode: object, calls: List[CallRecord], metadata: dict) -> List[CheckLine]:
    """What calibration found, what was asked because of it, and with which limits."""
    name, always = model["name"], bool(model.get("thinks_always"))
    able = "capabilities" in model
    takes = able and (mode is True or mode in model["level_tokens"])
    reason = "always-thinks" if always and mode is True else "thinking-refused"
    planned_phase = "not planned" if not able else "asked" if takes and not always else reason
    aggregate = _aggregate(metadata, name, PHASE)
    seen = "not planned" if not aggregate else "asked" if aggregate["calls"] else ", ".join(aggregate["skips"])
    room = [BUDGET * (always or call.phase == PHASE) for call in calls]
    own = {item.id: item.num_predict for item in suites.load(SMALL_EVAL).items}
    limits = [(call.options["num_ctx"] - plan.Settings().num_ctx, call.options["num_predict"] - own[call.item]) for call in calls]
    return [_line(f"{name}: always thinks", always, next(row["always_thinks"] for row in metadata["models"] if row["model"] == name)),
            _line(f"{name}: thinking phase", planned_phase, seen),
            _line(f"{name}: room for thoughts in context and limits", sorted({(extra, extra) for extra in room}), sorted(set(limits)))]


def _figures(model: dict, mode: object, calls: List[CallRecord], metadata: dict) -> List[CheckLine]:
    name = model["name"]
    plain, asked = (_aggregate(metadata, name, phase) for phase in (SMALL_EVAL, PHASE))
    quality = plain["quality"]
    comparisons = [_line(f"{name}: right answers of the plain phase", PLAIN, f"{quality['passed']} of {quality['n']}")]
    thinking = (plain if model.get("thinks_always") else asked).get("thinking")
    if thinking is None or not thinking["thought"]:
        return comparisons
    if name.startswith("endless"):
        return comparisons + _endless(model, calls, thinking)
    return comparisons + _thoughts(model, mode, calls, thinking)


def _endless(model: dict, calls: List[CallRecord], thinking: dict) -> List[CheckLine]:
    """Of a model whose thoughts use up every limit, so that the plan's tokens are those that it spends."""
    name, (predicted, measured) = model["name"], _foretold_s(model, calls)
    return [_line(f"{name}: answers cut by the budget", len(ANSWERS), thinking["cut_by_budget"]),
            _line(f"{name}: pairs of answers", 0, thinking["answers"]["pairs"]),
            _near(f"{name}: time of the thinking phase as the dry run foretells it, s", predicted, measured, FORETOLD_SHARE, timed=True)]


def _thoughts(model: dict, mode: object, calls: List[CallRecord], thinking: dict) -> List[CheckLine]:
    name, answers, has_tags = model["name"], thinking["answers"], bool(model.get("tags_in_answer"))
    planted = model["level_tokens"][mode] if "level_tokens" in model else THOUGHT
    comparisons = [_near(f"{name}: thinking tokens by {thinking['tokens_basis']}", planted, thinking["tokens"]["median"],
                         TEXT_SHARE if has_tags else TOKENS_SHARE)]
    if answers:
        comparisons.append(_line(f"{name}: right answers with thinking", THINKING,
                                 f"{answers['right_thinking']} of {answers['pairs']}, {answers['gained']} gained, {answers['lost']} lost"))
    if not has_tags:
        waited = sorted(((call.first_answer_ns or 0) - (call.first_text_ns or 0)) / 1e6 for call in calls if call.thinking_chunks)
        comparisons.append(_near(f"{name}: answer begins after the first thought, ms", (planted - 1) * model["decode_gap_ms"],
                                 waited[len(waited) // 2], 0.1, least=FIRST_MS, timed=True))
    return comparisons


def _foretold_s(model: dict, calls: List[CallRecord]) -> tuple:
    """(by the tokens of the plan at the planted speeds, by the client's clock) of the thinking phase, which spends its limits."""
    settings = plan.Settings(thinking=True, thinking_budget=BUDGET, thinking_models=(model["name"],))
    loaded = {SMALL_EVAL: suites.load(SMALL_EVAL)}
    loads = eta.loads(plan.blocks([model["name"]], [SMALL_EVAL], loaded, settings), loaded, settings)
    mine = [load for (_, key), load in loads.items() if key[0] == PHASE]
    predicted = sum(load.answer_tokens for load in mine) * model["decode_gap_ms"] / 1000 + sum(load.prompt_tokens for load in mine) / model["prefill_tok_s"]
    return predicted, sum(call.end_ns for call in calls if call.phase == PHASE) / 1e9


def _aggregate(metadata: dict, model: str, phase: str) -> dict:
    """Empty where the phase was not planned for the model."""
    return next((row for row in metadata["aggregates"] if (row["model"], row["phase"]) == (model, phase)), {})


def _line(name: str, planted: object, recovered: object) -> CheckLine:
    return CheckLine(f"thinking, {name}", str(planted), str(recovered), planted == recovered)


def _near(name: str, planted: float, recovered: float, share: float, least: float = 0.0, timed: bool = False) -> CheckLine:
    passed = abs(recovered - planted) <= max(least, share * planted)
    return CheckLine(f"thinking, {name}", f"{planted:.3g}", f"{recovered:.3g}", passed, timed)

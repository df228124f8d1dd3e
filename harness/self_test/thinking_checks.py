"""Thinking in the self-test: models that think when asked, always, between tags, without end, or at levels; planted against recovered."""
from __future__ import annotations

from typing import List, Tuple, Union

from base import console, plan, suites
from base.ledger_records import CallRecord
from base.phases import SMALL_EVAL
from measure import eta
from measure.endpoint import Endpoint
from self_test import scenarios
from self_test.checks import CheckLine, near, same, timed

PHASE = f"{SMALL_EVAL}-thinking"
BUDGET = 512
THOUGHT = 40            # thinking tokens of an answer, both tags included
LOW, HIGH = 60, 90      # the same by level
GAP_MS = 0.5
QUICK = {**scenarios.QUICK_MODEL, "decode_gap_ms": GAP_MS}
THINKS = {"capabilities": ["completion", "thinking"], "thinking_tokens": THOUGHT}
MODELS: Tuple[dict, ...] = (
    {**QUICK, **THINKS, "name": "thinks:1b", "size_bytes": 500_000_000},
    {**QUICK, **THINKS, "name": "endless:1b", "size_bytes": 510_000_000, "thinking_tokens": 100_000},
    {**QUICK, **THINKS, "name": "always:1b", "size_bytes": 520_000_000, "thinks_always": True},
    {**QUICK, "name": "tags:1b", "size_bytes": 530_000_000, "thinking_tokens": THOUGHT, "thinks_always": True, "tags_in_answer": True},
    {**QUICK, "name": "plain:1b", "size_bytes": 540_000_000},
)
LEVEL_MODELS: Tuple[dict, ...] = (
    {**QUICK, **THINKS, "name": "levels:1b", "size_bytes": 500_000_000, "level_tokens": {"low": LOW, "high": HIGH}},
    {**QUICK, **THINKS, "name": "refuses:1b", "size_bytes": 510_000_000, "level_tokens": {"high": HIGH}},
)
ANSWERS = {     # item: (answer without thinking, answer with it)
    "5Q-Q01": ("A", "B"), "5Q-Q02": ("72", "71"), "5Q-Q03": ("I do not know", '{"host": "backup-two", "minutes": 45, "resolved": false}'),
    "5Q-Q04": ("break", "break"), "5Q-Q05": ("no idea", "no idea"),
}
PLAIN, THINKING = "2 of 5", "3 of 5, 2 gained, 1 lost"      # right answers, as planted
TOKENS_SHARE = 0.05     # of the planted thinking tokens, by chunks
TEXT_SHARE = 0.25       # by their share of the characters
FIRST_MS = 10.0
FIRST_SHARE = 0.1       # of the planted time before the answer
PREDICTED_SHARE = 0.25

Mode = Union[bool, str]     # of thinking: on, or a level


def lines(endpoint: Endpoint, progress: console.Progress, slower: float = 1) -> List[CheckLine]:
    """Thinking on, and thinking at a level."""
    comparisons: List[CheckLine] = []
    modes: Tuple[Tuple[Tuple[dict, ...], Mode], ...] = ((MODELS, True), (LEVEL_MODELS, "low"))
    for models, mode in modes:
        planted = tuple({**model, "decode_gap_ms": GAP_MS * slower} for model in models)
        result = scenarios.run(endpoint, progress, {"models": list(planted), "rules": [scenarios.NO_SLOTS, *_rules()]}, (SMALL_EVAL,),
                               plan.Settings(thinking=mode, thinking_budget=BUDGET))
        calls = [record for record in result.records if isinstance(record, CallRecord) and record.is_measured]
        for model in planted:
            own_calls = [call for call in calls if call.model == model["name"]]
            comparisons += _asked(model, mode, own_calls, result.metadata) + _figures(model, mode, own_calls, result.metadata)
    return comparisons


def _rules() -> list:
    prompts = {item.id: item.prompt for item in suites.load(SMALL_EVAL).items}
    return [{"when": {"path": "/api/chat", "contains": prompts[item], "think": thinks}, "do": {"fault": "answer", "text": text}}
            for item, texts in ANSWERS.items() for thinks, text in zip((False, True), texts)]


def _asked(model: dict, mode: Mode, calls: List[CallRecord], metadata: dict) -> List[CheckLine]:
    """What calibration found, what was asked because of it, and with which limits."""
    name, always = _name(model), bool(model.get("thinks_always"))
    can_think = "capabilities" in model
    is_accepted = can_think and (mode is True or mode in model["level_tokens"])
    reason = "always-thinks" if always and mode is True else "thinking-refused"
    planned_phase = "not planned" if not can_think else "asked" if is_accepted and not always else reason
    aggregate = _aggregate(metadata, model, PHASE)
    seen = "not planned" if not aggregate else "asked" if aggregate["calls"] else ", ".join(aggregate["skips"])
    room = [BUDGET * (always or call.phase == PHASE) for call in calls]
    own = {item.id: item.num_predict for item in suites.load(SMALL_EVAL).items}
    limits = [(call.options["num_ctx"] - plan.Settings().num_ctx, call.options["num_predict"] - own[call.item]) for call in calls]
    return [same(f"{name}: always thinks", always, next(row["always_thinks"] for row in metadata["models"] if row["model"] == model["name"])),
            same(f"{name}: thinking phase", planned_phase, seen),
            same(f"{name}: room for thoughts in context and limits", sorted({(extra, extra) for extra in room}), sorted(set(limits)))]


def _figures(model: dict, mode: Mode, calls: List[CallRecord], metadata: dict) -> List[CheckLine]:
    name = _name(model)
    plain, asked = (_aggregate(metadata, model, phase) for phase in (SMALL_EVAL, PHASE))
    quality = plain["quality"]
    comparisons = [same(f"{name}: right answers of the plain phase", PLAIN, f"{quality['passed']} of {quality['n']}")]
    thinking = (plain if model.get("thinks_always") else asked).get("thinking")
    if thinking is None or not thinking["thought"]:
        return comparisons
    if model["name"].startswith("endless"):
        return comparisons + _endless(model, calls, thinking)
    return comparisons + _thoughts(model, mode, calls, thinking)


def _endless(model: dict, calls: List[CallRecord], thinking: dict) -> List[CheckLine]:
    """Of a model whose thoughts use up every limit, so that the plan's tokens are those that it spends."""
    name, (predicted, measured) = _name(model), _predicted_s(model, calls)
    return [same(f"{name}: answers cut by the budget", len(ANSWERS), thinking["cut_by_budget"]),
            same(f"{name}: pairs of answers", 0, thinking["answers"]["pairs"]),
            timed(near(f"{name}: time of the thinking phase as the dry run predicts it, s", predicted, measured, PREDICTED_SHARE * predicted))]


def _thoughts(model: dict, mode: Mode, calls: List[CallRecord], thinking: dict) -> List[CheckLine]:
    name, answers, has_tags = _name(model), thinking["answers"], bool(model.get("tags_in_answer"))
    planted = model["level_tokens"][mode] if "level_tokens" in model else THOUGHT
    comparisons = [near(f"{name}: thinking tokens by {thinking['tokens_basis']}", planted, thinking["tokens"]["median"],
                        planted * (TEXT_SHARE if has_tags else TOKENS_SHARE))]
    if answers:
        comparisons.append(same(f"{name}: right answers with thinking", THINKING,
                                 f"{answers['right_thinking']} of {answers['pairs']}, {answers['gained']} gained, {answers['lost']} lost"))
    if not has_tags:
        waited = sorted(((call.first_answer_ns or 0) - (call.first_text_ns or 0)) / 1e6 for call in calls if call.thinking_chunks)
        planted_ms = (planted - 1) * model["decode_gap_ms"]
        comparisons.append(timed(near(f"{name}: answer begins after the first thought, ms", planted_ms, waited[len(waited) // 2],
                                      max(FIRST_MS, FIRST_SHARE * planted_ms))))
    return comparisons


def _predicted_s(model: dict, calls: List[CallRecord]) -> Tuple[float, float]:
    """(by the tokens of the plan at the planted speeds, by the client's clock) of the thinking phase, which spends its limits."""
    settings = plan.Settings(thinking=True, thinking_budget=BUDGET, thinking_models=(model["name"],))
    loaded = {SMALL_EVAL: suites.load(SMALL_EVAL)}
    loads = eta.loads(plan.blocks([model["name"]], [SMALL_EVAL], loaded, settings), loaded, settings)
    asked = [load for (_, key), load in loads.items() if key[0] == PHASE]
    predicted = (sum(load.answer_tokens for load in asked) * model["decode_gap_ms"] / 1000
                 + sum(load.prompt_tokens for load in asked) / model["prefill_tok_s"])
    return predicted, sum(call.end_ns for call in calls if call.phase == PHASE) / 1e9


def _name(model: dict) -> str:
    return f"thinking, {model['name']}"


def _aggregate(metadata: dict, model: dict, phase: str) -> dict:
    """Empty where the phase was not planned for the model."""
    return next((row for row in metadata["aggregates"] if (row["model"], row["phase"]) == (model["name"], phase)), {})

"""Mutants whose lie shows only when calls, files or phases are compared: (rule, what is wrong, what makes it so), one rule each.

They are made and judged as those of values.py.
"""
from __future__ import annotations

import random
from typing import Callable

import support
from base import facts, plan
from mutants import machine, valid
from mutants.valid import Run
from mutants.values import LONG_ANSWERS, RUNGS, alone, call, on_manifest, on_model, retimed, shorter, skipped

CONVERSATION = (valid.SETTINGS, ("frozen-prompts", "context-append"))
WAVES = (plan.Settings(levels=(1, 4), repeats=1), ("frozen-prompts", "parallel-same"), 1, 0.4)
MIXED = (plan.Settings(repeats=1), ("frozen-prompts", "parallel-mixed"), 2)
LONG_REPEATS = (plan.Settings(repeats=3), ("frozen-prompts",), 1, 0.5)


def more_prompt_tokens(times: float, **wanted: object) -> Callable[[Run], None]:
    """The prompts of these measured calls are said to be of more tokens."""
    def mutate(run: Run) -> None:
        for record in run.calls(role="measured", **wanted):
            record["prompt_tokens"] = round(record["prompt_tokens"] * times)
    return mutate


def with_times(record: dict, other: dict, jitter: float, chance: random.Random) -> None:
    """A call gets the times of another that has as many texts; each gap is changed by up to this share."""
    gaps = [round(gap * (1 + chance.uniform(-jitter, jitter))) for gap in other["gaps_us"]]
    record.update({name: other[name] for name in machine.TIMES})
    first_ns = other["first_text_ns"] // 1000 * 1000
    last_ns = first_ns + 1000 * sum(gaps)
    longer_ns = last_ns - other["last_text_ns"]
    record.update(gaps_us=gaps, headers_ns=first_ns, first_chunk_ns=first_ns, first_text_ns=first_ns, first_answer_ns=first_ns, last_text_ns=last_ns)
    for name in ("done_ns", "end_ns", "total_ns", "eval_ns"):
        record[name] = other[name] + longer_ns
    record["done_ns"] = max(record["done_ns"], last_ns)
    record["end_ns"] = max(record["end_ns"], record["done_ns"])


def repeats_from_the_first(jitter: float) -> Callable[[Run], None]:
    def mutate(run: Run) -> None:
        chance = random.Random(5)
        for record in run.calls(role="measured"):
            if record["repeat"] > 1:
                with_times(record, run.calls(role="measured", item=record["item"], repeat=1, **{"pass": record["pass"]})[0], jitter, chance)
        retimed(run)
    return mutate


def last_pass_from_the_first(jitter: float) -> Callable[[Run], None]:
    def mutate(run: Run) -> None:
        chance = random.Random(5)
        for record in run.calls(role="measured", **{"pass": "last"}):
            other = run.calls(role="measured", item=record["item"], repeat=record["repeat"], **{"pass": "first"})[0]
            with_times(record, other, jitter, chance)
        retimed(run)
    return mutate


def no_placement(every: int) -> Callable[[Run], None]:
    def mutate(run: Run) -> None:
        for number, record in enumerate(run.calls()):
            record["placement"] = None if number % every == 0 else record["placement"]
    return mutate


def tagged(tag: str, processor: str | None = None) -> Callable[[Run], None]:
    """Another device tag, and another processor in hardware.json."""
    def mutate(run: Run) -> None:
        run.device_tag = run.manifest["device_tag"] = tag
        if processor:
            run.hardware["cpu"]["model"] = facts.known(processor, "planted")
    return mutate


def said_to_be_loading(times: float) -> Callable[[Run], None]:
    """A part of the prefill is counted as loading."""
    def mutate(run: Run) -> None:
        for record in run.calls(role="measured", item="P-HARD"):
            gone_ns = record["prompt_eval_ns"] - round(record["prompt_eval_ns"] / times)
            record.update(prompt_eval_ns=record["prompt_eval_ns"] - gone_ns, load_ns=record["load_ns"] + gone_ns)
    return mutate


def early_text(run: Run) -> None:
    """The first text in half the time by both clocks, and the other half in the gap after it."""
    for record in run.calls(role="measured", phase="python-tasks"):
        early_ns = record["prompt_eval_ns"] // 2 // 1000 * 1000
        first_ns = record["first_text_ns"] // 1000 * 1000 - early_ns
        record["gaps_us"][0] += early_ns // 1000
        record.update(prompt_eval_ns=record["prompt_eval_ns"] - early_ns, headers_ns=first_ns, first_chunk_ns=first_ns, first_text_ns=first_ns,
                      first_answer_ns=first_ns, last_text_ns=first_ns + 1000 * sum(record["gaps_us"]))


def on_conditions(**changes: object) -> Callable[[Run], None]:
    return lambda run: [record["conditions"].update(changes) for record in run.calls()] and None


def energy_of(watts: float) -> Callable[[Run], None]:
    def mutate(run: Run) -> None:
        run.records[0]["session_start"].update(energy_counter="planted", energy_unknown=None)
        for record in run.calls():
            record["conditions"]["energy_j"] = round(watts * record["end_ns"] / 1e9, 3)
    return mutate


def nothing_cached(run: Run) -> None:
    """Of each turn of a conversation, whose prefix was cached, all tokens are said to have been computed."""
    turns = run.calls(role="measured", phase="context-append")
    for record in run.calls():
        record["cached_tokens"] = 0 if record["prompt_tokens"] else None
    for record, before in zip(turns[1:], turns):
        computed = (record["prompt_tokens"] - before["prompt_tokens"]) / record["prompt_tokens"]
        gone_ns = record["prompt_eval_ns"] - int(record["prompt_eval_ns"] * computed)
        first_ns = (record["first_text_ns"] - gone_ns) // 1000 * 1000
        record.update(prompt_eval_ns=record["prompt_eval_ns"] - gone_ns, headers_ns=first_ns, first_chunk_ns=first_ns, first_text_ns=first_ns,
                      first_answer_ns=first_ns, last_text_ns=first_ns + 1000 * sum(record["gaps_us"]))
        for name in ("total_ns", "done_ns", "end_ns"):
            record[name] -= gone_ns
    run.calls(item="CAL-DEFAULT")[0]["finding"]["tells_cached_tokens"] = True
    retimed(run)


def little_loaded(run: Run) -> None:
    for record in run.calls():
        record["placement"]["size_bytes"] //= 10


def loaded_under_another_name(run: Run) -> None:
    for record in run.calls():
        record["placement"]["loaded"] = ["stranger:1b"]


def faster_waves(run: Run) -> None:
    """Every call of a wave in half the time by both clocks, where the waves began as before."""
    for record in run.calls(role="measured", level=4):
        first_ns = record["first_text_ns"] // 2000 * 1000
        record["gaps_us"] = [gap // 2 for gap in record["gaps_us"]]
        record.update({name: record[name] // 2 for name in ("total_ns", "prompt_eval_ns", "eval_ns", "done_ns", "end_ns", "sent_ns")})
        record.update(headers_ns=first_ns, first_chunk_ns=first_ns, first_text_ns=first_ns, first_answer_ns=first_ns,
                      last_text_ns=first_ns + 1000 * sum(record["gaps_us"]))


def asked_after_its_time(run: Run) -> None:
    """One task of many is skipped for the time limit, and the next ones are asked."""
    skipped("time-limit", phase="small-eval", item="5Q-Q02")(run)
    run.manifest["time_limit_s"] = 30


def others_not_counted(run: Run) -> None:
    run.records[0]["session_start"].update(others_counter="planted", others_unknown=None)


def never_loaded_together(run: Run) -> None:
    for record in run.calls(phase="parallel-mixed", role="warmup"):
        record["placement"]["loaded"] = [record["model"]]


ROWS = [
    ("physics-tokens", "half as many prompt tokens again in one phase of short prompts", more_prompt_tokens(1.5, phase="small-eval")),
    ("physics-clocks", "two thirds of the prefill in a conversation", shorter("prompt_eval_ns", 1.5, phase="context-append"), CONVERSATION),
    ("physics-duplicate", "the last pass is the first, each gap changed by up to a tenth", last_pass_from_the_first(0.1), LONG_REPEATS),
    ("physics-duplicate", "the last pass is the first, each gap changed by up to a hundredth", last_pass_from_the_first(0.01), LONG_REPEATS),
    ("protocol-placement", "no call says where its model was loaded", no_placement(1)),
    ("protocol-unknown-commit", "a commit that this clone does not have", alone(on_manifest(harness_commit="ab12" * 10))),
    ("physics-tag", "a Mac with a processor of Intel", tagged("mac-m3-max-8gb", "Intel(R) Core(TM) i9-9880H CPU @ 2.30GHz")),
    ("physics-tag", "a larger chip of the same maker", tagged("mac-m1-max-8gb", "Apple M1")),
    ("physics-tag", "another model of the same maker", tagged("ryzen-9950x-8gb", "AMD Ryzen 9 7950X 16-Core Processor")),
    ("physics-tag", "another board", tagged("raspberry-pi-5-8gb", "Intel(R) Core(TM) i7-1185G7 @ 3.00GHz")),
    ("physics-tag", "eight times the memory", tagged("synthetic-cpu-64gb")),
    ("physics-clocks", "half of the prefill, said to be loading", said_to_be_loading(2), LONG_REPEATS),
    ("physics-clocks", "the first text early by both clocks", early_text, LONG_ANSWERS),
    ("physics-prefill", "cached tokens of a conversation, said to be computed", nothing_cached, CONVERSATION),
    ("physics-placement", "a tenth of its file loaded", little_loaded),
    ("protocol-placement", "its size in memory, under no name", loaded_under_another_name),
    ("physics-size", "a quantization of more bits than the file has", on_model(quantization="F16")),
    ("physics-conditions", "the same free memory after each call", on_conditions(free_memory_bytes=5_000_000_000)),
    ("physics-conditions", "more memory free than there is", lambda run: call(run)["conditions"].update(free_memory_bytes=20_000_000_000)),
    ("physics-conditions", "energy that no counter counted", on_conditions(energy_j=3.0)),
    ("physics-conditions", "energy of a megawatt", energy_of(1e6)),
    ("physics-conditions", "an accelerator that is not there", on_conditions(accelerators=[support.record("accelerator_state")])),
    ("physics-conditions", "others that are counted and never known", others_not_counted),
    ("physics-clocks", "waves in half the time by both clocks", faster_waves, WAVES),
    ("physics-clocks", "decode of a rung", shorter("eval_ns", 2, phase="context-edge-16k"), RUNGS),
    ("ledger-finding", "more slots than there are", lambda run: [record["finding"].update(slots_seen=8) for record in run.calls(item="CAL-SLOTS")
                                                                  if record["finding"]] and None),
    ("ledger-sessions", "another timing floor than in the manifest", lambda run: run.records[0]["session_start"].update(
        floor={**valid.FLOOR, "ttft_error_us_p50": 1.0})),
    ("ledger-sessions", "another server than in the manifest", alone(on_manifest(server_version="0.99.0"))),
    ("protocol-time-limit", "a time limit that was far", lambda run: (skipped("time-limit", phase="small-eval")(run), on_manifest(time_limit_s=86400)(run))),
    ("protocol-skip", "calls after the time was up", asked_after_its_time),
    ("protocol-placement", "two models that were never loaded together", never_loaded_together, MIXED),
    ("physics-duplicate", "each repeat is the first one, each gap changed by up to a twentieth", repeats_from_the_first(0.05), LONG_REPEATS),
    ("physics-context", "prompts longer than the context that was loaded", lambda run: [record["placement"].update(context_length=512)
                                                                                     for record in run.calls()] and None),
    ("physics-size", "more experts used than there are", on_model(expert_count=8, expert_used_count=128)),
]

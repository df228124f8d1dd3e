"""Clock checks: the server's counters against the client's stamps, and tokens against the bytes of the texts they make.

Only calls that ran alone and whose stream was not bunched are compared. On a busy machine a client's stamp is late and
never early, so single calls are compared with wide bounds and without their longest gaps, and whole runs by medians.
Real servers from 0.24 to 0.33 were seen between 0.89 and 1.06 (decode) and below 0.1 (time that no counter explains).
"""
from __future__ import annotations

from typing import Dict, Iterator, List

from base import suites
from base.ledger_records import CallRecord, Record
from base.phases import suite_phase
from derive import call_metrics
from derive.distribution import median_of
from judge import thresholds
from judge.findings import Finding
from judge.ledger_pass import LedgerVisitor

MOST_VALUES = 4096      # of one kind and model that are remembered
NONCE_BYTES = 20        # 18 digits and an empty line


def is_comparable(call: CallRecord) -> bool:
    """Whether the call ran alone and its stream was read as it came, so that the two clocks can be compared."""
    return call.has_speed and call.wave is None and call.level == 1 and not call_metrics.is_bunched(call)


class ClockChecks(LedgerVisitor):
    """Decode and prefill of each call, and of each model at the median, by both clocks."""

    def __init__(self, manifest: dict):
        self._models = {model["name"] for model in manifest["models"]}
        self._is_near = "://" in manifest["target"]
        self._decode: Dict[str, List[float]] = {}           # model: seen over counted
        self._visible: Dict[str, List[float]] = {}          # the same, of the tokens that surely made text
        self._unexplained: Dict[str, List[float]] = {}

    def visit(self, record: Record) -> Iterator[Finding]:
        if isinstance(record, CallRecord) and record.model in self._models and is_comparable(record):
            yield from self._decode_of(record)
            self._prefill_of(record)

    def _decode_of(self, call: CallRecord) -> Iterator[Finding]:
        seen_ns, counted_ns = call.last_text_ns and call.last_text_ns - call.first_text_ns, call.eval_ns
        if not seen_ns or not counted_ns or call.text_chunks < thresholds.value("clock_chunks"):
            return
        least_ns = seen_ns - 1000 * sum(sorted(call.gaps_us)[-3:])       # without the longest stalls
        if least_ns > thresholds.value("call_clock_ratio") * counted_ns + thresholds.value("call_clock_slack_ns"):
            yield Finding("physics-clocks", f"decode of {counted_ns / 1e6:.1f} ms by the server, {seen_ns / 1e6:.1f} ms from first to last text",
                          "durations that agree", "/eval_ns")
        if seen_ns >= thresholds.value("clock_span_ns"):
            # A chunk may hold several tokens, and a token may make no text: the truth is between the two.
            visible = min(1.0, (call.text_chunks - 1) / max(1, call.eval_tokens - 1))
            _remember(self._decode, call.model, seen_ns / counted_ns)
            _remember(self._visible, call.model, seen_ns / (counted_ns * visible))

    def _prefill_of(self, call: CallRecord) -> None:
        if (call.prompt_tokens or 0) < thresholds.value("clock_prompt_tokens") or call.prompt_eval_ns is None or not call.first_text_ns:
            return
        hidden_tokens = max(0, (call.eval_tokens or 0) - call.text_chunks)
        hidden_ns = hidden_tokens * (call.eval_ns or 0) / max(1, call.eval_tokens or 1)
        unexplained_ns = call.first_text_ns - (call.load_ns or 0) - call.prompt_eval_ns - hidden_ns
        slack_ns = thresholds.value("unexplained_slack_ns") * (1 if self._is_near else 20)
        _remember(self._unexplained, call.model, unexplained_ns / call.first_text_ns if unexplained_ns > slack_ns else 0.0)

    def finish(self) -> Iterator[Finding]:
        least, most = thresholds.value("clock_ratio_least"), thresholds.value("clock_ratio_most")
        for model, ratios in self._decode.items():
            lowest, highest = median_of(ratios), median_of(self._visible[model])
            if len(ratios) >= thresholds.value("clock_calls") and (lowest > most or highest < least):
                yield Finding("physics-clocks", f"{model}: first to last text takes {lowest:.2f} times the server's decode time, the median of "
                              f"{len(ratios)} calls", f"{least} to {most} times")
        for model, shares in self._unexplained.items():
            median = median_of(shares)
            if len(shares) >= thresholds.value("clock_calls") and median > thresholds.value("unexplained_share"):
                yield Finding("physics-clocks", f"{model}: {100 * median:.0f} % of the time to first text is neither loading nor prefill, the median "
                              f"of {len(shares)} calls", f"up to {100 * thresholds.value('unexplained_share'):.0f} %")


class TokenChecks(LedgerVisitor):
    """Prompt tokens against the prompt's bytes and the item's other calls; answer tokens against the answer's bytes."""

    def __init__(self, loaded_suites: Dict[str, suites.Suite]):
        self._prompt_bytes = {(phase, item.id): sum(len(text.encode("utf-8")) for _, text in suites.message_texts(suite, item)) + NONCE_BYTES
                              for phase, suite in loaded_suites.items() if suite.material is None for item in suite.items}
        self._template: Dict[str, int] = {}        # model: no more tokens than this stand around a message
        self._items: Dict[tuple, List[int]] = {}   # (model, phase, item): least and greatest prompt tokens
        self._prompts: Dict[str, List[float]] = {}     # model: bytes a token
        self._answers: Dict[tuple, List[float]] = {}   # (model, phase): bytes a token

    def visit(self, record: Record) -> Iterator[Finding]:
        if isinstance(record, CallRecord) and record.prompt_tokens is not None:
            yield from self._call(record)

    def _call(self, call: CallRecord) -> Iterator[Finding]:
        size = self._prompt_bytes.get((suite_phase(call.phase), call.item)) if call.is_measured else None
        if size is not None and call.model in self._template:
            yield from self._prompt_of(call, size)
        if call.endpoint == "/api/chat" and call.prompt_tokens:
            self._template[call.model] = min(call.prompt_tokens, self._template.get(call.model, call.prompt_tokens))
        if call.has_speed:
            yield from self._answer_of(call)

    def _prompt_of(self, call: CallRecord, size: int) -> Iterator[Finding]:
        model, tokens = call.model, call.prompt_tokens
        most = size + self._template[model] + thresholds.value("prompt_slack_tokens")
        if tokens > most:
            yield Finding("ledger-tokens", f"{tokens} prompt tokens of {size} bytes", f"at most {most}: one for each byte, and the template's",
                          "/prompt_tokens")
            return
        if tokens * thresholds.value("prompt_bytes_per_token") < size:
            yield Finding("physics-tokens", f"{tokens} prompt tokens of {size} bytes",
                          f"at most {thresholds.value('prompt_bytes_per_token')} bytes a token", "/prompt_tokens")
        _remember(self._prompts, model, size / max(1, tokens))
        least_most = self._items.setdefault((model, call.phase, call.item), [tokens, tokens])
        least_most[:] = [min(tokens, least_most[0]), max(tokens, least_most[1])]

    def _answer_of(self, call: CallRecord) -> Iterator[Finding]:
        tokens = call.eval_tokens or 0
        size = len((call.answer + call.thinking).encode("utf-8", "replace"))
        if tokens < call_metrics.MIN_DECODE_TOKENS:
            return
        if tokens > size + thresholds.value("hidden_tokens"):
            yield Finding("physics-tokens", f"{tokens} answer tokens of {size} bytes", "at least a byte a token", "/eval_tokens")
        else:
            _remember(self._answers, (call.model, call.phase), size / tokens)

    def finish(self) -> Iterator[Finding]:
        for (model, _, item), (least, most) in self._items.items():
            if most - least > thresholds.value("repeat_tokens") + self._template.get(model, 0):
                yield Finding("physics-tokens", f"{model} {item}: from {least} to {most} prompt tokens", "the same text as many tokens each time")
        for (model, phase), sizes in self._answers.items():
            prompt, median = median_of(self._prompts.get(model) or [0.0]), median_of(sizes)
            if len(sizes) < thresholds.value("token_calls"):
                continue
            if median < thresholds.value("answer_share") * prompt or median > thresholds.value("answer_bytes_per_token"):
                yield Finding("physics-tokens", f"{model} {phase}: {median:.2f} bytes of answer a token, the median of {len(sizes)} answers",
                              f"from {thresholds.value('answer_share') * prompt:.2f} (its prompts have {prompt:.2f}) to "
                              f"{thresholds.value('answer_bytes_per_token')}")


def _remember(values: dict, key: object, value: float) -> None:
    kept = values.setdefault(key, [])
    if len(kept) < MOST_VALUES:
        kept.append(value)

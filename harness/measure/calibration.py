"""Calibration: how this server counts tokens for this model, found by asking and never assumed from its version.

Each question is a recorded call with role calibration; its record has the result as `finding`, so that the figures can
be computed from the ledger alone. A question costs a few tokens; up to 512 for a model that does not stop by itself,
and the lengths of material together cost about as much as one context call.
"""
from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from base import suites, thoughts
from base.errors import UserError
from base.intervals import most_at_once
from base.json_text import Json
from base.ledger_records import CallRecord
from base.phases import CONTEXT_APPEND, CONTEXT_EDGE
from base.plan import Settings, Step
from measure.http_call import UNSETTLED
from measure.session import CHAT, GENERATE, Ask, Session, new_nonce

PHASE = "calibration"
SLOTS_ASKED = 8             # the highest level of the suites; more slots than that make no difference here
SHORT_ANSWER = 16           # tokens; enough to see decode windows overlap
SLOT_ANSWERS = (SHORT_ANSWER, 64, 256, 1024)    # tokens; a longer one is asked for where the clocks blur the shorter
FIRST_UNITS = {CONTEXT_EDGE: 6, CONTEXT_APPEND: 8}      # one of each of edge's six kinds, one for each of append's turns
SAMPLE_SHARE = 0.45         # of the context: long enough for the rate, at less than the cost of one measured call
QUESTION = "List the whole numbers from one upwards, in digits, separated by single spaces."
THINKING_QUESTION = "What is 17 plus 25? Reply with the number alone."
THINKING_TOKENS = 512       # some models show only at the end of a thought that there was one; others answer in three tokens
USABLE = ("ok", "length", "empty")

Finding = Dict[str, Any]         # fields of the record `finding`


def material_finding(phase: str) -> str:
    """The name of the finding that has the lengths of a context phase's material."""
    return f"{phase}_tokens_at"


class Calibration:
    """Asks one model the questions, in one context; `findings` collects the results, also those of earlier sessions."""

    def __init__(self, session: Session, model: str, settings: Settings, num_ctx: int, findings: Finding):
        self.session, self.model, self.settings, self.num_ctx = session, model, settings, num_ctx
        self.findings = findings
        self.unsettled = False      # a call failed, and what the server is doing now is unknown

    def ask_all(self) -> None:
        """Everything but the material, which needs the context of its own phase."""
        self.thinking()
        self.always_thinks()
        self.takes_thinking()
        self.one_token()
        self.head()
        self.too_long()
        self.slots()    # last: its finding shows that all was asked

    def thinking(self) -> None:
        """If the request does not set `think`: does it think, and does the server report the cached count?"""
        request_fields = {name: value for name, value in self.settings.request_fields.items() if name != "think"}
        self._make([self._ask("CAL-DEFAULT", QUESTION, SHORT_ANSWER, request_fields=request_fields)], lambda calls: {
            "thinks_by_default": calls[0].thinking_chunks > 0,
            "tells_cached_tokens": calls[0].cached_tokens is not None,
        } if calls[0].outcome in USABLE else {})

    def always_thinks(self) -> None:
        """If `think` is false: does it think all the same, in the thinking field or between tags in the answer?"""
        if self.settings.request_fields["think"] is False:
            self._make([self._ask("CAL-THINKS", THINKING_QUESTION, THINKING_TOKENS)], lambda calls: {
                "always_thinks": thoughts.has_thought(calls[0].thinking, calls[0].answer)} if calls[0].outcome in USABLE else {})

    def takes_thinking(self) -> None:
        """Whether the server accepts the `think` of the thinking phases; not every version knows every level."""
        if self.model in self.settings.thinking_models and self.settings.thinking is not None:
            request_fields = {**self.settings.request_fields, "think": self.settings.thinking}
            self._make([self._ask("CAL-THINKING", THINKING_QUESTION, SHORT_ANSWER, request_fields=request_fields)], lambda calls: {
                "takes_thinking": calls[0].outcome != "refused"} if calls[0].outcome in USABLE + ("refused",) else {})

    def one_token(self) -> None:
        """The decode time of a one-token answer, which versions leave out, report as 1,000 ns, or as something else."""
        self._make([self._ask("CAL-ONE-TOKEN", QUESTION, 1)], lambda calls: {
            "one_token_eval_ns": calls[0].eval_ns,
            "one_token_eval_tokens": calls[0].eval_tokens,
        } if calls[0].outcome in USABLE else {})

    def head(self) -> None:
        """How many tokens of the template precede the nonce: only those can come from a cache.

        The server renders the template without running the model; the text before the nonce is then counted raw,
        with and without the nonce behind it. If it does not render, the whole template is the upper bound.
        """
        nonce = new_nonce()
        rendered = self._rendered(nonce)
        before = rendered.partition(nonce)[0] if rendered and nonce in rendered else None
        bare = self._make([self._raw("CAL-HEAD-NONCE", nonce)])[0].prompt_tokens
        if before is None:
            self._make([self._ask("CAL-HEAD", nonce, 1, nonce=None)], lambda calls: _head(
                calls[0].prompt_tokens, bare, "upper-bound"))
        else:
            self._make([self._raw("CAL-HEAD", before + nonce)], lambda calls: _head(
                calls[0].prompt_tokens, bare, "rendered"))

    def slots(self) -> None:
        """How many requests the server processes at once: spans of its own prefill and decode that overlap.

        A busy machine delays stamps by some milliseconds, in which a small model writes a whole answer. Such a round
        shows nothing, and the next one asks for more tokens.
        """
        for tokens in SLOT_ANSWERS:
            asks = [self._ask("CAL-SLOTS", QUESTION, tokens, level=SLOTS_ASKED, slot=slot) for slot in range(SLOTS_ASKED)]
            calls = self._make(asks, lambda calls: _slots(calls, is_last=tokens == SLOT_ANSWERS[-1]))
            if self.unsettled or not is_blurred(calls):
                return

    def too_long(self) -> None:
        """A prompt longer than num_ctx: refused, cut silently, or answered whole by a runner with a context of its own?"""
        words = "one two three four five six seven eight nine ten. "
        text = words * (self.num_ctx // 10 + 64)
        self._make([self._ask("CAL-TOO-LONG", text, 1)], lambda calls: {
            "too_long": _too_long(calls[0], self.num_ctx), "too_long_prompt_tokens": calls[0].prompt_tokens})

    def material(self, suite: suites.Suite) -> None:
        """How the phase's prompt grows with its material: [units, prompt tokens] without any, with some, with more.

        The third takes SAMPLE_SHARE of the context, as computed from the first two.
        """
        points: List[List[int]] = []
        for units in (0, FIRST_UNITS[suite.phase]):
            self._count_material(suite, units, points)
        if len(points) == 2 and points[1][1] > points[0][1]:
            more = suites.units_for(int(SAMPLE_SHARE * min(self.num_ctx, self.settings.context_num_ctx)), points)
            first = FIRST_UNITS[suite.phase]
            more -= more % first if more >= 2 * first else 0
            if more > first:
                self._count_material(suite, more, points)

    def _count_material(self, suite: suites.Suite, units: int, points: List[List[int]]) -> None:
        item = suite.items[-1]
        texts = tuple(suites.message_texts(suite, item, units))
        ask = Ask(Step(PHASE, self.model, f"CAL-{suite.phase.upper()}-{units}"), "calibration", texts,
                  self.settings.options_for(self.num_ctx, 1), self.settings.request_fields, new_nonce(), units)

        def finding_of(calls: List[CallRecord]) -> Finding:
            if calls[0].outcome in USABLE and calls[0].prompt_tokens:
                points.append([units, calls[0].prompt_tokens])
            return {material_finding(suite.phase): [list(point) for point in points]}
        self._make([ask], finding_of)

    def _ask(self, item: str, text: str, num_predict: int, request_fields: Optional[Mapping[str, Json]] = None, level: int = 1, slot: int = 0,
             nonce: Optional[str] = "new") -> Ask:
        step = Step(PHASE, self.model, item, level=level, slot=slot, wave=0 if level > 1 else None)
        return Ask(step, "calibration", (("user", text),),
                   self.settings.options_for(self.num_ctx, num_predict),
                   self.settings.request_fields if request_fields is None else request_fields, new_nonce() if nonce else None, None, CHAT)

    def _raw(self, item: str, prompt: str) -> Ask:
        return Ask(Step(PHASE, self.model, item), "calibration", (("user", prompt),),
                   self.settings.options_for(self.num_ctx, 1), self.settings.request_fields, None, None, GENERATE)

    def _rendered(self, nonce: str) -> Optional[str]:
        fields = {"model": self.model, "messages": [{"role": "user", "content": nonce}], "_debug_render_only": True,
                  **self.settings.request_fields, "stream": False, "options": self.settings.options_for(self.num_ctx, 1)}
        try:
            answer = self.session.endpoint.ask(CHAT, fields).value
        except UserError:
            return None
        info = answer.get("_debug_info") if isinstance(answer, dict) else None
        text = info.get("rendered_template") if isinstance(info, dict) else None
        return text if isinstance(text, str) else None

    def _make(self, asks: List[Ask], finding_of: Optional[Callable[[List[CallRecord]], Finding]] = None) -> List[CallRecord]:
        """Make the calls, and keep their finding."""
        calls = self.session.make(asks, finding_of)
        self.findings.update(calls[-1].finding or {})
        self.unsettled = self.unsettled or any(call.outcome in UNSETTLED for call in calls)
        return calls


def _too_long(call: CallRecord, num_ctx: int) -> str:
    if call.outcome in ("refused", "error"):
        return call.outcome
    if not call.prompt_tokens:
        return "unknown"
    return "answered" if call.prompt_tokens > num_ctx else "cut"


def _head(with_head: Optional[int], bare: Optional[int], method: str) -> Finding:
    """Template tokens before the nonce; one is added for the beginning-of-text token that is in both counts."""
    if with_head is None or bare is None:
        return {}
    return {"head_tokens": max(0, with_head - bare) + 1, "head_method": method}


def _slots(calls: List[CallRecord], is_last: bool) -> Finding:
    blurred = is_blurred(calls)
    if blurred and not is_last or not any(call.done_ns for call in calls):
        return {}
    return {"slots_seen": None if blurred else slots_seen(calls)}      # the certain spans alone would give too few


def slots_seen(calls: List[CallRecord]) -> Optional[int]:
    """The most calls that the server certainly processed at once; None where no time is certain."""
    return most_at_once((start, end) for start, end, _ in _certain_spans(calls)) or None


def is_blurred(calls: List[CallRecord]) -> bool:
    """Whether, of any call, less than half of the processing time is certain."""
    return any(2 * (end - start) < processing for start, end, processing in _certain_spans(calls))


def _certain_spans(calls: List[CallRecord]) -> Iterator[Tuple[int, int, int]]:
    """(start, end, processing time) of each call: from start to end, on the session's clock, the server certainly processed it.

    Processing ended no earlier than the server's total after the request was sent, and no later than the answer was
    received: whatever delays a stamp, on either side, lies between. A tenth more is taken off both ends, since the
    server's own stamps are not all taken at one moment. A span that ends before it starts is not certain at all.
    """
    for call in calls:
        if call.done_ns is not None and call.prompt_eval_ns is not None:
            processing = call.prompt_eval_ns + (call.eval_ns or 0)
            earliest_end = call.done_ns if call.total_ns is None else min(call.total_ns, call.done_ns)
            yield (call.start_ns + call.done_ns - processing + processing // 10,
                   call.start_ns + earliest_end - processing // 10, processing)

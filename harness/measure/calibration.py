"""Calibration: how this server counts for this model, found by asking and never by its version.

Each question is a recorded call with role calibration; its record has the result as `finding`, so that the figures can
be computed from the ledger alone. A question costs a few tokens; up to 512 for a model that does not stop by itself,
and the lengths of material together cost about as much as one context call.
"""
from __future__ import annotations

from base import suites, thoughts
from base.errors import UserError
from base.intervals import most_at_once
from base.phases import CONTEXT_APPEND, CONTEXT_EDGE
from base.plan import Settings, Step
from measure.session import CHAT, GENERATE, Ask, Session, new_nonce
from measure.http_call import UNSETTLED

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


def material_finding(phase: str) -> str:
    """Under which name the lengths of a context phase's material are kept."""
    return f"{phase}_tokens_at"


class Calibration:
    """Asks the questions of one model in one context; `findings` gathers what they showed, also in earlier sessions."""

    def __init__(self, session: Session, model: str, settings: Settings, num_ctx: int, findings: dict):
        self.session, self.model, self.settings, self.num_ctx = session, model, settings, num_ctx
        self.findings = findings
        self.unsettled = False      # an answer went wrong, and nobody knows what the server does now

    def ask_all(self) -> None:
        """Everything but the material, which needs the context of its own phase."""
        self.thinking()
        self.always_thinks()
        self.takes_thinking()
        self.one_token()
        self.head()
        self.too_long()
        self.slots()    # last: what it finds says that all was asked

    def thinking(self) -> None:
        """Without a word about thinking: does it think, and does the server tell the cached count?"""
        knobs = {name: value for name, value in self.settings.knobs.items() if name != "think"}
        self._make([self._ask("CAL-DEFAULT", QUESTION, SHORT_ANSWER, knobs=knobs)], lambda calls: {
            "thinks_by_default": calls[0]["thinking_chunks"] > 0,
            "tells_cached_tokens": calls[0]["cached_tokens"] is not None,
        } if calls[0]["outcome"] in USABLE else {})

    def always_thinks(self) -> None:
        """Told not to think: does it all the same, in the field of its own or between tags in the answer?"""
        if self.settings.knobs["think"] is False:
            self._make([self._ask("CAL-THINKS", THINKING_QUESTION, THINKING_TOKENS)], lambda calls: {
                "always_thinks": thoughts.has_thought(calls[0]["thinking"], calls[0]["answer"])} if calls[0]["outcome"] in USABLE else {})

    def takes_thinking(self) -> None:
        """Whether the server takes what the thinking phases are to send; not every version knows every level."""
        if self.model in self.settings.thinking_models and self.settings.thinking is not None:
            knobs = {**self.settings.knobs, "think": self.settings.thinking}
            self._make([self._ask("CAL-THINKING", THINKING_QUESTION, SHORT_ANSWER, knobs=knobs)], lambda calls: {
                "takes_thinking": calls[0]["outcome"] != "refused"} if calls[0]["outcome"] in USABLE + ("refused",) else {})

    def one_token(self) -> None:
        """Versions report the decode time of a one-token answer as absent, as 1,000 ns, or as something else."""
        self._make([self._ask("CAL-ONE-TOKEN", QUESTION, 1)], lambda calls: {
            "one_token_eval_ns": calls[0]["eval_ns"],
            "one_token_eval_tokens": calls[0]["eval_tokens"],
        } if calls[0]["outcome"] in USABLE else {})

    def head(self) -> None:
        """How many tokens of the template stand before the nonce: only those can come from a cache.

        The server renders the template without running the model; the text before the nonce is then counted raw,
        with and without the nonce behind it. Where it will not render, the whole template is the upper bound.
        """
        nonce = new_nonce()
        rendered = self._rendered(nonce)
        before = rendered.partition(nonce)[0] if rendered and nonce in rendered else None
        bare = self._make([self._raw("CAL-HEAD-NONCE", nonce)])[0]["prompt_tokens"]
        if before is None:
            self._make([self._ask("CAL-HEAD", nonce, 1, nonce=None)], lambda calls: _head(
                calls[0]["prompt_tokens"], bare, "upper-bound"))
        else:
            self._make([self._raw("CAL-HEAD", before + nonce)], lambda calls: _head(
                calls[0]["prompt_tokens"], bare, "rendered"))

    def slots(self) -> None:
        """How many requests the server works on at once: spans of its own prefill and decode that overlap.

        A busy machine delays stamps by some milliseconds, in which a small model says a whole answer. Such a round
        shows nothing yet: the next one asks for more.
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
            "too_long": _too_long(calls[0], self.num_ctx), "too_long_prompt_tokens": calls[0]["prompt_tokens"]})

    def material(self, suite: suites.Suite) -> None:
        """How the phase's prompt grows with its material: [units, prompt tokens] without any, with some, with more.

        The third is as long as the first two say will take SAMPLE_SHARE of the context.
        """
        points: list = []
        for units in (0, FIRST_UNITS[suite.phase]):
            self._count_material(suite, units, points)
        if len(points) == 2 and points[1][1] > points[0][1]:
            more = suites.units_for(int(SAMPLE_SHARE * min(self.num_ctx, self.settings.context_num_ctx)), points)
            first = FIRST_UNITS[suite.phase]
            more -= more % first if more >= 2 * first else 0
            if more > first:
                self._count_material(suite, more, points)

    def _count_material(self, suite: suites.Suite, units: int, points: list) -> None:
        item = suite.items[-1]
        texts = tuple(suites.message_texts(suite, item, units))
        ask = Ask(Step(PHASE, self.model, f"CAL-{suite.phase.upper()}-{units}"), "calibration", texts,
                  self.settings.options_for(self.num_ctx, 1), self.settings.knobs, new_nonce(), units)

        def note(calls: list) -> dict:
            if calls[0]["outcome"] in USABLE and calls[0]["prompt_tokens"]:
                points.append([units, calls[0]["prompt_tokens"]])
            return {material_finding(suite.phase): [list(point) for point in points]}
        self._make([ask], note)

    def _ask(self, item: str, text: str, num_predict: int, knobs: dict | None = None, level: int = 1, slot: int = 0,
             nonce: str | None = "new") -> Ask:
        step = Step(PHASE, self.model, item, level=level, slot=slot, wave=0 if level > 1 else None)
        return Ask(step, "calibration", (("user", text),),
                   self.settings.options_for(self.num_ctx, num_predict),
                   self.settings.knobs if knobs is None else knobs, new_nonce() if nonce else None, None, CHAT)

    def _raw(self, item: str, prompt: str) -> Ask:
        return Ask(Step(PHASE, self.model, item), "calibration", (("user", prompt),),
                   self.settings.options_for(self.num_ctx, 1), self.settings.knobs, None, None, GENERATE)

    def _rendered(self, nonce: str) -> str | None:
        fields = {"model": self.model, "messages": [{"role": "user", "content": nonce}], "_debug_render_only": True,
                  **self.settings.knobs, "stream": False, "options": self.settings.options_for(self.num_ctx, 1)}
        try:
            _, answer, _ = self.session.endpoint.ask(CHAT, fields)
        except UserError:
            return None
        info = answer.get("_debug_info") if isinstance(answer, dict) else None
        text = info.get("rendered_template") if isinstance(info, dict) else None
        return text if isinstance(text, str) else None

    def _make(self, asks: list, note=None) -> list:
        def keep(calls: list) -> dict:
            finding = note(calls)
            self.findings.update(finding)
            return finding
        records = self.session.make(asks, keep if note else None)
        self.unsettled = self.unsettled or any(record["outcome"] in UNSETTLED for record in records)
        return records


def _too_long(call: dict, num_ctx: int) -> str:
    if call["outcome"] in ("refused", "error"):
        return call["outcome"]
    if not call["prompt_tokens"]:
        return "unknown"
    return "answered" if call["prompt_tokens"] > num_ctx else "cut"


def _head(with_head: int | None, bare: int | None, method: str) -> dict:
    """Template tokens before the nonce; one is added for the beginning-of-text token that both counts hold."""
    if with_head is None or bare is None:
        return {}
    return {"head_tokens": max(0, with_head - bare) + 1, "head_method": method}


def _slots(calls: list, is_last: bool) -> dict:
    blurred = is_blurred(calls)
    if blurred and not is_last or not any(call["done_ns"] for call in calls):
        return {}
    return {"slots_seen": None if blurred else slots_seen(calls)}      # a part of the spans would give too few


def slots_seen(calls: list) -> int | None:
    """The most calls that the server surely worked on at once; None where none of the work is surely placed."""
    return most_at_once(sure_spans(calls)) or None


def is_blurred(calls: list) -> bool:
    """Whether, of any call, less than half of the work is surely placed."""
    lengths = [_worked_ns(call) for call in calls if call["done_ns"] is not None and call["prompt_eval_ns"] is not None]
    return any(2 * (end - start) < length for (start, end), length in zip(sure_spans(calls), lengths))


def sure_spans(calls: list) -> list:
    """(start, end) of when the server was at work on each call for certain, on the session's clock.

    The work ended no earlier than its total after we began to send, and no later than we heard of it; whatever delays
    a stamp, on either side, lies between. A tenth more is taken off both ends, since the server's own stamps are not
    all taken at one moment. A span that ends before it starts places nothing.
    """
    spans = []
    for call in calls:
        if call["done_ns"] is None or call["prompt_eval_ns"] is None:
            continue
        length = _worked_ns(call)
        earliest_end = call["done_ns"] if call["total_ns"] is None else min(call["total_ns"], call["done_ns"])
        spans.append((call["start_ns"] + call["done_ns"] - length + length // 10,
                      call["start_ns"] + earliest_end - length // 10))
    return spans


def _worked_ns(call: dict) -> int:
    return call["prompt_eval_ns"] + (call["eval_ns"] or 0)

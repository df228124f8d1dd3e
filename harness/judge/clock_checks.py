"""Clock checks: the server's counters against the client's stamps, and tokens against the texts they make.

On a busy machine a client's stamp is late and never early, so single calls are compared with wide bounds and without
their longest gaps, and phases and frozen prompts, whose medians are published, by medians. Real servers from 0.24 to
0.33, also under heavy load, were seen between 0.98 and 1.04 (decode) and below 0.1 (time that no counter explains).
"""
from __future__ import annotations

from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple, TypeVar

from base import suites, text_format
from base.ledger_records import CallRecord, Record, is_same_wave
from base.pattern import lazy
from base.phases import CONTEXT_APPEND, FROZEN, PARALLEL_MIXED, PARALLEL_SAME, PYTHON_TASKS, RUNG_PHASES, SMALL_EVAL, suite_phase
from derive import call_metrics
from derive.distribution import median_of
from judge import thresholds
from judge.findings import Finding
from judge.hardware_checks import parameters_of
from judge.ledger_pass import LedgerVisitor

T = TypeVar("T")
MOST_VALUES = 4096      # of one kind and model that are remembered
MOST_ANSWERS = 12       # of a group that are looked at, where the stream has a chunk for each token
PLAIN_ANSWERS = 5       # with fewer a median says little
LONG_PROMPT_BYTES = 300     # a shorter one is mostly template and nonce
LONG_ANSWER = 120       # characters
PIECE = lazy(r"[A-Za-z]{1,12}|[0-9]|[^\x00-\x7f]|[!-/:-@\[-`{-~]+|\n+")
LONGEST_WORD = 12       # letters of one piece
NONCE_BYTES = 20        # 18 digits and an empty line
FAR_FACTOR = 20         # times the slack where the server is on another machine
LEAST_GAPS, FIRST_GAPS = 24, 4      # of an answer whose first gaps are compared with the others
SHORT_PIECES = 26       # of the short question that shows the template's tokens, its nonce included
# Tokens for each word or sign of a phase's prompts, over those of all phases: of seven vocabularies, within a seventh.
USUAL_TOKENS = {FROZEN: 1.1, SMALL_EVAL: 0.93, PYTHON_TASKS: 1.03, PARALLEL_SAME: 0.95, PARALLEL_MIXED: 0.94}
LEAST_PIECES = 100      # of a phase whose prompts are compared with the others'


SEEN_RATIOS = "0.98 to 1.04"       # of runs whose clocks agree: methodology.md, Plausibility


class DecodeSpans(NamedTuple):
    """How long an answer took by both clocks."""
    seen_ns: int        # from first to last text
    counted_ns: int     # by the server
    tokens: int


class PromptText(NamedTuple):
    """What the text of an item takes, its nonce included."""
    size: int
    pieces: int


class Answer(NamedTuple):
    size: float         # bytes a token
    a_chunk: float      # tokens
    a_piece: float      # tokens
    is_plain: bool


class ClockChecks(LedgerVisitor):
    """Decode, prefill and whole calls by both clocks, and the pauses between calls: for each phase and frozen prompt at the median."""

    def __init__(self, manifest: dict):
        self._models = {model["name"] for model in manifest["models"]}
        self._factor = 1 if "://" in manifest["target"] else FAR_FACTOR
        self._decode: Dict[tuple, List[float]] = {}         # group: seen over counted
        self._visible: Dict[tuple, List[float]] = {}        # the same, of the tokens that surely made text
        self._before_text: Dict[tuple, List[float]] = {}    # shares of the time to first text that nothing explains
        self._whole: Dict[tuple, List[float]] = {}          # the same of whole calls
        self._loading: Dict[tuple, List[float]] = {}        # shares of the time to first text that are loading
        self._early: Dict[tuple, List[float]] = {}          # by which shares of it the first text came before the others could
        self._idle: Dict[tuple, List[float]] = {}           # shares of idle time before a call and of the call before it
        self._before: Optional[CallRecord] = None           # the call before, or the first of the wave before
        self._ended_ns = 0                                  # when that had ended
        self._cached: Dict[str, int] = {}                   # model: tokens of its call before, whose state a server may keep

    def visit(self, record: Record) -> Iterator[Finding]:
        if isinstance(record, CallRecord) and record.model in self._models:
            yield from self._call(record)
            self._cached[record.model] = (record.prompt_tokens or 0) + (record.eval_tokens or 0)

    def _call(self, record: CallRecord) -> Iterator[Finding]:
        if not record.has_speed:
            self._before = None
            return
        self._idle_before(record)
        is_bunched = call_metrics.is_bunched(record)
        if record.wave is not None:
            if not is_bunched:
                self._decode_of(record, (record.model, record.phase, f"level {record.level}"))
            return
        for group in _groups(record):
            self._whole_of(record, group)
            if not is_bunched:
                self._decode_of(record, group)
                self._prefill_of(record, group)
        if not is_bunched:
            yield from self._single(record)

    def _slack_ns(self, name: str) -> int:
        return thresholds.value(name) * self._factor

    def _unexplained_slack_ns(self, call: CallRecord, name: str) -> int:
        """A server may first save the state of the previous call, which takes longer the more tokens that had."""
        if call.phase == CONTEXT_APPEND:
            return max(self._slack_ns(name), self._slack_ns("append_slack_ns"))
        return self._slack_ns(name) + thresholds.value("kept_ns_per_token") * self._cached.get(call.model, 0)

    def _single(self, call: CallRecord) -> Iterator[Finding]:
        """One call with wide bounds: on a busy machine a stamp is late, and never early."""
        spans = _decode_spans(call)
        if spans is None:
            return
        most_ns = thresholds.value("call_clock_ratio") * spans.counted_ns + thresholds.value("call_clock_slack_ns")
        if spans.seen_ns > most_ns and spans.seen_ns - 1000 * sum(sorted(call.gaps_us)[-3:]) > most_ns:      # without the longest stalls
            yield Finding("physics-clocks", f"decode of {spans.counted_ns / 1e6:.1f} ms by the server, {spans.seen_ns / 1e6:.1f} ms from first to last text",
                          "durations that agree", "/eval_ns")

    def _decode_of(self, call: CallRecord, group: tuple) -> None:
        spans = _decode_spans(call)
        if spans is None or spans.seen_ns < thresholds.value("clock_span_ns"):
            return
        # A chunk may hold several tokens, and a token may make no text: the truth is between the two.
        visible = min(1.0, (call.text_chunks - 1) / max(1, spans.tokens - 1))
        is_near = abs(spans.seen_ns - spans.counted_ns) < self._slack_ns("clock_slack_ns")
        _remember(self._decode, group, 1.0 if is_near else spans.seen_ns / spans.counted_ns)
        _remember(self._visible, group, 1.0 if is_near else spans.seen_ns / (spans.counted_ns * visible))

    def _prefill_of(self, call: CallRecord, group: tuple) -> None:
        if (call.prompt_tokens or 0) < thresholds.value("clock_prompt_tokens") or call.prompt_eval_ns is None or not call.first_text_ns:
            return
        hidden_tokens = max(0, (call.eval_tokens or 0) - call.text_chunks)
        hidden_ns = hidden_tokens * (call.eval_ns or 0) / max(1, call.eval_tokens or 1)
        unexplained_ns = call.first_text_ns - (call.load_ns or 0) - call.prompt_eval_ns - hidden_ns
        _remember(self._before_text, group, _share(unexplained_ns, call.first_text_ns, self._unexplained_slack_ns(call, "unexplained_slack_ns")))
        _remember(self._loading, group, _share(call.load_ns or 0, call.first_text_ns, thresholds.value("loading_slack_ns")))
        if len(call.gaps_us) >= LEAST_GAPS:
            later_ns = 1000 * (max(call.gaps_us[:FIRST_GAPS]) - max(call.gaps_us[FIRST_GAPS:]))
            _remember(self._early, group, _share(later_ns, call.first_text_ns, thresholds.value("early_slack_ns")))

    def _whole_of(self, call: CallRecord, group: tuple) -> None:
        if call.prompt_eval_ns is not None and call.eval_ns is not None and call.done_ns:
            unexplained_ns = call.done_ns - (call.load_ns or 0) - call.prompt_eval_ns - call.eval_ns
            _remember(self._whole, group, _share(unexplained_ns, call.done_ns, self._unexplained_slack_ns(call, "whole_slack_ns")))

    def _idle_before(self, call: CallRecord) -> None:
        """Pauses between calls and waves: they show where durations were understated."""
        before, ended_ns = self._before, call.start_ns + call.end_ns
        if before is not None and is_same_wave(call, before):
            self._ended_ns = max(self._ended_ns, ended_ns)
            return
        if before is not None and (before.model, before.phase, before.session, before.level) == (call.model, call.phase, call.session, call.level):
            group = (call.model, call.phase) if call.wave is None else (call.model, call.phase, f"level {call.level}")
            _remember(self._idle, group, _share(call.start_ns - self._ended_ns, call.start_ns - before.start_ns, thresholds.value("idle_slack_ns")))
        self._before, self._ended_ns = call, ended_ns

    def finish(self) -> Iterator[Finding]:
        for group, ratios in self._decode.items():
            yield from _decode_finding(group, ratios, self._visible[group])
        for shares, name, whole in ((self._before_text, "unexplained_share", "the time to first text is neither loading nor prefill"),
                                    (self._loading, "unexplained_share", "the time to first text is loading of a model that is loaded"),
                                    (self._early, "early_share", "the time to first text is added to one of the next four gaps"),
                                    (self._whole, "unexplained_share", "the time of a call is neither loading, prefill nor decode"),
                                    (self._idle, "idle_share", "the time is pauses between calls")):
            for group, values in shares.items():
                share, most = _typical(values), thresholds.value(name)
                if len(values) > 1 and share > most:
                    percent, limit = text_format.distinct(100 * share, 100 * most, 0)
                    yield Finding("physics-clocks", f"{' '.join(group)}: {percent} % of {whole}, the median of {len(values)} calls",
                                  f"up to {limit} %")


def _groups(call: CallRecord) -> List[tuple]:
    """The groups whose medians are published and that a call is in: its phase, and its frozen prompt."""
    phase = (call.model, call.phase)
    return [phase, (*phase, call.item)] if call.phase == FROZEN else [phase]


def _decode_spans(call: CallRecord) -> Optional[DecodeSpans]:
    """None where there is too little to compare."""
    if call.last_text_ns is None or call.first_text_ns is None or not call.eval_ns or not call.eval_tokens:
        return None
    if call.text_chunks < thresholds.value("clock_chunks"):
        return None
    return DecodeSpans(call.last_text_ns - call.first_text_ns, call.eval_ns, call.eval_tokens)


def _share(part_ns: float, whole_ns: int, slack_ns: int) -> float:
    return part_ns / whole_ns if part_ns > slack_ns else 0.0


def _typical(values: List[float]) -> float:
    """The median; the upper one of an even number, so that one half cannot hide the other. Of two values the lower one."""
    return min(values) if len(values) < 3 else sorted(values)[len(values) // 2]


def _decode_finding(group: tuple, ratios: List[float], visible: List[float]) -> Iterator[Finding]:
    if group[-1].startswith("level "):
        least, most = thresholds.value("wave_clock_ratio_least"), thresholds.value("wave_clock_ratio_most")
    else:
        least, most = thresholds.value("clock_ratio_least"), thresholds.value("clock_ratio_most")
    lowest, highest = _typical(ratios), sorted(visible)[(len(visible) - 1) // 2]
    calls = 2 if group[1] in RUNG_PHASES else thresholds.value("clock_calls")      # a rung has two prompts
    if len(ratios) >= calls and (lowest > most or highest < least):
        ratio, _ = text_format.distinct(*((lowest, most) if lowest > most else (sorted(ratios)[(len(ratios) - 1) // 2], least)), 2)
        seen = "" if group[-1].startswith("level ") else f"; {SEEN_RATIOS} is usual"
        yield Finding("physics-clocks", f"{' '.join(group)}: first to last text takes {ratio} times the server's decode time, the median of "
                      f"{len(ratios)} calls", f"{least} to {most} times{seen}")


class TokenChecks(LedgerVisitor):
    """Prompt tokens against the prompt's text and the item's other calls; answer tokens against the answer's text and chunks.

    A tokenizer makes about as many tokens of a piece of text (a word, a digit, a run of signs) in an answer as in the
    prompts, be it English or code. Where a stream has a chunk for each token, no other evidence of them is needed.
    """

    def __init__(self, manifest: dict, loaded_suites: Dict[str, suites.Suite]):
        self._suites = loaded_suites
        self._has_vocabulary = {model["name"] for model in manifest["models"]
                                if (parameters_of(model["parameter_size"]) or model["size_bytes"]) >= thresholds.value("vocabulary_parameters")}
        self._texts: Dict[tuple, PromptText] = {}
        self._template: Dict[str, int] = {}        # model: at most so many tokens are around a message
        self._items: Dict[tuple, List[int]] = {}   # (model, phase, item): least and greatest prompt tokens
        self._answers: Dict[tuple, List[Answer]] = {}       # by group
        self._counted: Dict[str, Tuple[int, bool]] = {}     # answer: its pieces, and whether it is plain; at temperature 0 repeats are the same

    def visit(self, record: Record) -> Iterator[Finding]:
        if isinstance(record, CallRecord) and record.prompt_tokens is not None:
            yield from self._call(record)

    def _call(self, call: CallRecord) -> Iterator[Finding]:
        text = self._prompt_text(call) if call.is_measured else None
        if text is not None and call.model in self._template:
            yield from self._prompt_of(call, call.prompt_tokens or 0, text)
        if call.endpoint == "/api/chat" and call.prompt_tokens:
            self._template[call.model] = min(call.prompt_tokens, self._template.get(call.model, call.prompt_tokens))
        if call.has_speed:
            yield from self._answer_of(call)

    def _prompt_text(self, call: CallRecord) -> Optional[PromptText]:
        """Size and pieces of an item's own text; None where it is generated."""
        suite, key = self._suites.get(suite_phase(call.phase)), (call.phase, call.item)
        if suite is None or suite.material is not None:
            return None
        if key not in self._texts:
            text = "\n".join(text for item in suite.items if item.id == call.item for _, text in suites.message_texts(suite, item))
            self._texts[key] = PromptText(len(text.encode("utf-8")) + NONCE_BYTES, count_pieces(text) + NONCE_BYTES - 2)
        return self._texts[key]

    def _prompt_of(self, call: CallRecord, tokens: int, text: PromptText) -> Iterator[Finding]:
        model, size = call.model, text.size
        most = size + self._template[model] + thresholds.value("prompt_slack_tokens")
        if tokens > most:
            yield Finding("ledger-tokens", f"{tokens} prompt tokens of {size} bytes", f"at most {most}: one for each byte, and the template's",
                          "/prompt_tokens")
            return
        least_most = self._items.setdefault((model, call.phase, call.item), [tokens, tokens])
        least_most[:] = [min(tokens, least_most[0]), max(tokens, least_most[1])]

    def _answer_of(self, call: CallRecord) -> Iterator[Finding]:
        tokens = call.eval_tokens or 0
        if tokens < call_metrics.MIN_DECODE_TOKENS:
            return
        text = call.answer + call.thinking
        size = len(text.encode("utf-8", "replace"))
        if tokens > size + thresholds.value("hidden_tokens"):
            yield Finding("physics-tokens", f"{tokens} answer tokens of {size} bytes", "at least a byte a token", "/eval_tokens")
            return
        a_chunk = tokens / max(1, call.text_chunks)
        for group in _groups(call):
            if len(self._answers.get(group, ())) < MOST_ANSWERS or a_chunk > thresholds.value("tokens_a_chunk"):
                pieces, has_plain_text = self._count(text)
                _remember(self._answers, group, Answer(size / tokens, a_chunk, tokens / max(1, pieces), has_plain_text))

    def _count(self, text: str) -> Tuple[int, bool]:
        counted = self._counted.get(text)
        if counted is None:
            counted = count_pieces(text), is_plain(text)
            if len(self._counted) < MOST_VALUES:
                self._counted[text] = counted
        return counted

    def finish(self) -> Iterator[Finding]:
        for model in self._template:
            yield from self._of_model(model)

    def _of_model(self, model: str) -> Iterator[Finding]:
        """A model's prompts against each other, and its answers against its prompts."""
        template, longer = self._template[model], []
        phases: Dict[str, Tuple[int, int]] = {}        # (tokens, pieces) of all prompts, without the template
        for (owner, phase, item), (least, most) in self._items.items():
            if owner != model:
                continue
            text = self._texts[phase, item]
            if most - least > thresholds.value("repeat_tokens") + template:
                yield Finding("physics-tokens", f"{model} {item}: from {least} to {most} prompt tokens", "the same text as many tokens each time")
                continue
            tokens, pieces = phases.get(phase, (0, 0))
            phases[phase] = tokens + max(1, most - template), pieces + max(1, text.pieces - SHORT_PIECES)
            if text.size >= LONG_PROMPT_BYTES:
                longer.append((max(1, most - template) / text.pieces, text.size / max(1, most - template), item, most))
        if model in self._has_vocabulary:
            yield from _odd_phases(model, phases)
        if longer:
            a_piece, size = median_of([row[0] for row in longer]), median_of([row[1] for row in longer])
            yield from self._odd_prompts(model, longer, a_piece)
            yield from self._odd_answers(model, a_piece, size)

    def _odd_prompts(self, model: str, longer: List[tuple], a_piece: float) -> Iterator[Finding]:
        limit = thresholds.value("prompt_share")
        most_bytes = thresholds.value("prompt_bytes_per_token")
        for share, size, item, tokens in longer:
            if size > most_bytes:
                yield Finding("physics-tokens", f"{model} {item}: {tokens} prompt tokens, {text_format.distinct(size, most_bytes, 2)[0]} bytes each",
                              f"at most {most_bytes}")
            elif not a_piece / limit < share < a_piece * limit:
                yield Finding("physics-tokens", f"{model} {item}: {tokens} prompt tokens, {share:.2f} for each word or sign",
                              f"about {a_piece:.2f}, as in the other prompts")

    def _odd_answers(self, model: str, a_piece: float, prompt_size: float) -> Iterator[Finding]:
        plain: List[float] = []
        for group, answers in self._answers.items():
            if group[0] != model or len(answers) < thresholds.value("token_calls"):
                continue
            size, a_chunk, answer_piece = (_typical([row[number] for row in answers]) for number in range(3))
            least, most = thresholds.value("answer_share") * prompt_size, thresholds.value("answer_bytes_per_token")
            size_text, _ = text_format.distinct(size, least if size < least else most, 2)
            what = f"{' '.join(group)}: {size_text} bytes of answer a token, the median of {len(answers)} answers"
            if not least <= size <= most:
                yield Finding("physics-tokens", what, f"from {text_format.distinct(least, size, 2)[0]} (its prompts have {prompt_size:.2f}) to {most}")
            elif a_chunk > thresholds.value("tokens_a_chunk") and answer_piece > thresholds.value("answer_piece_share") * a_piece:
                yield Finding("physics-tokens", f"{what}, {a_chunk:.2f} tokens in each chunk, {answer_piece:.2f} for each word or sign",
                              f"about {a_piece:.2f} for each, as in its prompts")
            plain += [row.a_piece for row in answers if row.is_plain]
        has_enough = model in self._has_vocabulary and len(plain) >= PLAIN_ANSWERS
        least = thresholds.value("prompt_piece_share") * a_piece
        if has_enough and median_of(plain) < least:
            in_answers, limit = text_format.distinct(median_of(plain), least, 2)
            yield Finding("physics-tokens", f"{model}: prompts have {a_piece:.2f} tokens for each word or sign, answers {in_answers}",
                          f"at least {limit} in answers, {thresholds.value('prompt_piece_share')} times as many")


def _odd_phases(model: str, phases: Dict[str, Tuple[int, int]]) -> Iterator[Finding]:
    """The prompts of each phase against those of all others: short ones are compared together, since each is mostly template and nonce."""
    limit, usual = thresholds.value("phase_share"), {phase: pieces * USUAL_TOKENS.get(suite_phase(phase), 1.0) for phase, (_, pieces) in phases.items()}
    for phase, (tokens, _) in phases.items():
        others = sum(usual.values()) - usual[phase]
        if min(usual[phase], others) < LEAST_PIECES:
            continue
        share = tokens / usual[phase] / ((sum(row[0] for row in phases.values()) - tokens) / others)
        if not 1 / limit < share < limit:
            times, _ = text_format.distinct(share, limit if share > 1 else 1 / limit, 2)
            yield Finding("physics-tokens", f"{model} {phase}: {tokens} prompt tokens, {times} times as many for each word or sign as in the other phases",
                          f"from {text_format.distinct(1 / limit, share, 2)[0]} to {limit} times")


def count_pieces(text: str) -> int:
    """Words, digits, runs of signs, lines, and letters that are not ASCII: a tokenizer makes about a token of each."""
    if not text.isascii():
        return len(PIECE.findall(text))
    data = text.encode("ascii")     # the same without a pattern, which would take five times as long
    words, signs, lines = (data.translate(kept).split() for kept in (LETTERS, SIGNS, LINE_ENDS))
    digits = len(data) - len(data.translate(None, b"0123456789"))
    return len(words) + len(signs) + len(lines) + digits + sum([(len(word) - 1) // LONGEST_WORD for word in words if len(word) > LONGEST_WORD])


def _keeping(is_kept: Callable[[str], bool]) -> bytes:
    """A table for `translate`: a letter for each character that is kept, a space for any other."""
    return bytes(ord("a") if is_kept(chr(byte)) else ord(" ") for byte in range(256))


LETTERS, LINE_ENDS = _keeping(str.isalpha), _keeping("\n".__eq__)
SIGNS = _keeping(lambda character: "!" <= character <= "~" and not character.isalnum())


def is_plain(text: str) -> bool:
    """Whether a text is ASCII, long, and has few digits, of which some tokenizers take three for a token."""
    return len(text) >= LONG_ANSWER and text.isascii() and 10 * sum(map(text.count, "0123456789")) < len(text)


def _remember(values: Dict[tuple, List[T]], key: tuple, value: T) -> None:
    kept = values.setdefault(key, [])
    if len(kept) < MOST_VALUES:
        kept.append(value)

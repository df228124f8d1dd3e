"""The calls of a run: every line of its ledger, in a table for each model and phase, linked to the raw line."""
from __future__ import annotations

from typing import Iterator, List

from base.records import OUTCOMES, SKIP_REASONS
from publish import number_format
from publish.escape import Html, text
from publish.markup import EMPTY, tag
from publish.pages import layout, lists

ANSWER = 1500           # characters shown; the raw file has all of them
MAX_ANSWERS = 400_000   # characters of all answers of a page
MAX_CALLS = 1000        # rows of a page, with some 600 bytes each
NUMBERS = ("Line", "First token", "Whole call", "Decode tok/s", "Prompt tokens", "Answer tokens")
HEADS = ("Line", "Item", "Role", "Outcome", *NUMBERS[1:], "Answer")
FAILED = frozenset(OUTCOMES) - {"ok", "length"}


def render(calls: List[dict], raw: str) -> List[Html]:
    """One part for each model and phase, in the order of the ledger; `raw` is the path of the raw ledger."""
    parts: dict = {}
    for call in calls[:MAX_CALLS]:
        parts.setdefault((call["model"], call["phase"]), []).append(call)
    answer = min(ANSWER, MAX_ANSWERS // max(1, len(calls)))
    cut = [layout.note(f"{len(calls) - MAX_CALLS:,} more calls are in the raw ledger.")] if len(calls) > MAX_CALLS else []
    return [_part(model, phase, calls_of_phase, raw, answer) for (model, phase), calls_of_phase in parts.items()] + cut


def _part(model: str, phase: str, calls: List[dict], raw: str, answer: int) -> Html:
    skipped = sum(call["type"] == "skipped" for call in calls)
    counted = ((len(calls) - skipped, "made"), (sum(map(_is_failed, calls)), "failed"), (skipped, "skipped"))
    words = ", ".join(f"{count:,} {what}" for count, what in counted if count)
    head = tag("tr", (tag("th", title, scope="col", class_="n" if title in NUMBERS else None) for title in HEADS))
    rows = Html("".join(_row(call, raw, answer) for call in calls))
    made = tag("table", tag("caption", f"Every call of {phase}, in the order of the ledger"), tag("thead", head),
               tag("tbody", rows), class_="calls")
    region = tag("div", made, class_="scroll", tabindex="0", role="region", aria_label=f"{phase} of {model}")
    return layout.details([lists.name(model), ", ", phase, lists.muted(f" {words}")], region)


def _row(call: dict, raw: str, answer: int) -> str:
    """Formatted without `tag` for speed: a run has hundreds of rows. Every text goes through `text`."""
    seq, outcome = call["seq"], call["outcome"]
    what = call["reason"] if call["type"] == "skipped" else outcome
    kind = ' class="bad"' if _is_failed(call) else ' class="soft"' if call["type"] == "skipped" else ""
    cells = "".join(f"<td>{number}</td>" for number in (        # the style sheet knows these columns by their places
        number_format.milliseconds(call["ttft_ms"]), number_format.milliseconds(call["total_ms"]), number_format.figure(call["decode_tok_s"]),
        number_format.figure(call["prompt_tokens"]), number_format.figure(call["eval_tokens"])))
    meaning = text(OUTCOMES.get(what) or SKIP_REASONS.get(what) or "")
    word = text(what) if what == "ok" else f'<span title="{meaning}">{text(what)}</span>'
    line = f'<a href="{text(raw)}#:~:text=%22seq%22%3A{seq:d}%2C">{seq + 1}</a>'
    return (f'<tr{kind}><td>{line}</td><td>{text(", ".join(_place(call)))}</td><td>{text(call["role"])}</td>'
            f"<td>{word}{_error(call)}</td>{cells}<td>{_answer(call, answer)}</td></tr>")


def _is_failed(call: dict) -> bool:
    """Only measured calls count as failed: a load has no text, and other roles have no figures."""
    return call["outcome"] in FAILED and call["role"] == "measured"


def _place(call: dict) -> Iterator[str]:
    yield call["item"]
    if call["pass_"]:
        yield f"{call['pass_']} pass"
    if call["repeat"] > 1:
        yield f"repeat {call['repeat']}"
    if call["wave"] is not None:
        yield f"{call['level']} at once, wave {call['wave']}, slot {call['slot']}"
    if call["fill"] is not None:
        yield f"{number_format.percent(call['fill'])} full"
    if call["session"]:
        yield f"session {call['session']}"


def _error(call: dict) -> Html:
    return tag("small", tag("bdi", call["error"][:ANSWER])) if call["error"] else EMPTY


def _answer(call: dict, limit: int) -> str:
    answer = call["answer"]
    if not answer:
        return ""
    first = answer[:48].split("\n", 1)[0].rstrip()
    if len(answer) <= 48 and first == answer:
        return f"<bdi>{text(answer)}</bdi>"
    more = f'<p class="note">{len(answer) - limit:,} more characters in the raw line.</p>' if len(answer) > limit else ""
    whole = f'<pre dir="auto">{text(answer[:limit])}</pre>{more}'
    return f'<details><summary><bdi>{text(first)}\u2026</bdi></summary>{whole}</details>'

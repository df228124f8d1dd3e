"""The suites: six frozen JSON files and three frozen prompts, checked against their hashes and turned into messages.

A suite whose bytes differ from the pinned hash is refused, never used. Nothing here talks to a server, and nothing is
read when the module is imported.

How long material is generated (`generator` "units-1"). A recipe holds a seed, word lists and templates. Unit number i uses
template i modulo their count. The words named in `unique` are the digits of (i * stride) modulo the number of their
combinations, in mixed radix, first word fastest; `stride` has no factor in common with that number, so no two units
within one round have the same name. Every other word is picked by the first eight bytes of SHA-256("seed:i:word"), read
big-endian, modulo the length of its list. So unit i depends only on the seed and on i, and is the same on every machine.
"""
from __future__ import annotations

import functools
import hashlib
import json
import math
import pathlib
import re
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from base.errors import UserError
from base.phases import CONTEXT_APPEND, CONTEXT_EDGE, FROZEN, PARALLEL_MIXED, PARALLEL_SAME, PYTHON_TASKS, SMALL_EVAL

class SuiteFile(NamedTuple):
    name: str
    sha256: str                   # of its bytes; another file is refused


FILES = {
    SMALL_EVAL: SuiteFile("small_model_eval_questions.json", "e30b8dfd8107c46dc48357ac0fc5a059713c3bd78eda2a0c39b7612897f538bd"),
    PYTHON_TASKS: SuiteFile("python_task_suite_questions.json", "abd2d914ba7432cdb6a179e19316489197dad18233bd2f62ae395e7c229e3983"),
    PARALLEL_SAME: SuiteFile("parallel_qwen_same_model_20q_suite.json", "bfd6076ec4750d977714e509a55d87e5d012597b85b947ac52116a17e9242c26"),
    CONTEXT_APPEND: SuiteFile("python_context_edge_append_questions.json", "84fa65d90e88bfd815ccfeb0756d9ba9847f8d2ca7c8ed5f8cf83c05b00e07c5"),
    CONTEXT_EDGE: SuiteFile("python_context_edge_suite_only.json", "717ceed53287df9c3c076a491f02c461f71b43f9725664af16dbff52086cfb8e"),
    PARALLEL_MIXED: SuiteFile("parallel_qwen_mixed_model_20q_suite.json", "be510a6bd20ad276f18389af66584fb1cf212c1aa56ca46e7354717d9bb9a6f8"),
}
PROMPTS_FILE = "prompts.py"
FOLDER = pathlib.Path(__file__).resolve().parent.parent / "suites"
PLACES = ("head", "middle", "tail")
TRUNCATED_SHARE = 0.9       # of the tokens that the material was counted to take: a shorter prompt was cut


class Item(NamedTuple):
    id: str                       # stable for ever, such as "5Q-Q01"
    title: str
    prompt: str                   # the whole user message, or the question after the material
    num_predict: int              # tokens the answer may take
    grader: Optional[dict]        # None where nothing is graded; see derive/grading.py
    fill: Optional[float] = None  # share of the fillable context; context phases only
    before: str = ""              # text in front of the material
    reply: str = ""               # context-append: the assistant's turn that follows, the same on every machine
    facts: Tuple[dict, ...] = ()  # planted: {"place", "name", "value", "code"}


class Suite(NamedTuple):
    suite_id: str
    version: str
    licence: str
    phase: str
    file_name: str
    sha256: str                   # of the file's bytes
    levels: Tuple[int, ...]       # concurrency levels; empty where the phase has none
    items: Tuple[Item, ...]       # in the order in which they are asked
    material: Optional[dict]      # the recipe of the generated material
    title: str = ""
    about: str = ""


def load(phase: str) -> Suite:
    """The current suite of a phase, its bytes checked against the pinned hash."""
    if phase == FROZEN:
        return _frozen_prompts()
    file = FILES[phase]
    return _parse(phase, _checked_bytes(FOLDER / file.name, file.sha256), file.sha256)


def load_by_sha256(phase: str, sha256: str) -> Suite:
    """The suite of a phase that has this hash: the current one, or one that it superseded."""
    if sha256 == current_sha256(phase):
        return load(phase)
    path = FOLDER / "superseded" / f"{sha256}.json"
    if not re.fullmatch("[0-9a-f]{64}", sha256) or not path.is_file():
        raise UserError(f"no {phase} suite has the SHA-256 {sha256[:64]!r}", "harness/suites",
                        "check the manifest, or update this clone with git pull")
    suite = _parse(phase, _checked_bytes(path, sha256), sha256)
    if suite.phase != phase:
        raise UserError(f"is a {suite.phase} suite, not a {phase} suite", f"harness/suites/superseded/{path.name}",
                        "check the manifest")
    return suite


def current_sha256(phase: str) -> str:
    """The hash of the phase's current suite, without reading the suite."""
    if phase != FROZEN:
        return FILES[phase].sha256
    import prompts
    return _sha256("\n".join(prompt.sha256 for prompt in prompts.PROMPTS).encode("ascii"))


def message_texts(suite: Suite, item: Item, units: Optional[int] = None) -> List[Tuple[str, str]]:
    """The chat messages of an item as (role, content) pairs, in order and without a nonce.

    `units` counts units of material: in context-append those of the whole conversation, which its turns share out evenly,
    in context-edge those of the prompt.
    """
    if suite.material is None:
        return [("user", item.prompt)]
    if units is None:
        raise ValueError(f"{item.id} is built from material: say how many units")
    if suite.phase != CONTEXT_APPEND:
        return [("user", _with_material(suite.material, item, 0, units))]
    return _conversation(suite, suite.material, item, units)


def prompt_sha256(texts: Sequence[Tuple[str, str]]) -> str:
    """SHA-256 of the contents of (role, content) pairs, joined by a line feed, in UTF-8."""
    return _sha256("\n".join(content for _, content in texts).encode("utf-8"))


def target_tokens(fill: float, num_ctx: int, num_predict: int) -> int:
    """How many prompt tokens a fill asks for: a share of what leaves room for the whole answer."""
    return max(0, int(fill * (num_ctx - num_predict)))


def units_for(target: int, tokens_at: Sequence[Sequence[int]]) -> int:
    """How many units keep a prompt at or below `target` tokens, by a line through (units, prompt tokens) points.

    0 where even a prompt without material is longer. Whole-number arithmetic, so every machine finds the same.
    """
    count = len(tokens_at)
    sum_units = sum(units for units, _ in tokens_at)
    sum_tokens = sum(tokens for _, tokens in tokens_at)
    spread = count * sum(units * units for units, _ in tokens_at) - sum_units ** 2
    rise = count * sum(units * tokens for units, tokens in tokens_at) - sum_units * sum_tokens
    if spread == 0:
        raise ValueError("calibration needs two different numbers of units")
    if rise <= 0:
        raise UserError("the prompt's token count does not grow with the material", "calibration",
                        "the server may be cutting prompts: raise num_ctx, or leave the context phases out")
    return max(0, (spread * (count * target - sum_tokens) + rise * sum_units) // (count * rise))


def tokens_of(units: int, tokens_at: Sequence[Sequence[int]]) -> float:
    """Prompt tokens of so many units, by a line through the first and the last of (units, prompt tokens) points."""
    (few, fewer_tokens), (many, more_tokens) = tokens_at[0], tokens_at[-1]
    return fewer_tokens + (more_tokens - fewer_tokens) * (units - few) / (many - few)


def distinct_units(material: dict) -> int:
    """How many units there are before a name is repeated."""
    return math.prod(len(material["words"][slot]) for slot in material["unique"])


def unit_text(material: dict, index: int) -> str:
    """One unit of generated material, which depends on the recipe and the index alone."""
    templates, words = material["templates"], _unit_words(material, index)
    text = _text(templates[index % len(templates)])
    for slot, word in words.items():        # no word has a slot in it
        text = text.replace("${" + slot + "}", word)
    return text


@functools.lru_cache(maxsize=4)
def _units_of(material: str) -> Callable[[int], str]:
    """`unit_text` of this material, remembered: the prompts of a run share most of their units."""
    return functools.lru_cache(maxsize=4096)(functools.partial(unit_text, json.loads(material)))


def material_text(material: dict, first: int, last: int, facts: Sequence[dict]) -> str:
    """Units first..last-1 with the facts among them: head after the first, middle halfway, tail before the last."""
    parts = list(map(_units_of(json.dumps(material)), range(first, last)))
    for fact in sorted(facts, key=lambda fact: PLACES.index(fact["place"]), reverse=True):
        parts.insert(_position(fact["place"], last - first), _text(fact["code"]))
    return "\n\n".join(parts)


def _position(place: str, units: int) -> int:
    """The index of the unit before which a fact is inserted; the order head, middle, tail holds even without units."""
    head = min(1, units)
    middle = max(head, units // 2)
    return {"head": head, "middle": middle, "tail": max(middle, units - 1)}[place]


def _unit_words(material: dict, index: int) -> Dict[str, str]:
    words, unique = material["words"], material["unique"]
    picked = {slot: _pick(material["seed"], index, slot, choices) for slot, choices in words.items() if slot not in unique}
    rest = index * material["stride"]
    for slot in unique:
        rest, digit = divmod(rest, len(words[slot]))
        picked[slot] = words[slot][digit]
    return picked


def _pick(seed: str, index: int, slot: str, choices: List[str]) -> str:
    digest = hashlib.sha256(f"{seed}:{index}:{slot}".encode("ascii")).digest()
    return choices[int.from_bytes(digest[:8], "big") % len(choices)]


def _conversation(suite: Suite, material: dict, item: Item, units: int) -> List[Tuple[str, str]]:
    messages, turns = [], len(suite.items)
    for turn, earlier in enumerate(suite.items):
        first, last = (number * units // turns for number in (turn, turn + 1))
        messages.append(("user", _with_material(material, earlier, first, last)))
        if earlier.id == item.id:
            return messages
        messages.append(("assistant", earlier.reply))
    raise ValueError(f"{item.id} is not an item of {suite.suite_id}")


def _with_material(material: dict, item: Item, first: int, last: int) -> str:
    return "\n\n".join([item.before, material_text(material, first, last, item.facts), item.prompt])


def _frozen_prompts() -> Suite:
    import prompts
    for prompt in prompts.PROMPTS:
        if _sha256(prompt.text.encode("utf-8")) != prompt.sha256:
            raise UserError(f"the text of {prompt.id} differs from its pinned SHA-256", f"harness/{PROMPTS_FILE}",
                            f"restore it with: git checkout -- harness/{PROMPTS_FILE}")
    items = tuple(Item(prompt.id, prompt.title, prompt.text, prompt.num_predict, None) for prompt in prompts.PROMPTS)
    return Suite(FROZEN, prompts.VERSION, prompts.LICENCE, FROZEN, PROMPTS_FILE,
                 current_sha256(FROZEN), (), items, None, prompts.TITLE, prompts.ABOUT)


def _checked_bytes(path: pathlib.Path, sha256: str) -> bytes:
    where = path.relative_to(FOLDER.parent.parent).as_posix()
    restore = f"restore it with: git checkout -- {where}"
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise UserError(f"the suite cannot be read ({problem.strerror})", where, restore)
    actual = _sha256(content)
    if actual == sha256:
        return content
    if _sha256(content.replace(b"\r\n", b"\n")) == sha256:
        raise UserError("its line ends were changed to CRLF, so its SHA-256 is not the pinned one", where, restore)
    raise UserError(f"its SHA-256 is {actual[:12]}..., pinned is {sha256[:12]}...", where, restore)


def _parse(phase: str, content: bytes, sha256: str) -> Suite:
    document = json.loads(content.decode("utf-8"))
    return Suite(document["suite_id"], document["version"], document["licence"], document["phase"], FILES[phase].name,
                 sha256, tuple(document.get("levels", ())), tuple(map(_item, document["items"])),
                 document.get("material"), document["title"], document["about"])


def _item(entry: dict) -> Item:
    grader = entry["grader"]
    if grader and "tests" in grader:
        grader = dict(grader, tests=_text(grader["tests"]))
    return Item(entry["id"], entry["title"], _text(entry["prompt"]), entry["num_predict"], grader,
                entry.get("fill"), _text(entry.get("before", "")), _text(entry.get("reply", "")),
                tuple(entry.get("facts", ())))


def _text(lines: Union[str, List[str]]) -> str:
    """Long texts are lists of lines in the suites, so that people and diffs can read them."""
    return lines if isinstance(lines, str) else "\n".join(lines)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

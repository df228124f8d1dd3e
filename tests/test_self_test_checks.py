"""The recovery: a rehearsal made by hand, in which all agrees; then each thing spoilt by itself, and its line fails."""
from __future__ import annotations

import unittest

import ledgers
import support  # noqa: F401  (puts the harness on the path)

from base import ledger_records
from derive import summary
from self_test import checks
from support import record

MS = 10 ** 6
NAN = float("nan")
MODEL = {"name": "alpha:1b", "head_tokens": 14, "load_ms": 260.0, "prefill_tok_s": 80_000.0, "drift": 0.002}
LATE_NS = 100_000       # how much later than it was sent everything is heard
TEXTS = 24              # chunks with text; then the line that says done, which counts the end token


class ServerState:
    """The records of a rehearsal and the stub's log, agreeing in everything."""

    def __init__(self) -> None:
        self.records = [record("meta", synthetic=True)]
        self.log, self.now_ms, self.slots, self.complete = [], 1000, 2, True
        self._call("warmup", "LOAD", done_ns=262 * MS)
        self._call("calibration", "CAL-HEAD", finding={"head_tokens": 14, "head_method": "rendered"})
        self._call("calibration", "CAL-REST", finding={
            "slots_seen": 2, "thinks_by_default": False, "too_long": "refused", "one_token_eval_ns": 1000})
        self._call("calibration", "CAL-CONTEXT-EDGE-0", finding={"context-edge_tokens_at": [[0, 50], [6, 400]]})
        for pass_, gap_ms in (("first", 1.0), ("last", 1.25)):
            self.measured("frozen-prompts", 2, gap_ms, **{"pass": pass_})
        self.measured("small-eval", 3)
        self.measured("context-edge", 1, tokens=4000, fill=0.5, options={"num_ctx": 8192, "num_predict": 192})
        self.measured("context-append", 1, tokens=1000, nonce="9" * 18)
        self.measured("context-append", 1, tokens=2000, cached=1000, nonce="9" * 18)
        for wave, size in enumerate((3, 1)):
            self.now_ms += 1000
            for slot in range(size):
                self.measured("parallel-same", 1, apart_ms=0, level=3, wave=wave, slot=slot)
        planned = sum(1 for one in self.records if one.get("role") == "measured")
        self.records.append(record("footer", complete=True, planned=planned, done=planned))

    def measured(self, phase: str, count: int, gap_ms: float = 1.0, tokens: int = 400, cached: int = 14,
                 apart_ms: int = 1000, nonce: str | None = None, **fields: object) -> None:
        """So many calls of a phase, and what the stub says of each."""
        for _ in range(count):
            self.now_ms += apart_ms
            first, gap = 5 * MS, int(gap_ms * MS)
            sent = [first + gap * n for n in range(TEXTS + 1)]
            row = {"nonce": nonce or f"{len(self.log):018d}", "received_ns": (self.now_ms + 50_000) * MS, "sent_ns": sent,
                   "planned_ns": list(sent),
                   "prompt_tokens": tokens, "cached_tokens": cached, "eval_tokens": TEXTS + 1, "eval_ns": gap * TEXTS}
            self.log.append(row)
            self._call("measured", "Q", phase=phase, nonce=row["nonce"], start_ns=self.now_ms * MS, outcome="ok",
                       done_reason="stop", prompt_tokens=tokens, prompt_eval_ns=(tokens - 14) * 12_500,
                       eval_tokens=TEXTS + 1, eval_ns=gap * TEXTS, first_text_ns=sent[0] + LATE_NS,
                       last_text_ns=sent[-2] + LATE_NS, done_ns=sent[-1] + LATE_NS, **fields)

    def _call(self, role: str, item: str, **fields: object) -> None:
        fields = {"phase": "calibration", "prompt_tokens": 20, **fields}
        self.records.append(record("call", seq=len(self.records), model="alpha:1b", role=role, item=item, **fields))

    def of(self, phase: str) -> list:
        """The measured calls of a phase."""
        return [one for one in self.records if one["type"] == "call" and one["role"] == "measured" and one["phase"] == phase]

    def row(self, call: dict) -> dict:
        return next(row for row in self.log if row["nonce"] == call["nonce"])

    def typed(self) -> list:
        return [ledger_records.typed(line) for line in self.records]

    def lines(self) -> list:
        return checks.whole_run(self.typed(), self.log, (MODEL,), self.slots, self.complete)

    def failing(self) -> set:
        return {line.name for line in self.lines() if not line.passed}


def shift(world: ServerState, phase: str, shift_ns: int, *names: str) -> None:
    for call in world.of(phase):
        for name in names:
            call[name] += shift_ns


def finding(name: str, value: object) -> object:
    def change(world: ServerState) -> None:
        call = next(one for one in world.records if one["type"] == "call" and one["finding"] and name in one["finding"])
        call["finding"][name] = value
    return change


def footer(name: str, value: object) -> object:
    return lambda world: world.records[-1].update({name: value})


def calls(phase: str, **factors: float) -> object:
    """Fields of all calls of a phase, multiplied."""
    def change(world: ServerState) -> None:
        for call in world.of(phase):
            call.update({name: round(call[name] * factor) for name, factor in factors.items()})
    return change


def load(done_ns: int | None) -> object:
    return lambda world: world.records[1].update(done_ns=done_ns)


def slower_at_the_end(world: ServerState) -> None:
    for call in world.of("frozen-prompts")[2:]:
        call["eval_ns"] = round(call["eval_ns"] * 1.03)


def one_after_the_other(world: ServerState) -> None:
    for call in world.of("parallel-same"):
        call["start_ns"] += call["slot"] * 24 * MS


def nothing_reused(world: ServerState) -> None:
    world.row(world.of("context-append")[0])["cached_tokens"] = world.log[-1]["cached_tokens"] = 0
    next(row for row in world.log if row["prompt_tokens"] == 2000)["cached_tokens"] = 20


ALPHA = "alpha:1b"
SPOILT = (
    ("a call less than planned", footer("planned", 99), {"run complete, every planned call recorded"}),
    ("a footer that says no", lambda world: setattr(world, "complete", False), {"run complete, by its footer"}),
    ("a call that failed", lambda world: world.of("small-eval")[1].update(outcome="cut"), {"calls that failed"}),
    ("a call without text", lambda world: world.of("small-eval")[1].update(outcome="empty"), {"calls that failed"}),
    ("a call that was skipped", footer("skipped", 1), {"planned calls that were skipped"}),
    ("another head", finding("head_tokens", 15), {f"{ALPHA}: template tokens before the nonce"}),
    ("no head", lambda world: world.records[2].update(finding=None), {
        f"{ALPHA}: template tokens before the nonce"} | {
        f"{ALPHA} {phase}: prefill, tok/s" for phase in ("frozen-prompts", "small-eval", "context-edge", "parallel-same")}),
    ("another number of slots", finding("slots_seen", 3), {f"{ALPHA}: slots"}),
    ("thinking where there is none", finding("thinks_by_default", True), {f"{ALPHA}: thinks by default"}),
    ("a prompt cut in silence", finding("too_long", "cut"), {f"{ALPHA}: over-long prompt"}),
    ("another one-token time", finding("one_token_eval_ns", None), {
        f"{ALPHA}: decode time of a one-token answer, ns"}),
    ("no material", finding("context-edge_tokens_at", []), {f"{ALPHA}: material was counted"}),
    ("a load that was too long", load(321 * MS), {f"{ALPHA}: cold load, ms"}),
    ("a load that was too short", load(199 * MS), {f"{ALPHA}: cold load, ms"}),
    ("a load that did not end", load(None), {f"{ALPHA}: cold load, ms"}),
    ("a prompt token more", lambda world: world.of("small-eval")[0].update(prompt_tokens=401), {
        f"{ALPHA} small-eval: prompt tokens"}),
    ("an answer token more", lambda world: world.of("small-eval")[0].update(eval_tokens=TEXTS + 2), {
        f"{ALPHA} small-eval: answer tokens"}),
    ("heard too late", lambda world: shift(world, "small-eval", 5 * MS, "first_text_ns", "last_text_ns", "done_ns"), {
        f"{ALPHA} small-eval: TTFT, ms at the median"}),
    ("heard before it was sent", lambda world: shift(world, "small-eval", -LATE_NS - 60_000, "first_text_ns", "last_text_ns"),
     {f"{ALPHA} small-eval: TTFT, ms at the median"}),
    ("never heard", lambda world: [call.update(first_text_ns=None, last_text_ns=None) for call in world.of("small-eval")], {
        f"{ALPHA} small-eval: TTFT, ms at the median", f"{ALPHA} small-eval: decode by the client's clock, tok/s"}),
    ("the server's decode", calls("small-eval", eval_ns=1.01), {
        f"{ALPHA} small-eval: decode by the server's counters, tok/s"}),
    ("no counters", lambda world: [call.update(eval_ns=None) for call in world.of("small-eval")], {
        f"{ALPHA} small-eval: decode by the server's counters, tok/s"}),
    ("the client's decode", lambda world: shift(world, "small-eval", 3 * MS, "last_text_ns"), {
        f"{ALPHA} small-eval: decode by the client's clock, tok/s"}),
    ("a rate of the prefill", calls("small-eval", prompt_eval_ns=1.03), {f"{ALPHA} small-eval: prefill, tok/s"}),
    ("a fill", lambda world: world.of("context-edge")[0].update(fill=0.54), {f"{ALPHA} context-edge: fill"}),
    ("no reuse", nothing_reused, {f"{ALPHA} context-append: turns that reuse the prefix"}),
    ("more drift", slower_at_the_end, {
        f"{ALPHA} frozen-prompts: drift of decode, last over first",
        f"{ALPHA} frozen-prompts: decode by the server's counters, tok/s"}),
    ("no last pass", lambda world: [call.update({"pass": "first"}) for call in world.of("frozen-prompts")], {
        f"{ALPHA} frozen-prompts: drift of decode, last over first"}),
    ("one after the other", one_after_the_other, {"parallel-same at 3: calls decoding at once"}),
    ("a call that the stub never saw", lambda world: world.log.remove(world.row(world.of("small-eval")[0])), {
        f"{ALPHA} small-eval: calls known to the fake server"}),
)


class WholeRun(unittest.TestCase):
    def test_where_all_agrees_every_line_passes(self):
        lines = ServerState().lines()
        self.assertEqual([line for line in lines if not line.passed], [])
        self.assertEqual(len({line.name for line in lines}), len(lines))

    def test_each_thing_that_is_spoilt_fails_its_own_line_and_no_other(self):
        for what, spoil, names in SPOILT:
            with self.subTest(what):
                world = ServerState()
                spoil(world)
                self.assertEqual(world.failing(), names)

    def test_every_kind_of_line_was_made_to_fail(self):
        made = {line.name for line in ServerState().lines()}
        spoilt = set().union(*(names for _, _, names in SPOILT))
        kinds = {name.rpartition(": ")[2] for name in made}
        self.assertEqual(kinds - {name.rpartition(": ")[2] for name in spoilt}, set())

    def test_both_sides_are_shown_as_they_were(self):
        world = ServerState()
        finding("slots_seen", 3)(world)
        load(None)(world)
        shown = {line.name: (line.planted, line.recovered) for line in world.lines()}
        self.assertEqual(shown[f"{ALPHA}: slots"], ("2", "3"))
        self.assertEqual(shown[f"{ALPHA}: cold load, ms"], ("260", "none"))
        self.assertEqual(shown[f"{ALPHA} small-eval: prompt tokens"], ("1200", "1200"))
        self.assertEqual(shown[f"{ALPHA} small-eval: TTFT, ms at the median"], ("5.00", "5.10"))
        self.assertEqual(shown[f"{ALPHA} small-eval: prefill, tok/s"], ("80000.0", "80000.0"))

    def test_a_busy_machine_that_delays_the_stub_as_well_is_no_wrong_instrument(self):
        for disturbed_ms, failing in ((12, 0), (0, 2)):
            with self.subTest(disturbed_ms=disturbed_ms):
                world = ServerState()
                for call in world.of("frozen-prompts"):
                    row = world.row(call)
                    row["planned_ns"][7] -= disturbed_ms * MS
                    call.update(first_text_ns=call["first_text_ns"] + 10 * MS, last_text_ns=call["last_text_ns"] + 20 * MS)
                self.assertEqual(len(world.failing()), failing)

    def test_a_short_wave_says_nothing_about_parallelism(self):
        shown = {line.name: (line.planted, line.recovered) for line in ServerState().lines()}
        self.assertEqual(shown["parallel-same at 3: calls decoding at once"], ("3.00", "3.00"))

    def test_a_model_that_drifts_by_nobody_s_plan_has_no_line_for_it(self):
        world = ServerState()
        lines = checks.whole_run(world.typed(), world.log, ({**MODEL, "drift": 0.0},), 2, True)
        self.assertNotIn("drift", " ".join(line.name for line in lines))

    def test_a_call_that_broke_off_fails_lines_and_nothing_else(self):
        """The rehearsal is there to say what is wrong; a traceback in its place would say that it is itself broken."""
        gone = ("prompt_tokens", "prompt_eval_ns", "eval_tokens", "eval_ns", "first_text_ns", "last_text_ns", "done_ns",
                "done_reason")
        for phase in ("frozen-prompts", "small-eval", "context-edge", "context-append", "parallel-same"):
            for place in (0, -1):
                with self.subTest(phase=phase, place=place):
                    world = ServerState()
                    world.of(phase)[place].update({"outcome": "cut", **dict.fromkeys(gone)})
                    failing = world.failing()
                    self.assertLessEqual({"calls that failed", f"{ALPHA} {phase}: prompt tokens"}, failing)

    def test_a_call_that_the_stub_refused_or_never_saw_fails_lines_and_nothing_else(self):
        untold = dict.fromkeys(("prompt_tokens", "cached_tokens", "prompt_eval_ns", "eval_tokens", "eval_ns"))
        for phase in ("frozen-prompts", "small-eval", "context-edge", "context-append", "parallel-same"):
            for seen in (True, False):
                with self.subTest(phase=phase, seen=seen):
                    world = ServerState()
                    row = world.row(world.of(phase)[0])
                    row.update({**untold, "sent_ns": [MS]}) if seen else world.log.remove(row)
                    self.assertIn(f"{ALPHA} {phase}: calls known to the fake server", world.failing())


class Numbers(unittest.TestCase):
    def test_near_is_within_the_tolerance_on_both_sides(self):
        for planted, recovered, passed in ((1.0, 1.0, True), (1.0, 1.5, True), (1.0, 0.5, True), (1.0, 1.51, False),
                                           (1.0, 0.49, False), (1.0, None, False), (0.0, 0.0, True)):
            with self.subTest(planted=planted, recovered=recovered):
                self.assertIs(checks.near("x", planted, recovered, 0.5).passed, passed)

    def test_a_ratio_is_of_medians_and_its_tolerance_a_share(self):
        for planted, recovered, passed in (([100], [105], True), ([100], [95], True), ([100], [106], False),
                                           ([100], [94], False), ([1, 100, 900], [7, 100, 101], True),
                                           ([100, None], [None, 100], True), ([100], [None], False), ([100], [], False),
                                           ([], [100], False), ([None], [None], True), ([], [], True)):
            with self.subTest(planted=planted, recovered=recovered):
                self.assertIs(checks.ratio("x", planted, recovered, 0.05).passed, passed)

    def test_the_same_is_the_same_kind_of_thing(self):
        for planted, recovered, passed in ((3, 3, True), (3, 4, False), (3, None, False), (None, None, True),
                                           ("refused", "cut", False), (True, False, False)):
            with self.subTest(planted=planted, recovered=recovered):
                self.assertIs(checks.same("x", planted, recovered).passed, passed)

    def test_what_is_no_number_never_passes(self):
        for what, line in (
                ("near, recovered", checks.near("x", 1.0, NAN, 9.0)), ("near, planted", checks.near("x", NAN, 1.0, 9.0)),
                ("near, both", checks.near("x", NAN, NAN, 9.0)), ("ratio, recovered", checks.ratio("x", [1.0], [NAN], 9)),
                ("ratio, planted", checks.ratio("x", [NAN], [1.0], 9)), ("ratio, both", checks.ratio("x", [NAN], [NAN], 9)),
                ("ratio, none against", checks.ratio("x", [None], [NAN], 9)), ("same", checks.same("x", NAN, NAN))):
            with self.subTest(what):
                self.assertFalse(line.passed)


class Faults(unittest.TestCase):
    def test_a_fault_is_recovered_if_all_that_was_expected_was_seen(self):
        for expected, seen, passed in (({"outcome": "cut", "chunks": 3}, {"outcome": "cut", "chunks": 3}, True),
                                       ({"outcome": "cut", "chunks": 3}, {"outcome": "cut", "chunks": 2}, False),
                                       ({"outcome": "cut"}, {"outcome": "ok"}, False),
                                       ({"outcome": "ok", "tokens": None}, {"outcome": "ok", "tokens": 0}, False)):
            with self.subTest(expected=expected, seen=seen):
                self.assertEqual([line.passed for line in checks.faults([("a reset", expected, seen)])], [passed])

    def test_the_line_names_the_fault_and_says_what_differs(self):
        line = checks.faults([("a reset", {"outcome": "cut", "chunks": 3}, {"outcome": "ok", "chunks": 4})])[0]
        self.assertEqual((line.name, line.planted, line.recovered), ("fault: a reset", "cut, chunks 3", "ok, chunks 4"))


class Books(unittest.TestCase):
    """metadata.json of the same rehearsal: it agrees, and whatever is changed in it is seen."""

    def setUp(self):
        self.world = ServerState()
        start = record("session_start", started_at="2026-01-02T03:04:05Z")
        lines = [{**self.world.records[0], "session_start": start}, *self.world.records[1:]]
        manifest = ledgers.manifest(models=[record("model", name=ALPHA, format="gguf")])
        self.metadata = summary.summarize(manifest, map(ledger_records.typed, lines), {}, None)

    def failing(self) -> set:
        found = checks.derived_files(self.metadata, self.world.typed(), self.world.log, (MODEL,))
        return {line.name.rpartition(": ")[2] for line in found if not line.passed}

    def cell(self, phase: str) -> dict:
        return next(row for row in self.metadata["aggregates"] if row["phase"] == phase)

    def test_what_was_planted_is_in_it(self):
        self.assertEqual(self.failing(), set())

    def test_each_thing_that_is_changed_in_it_fails_its_own_line(self):
        def decode() -> None:
            group = next(row for row in self.cell("frozen-prompts")["groups"] if (row["item"], row["pass"]) == (None, "first"))
            group["metrics"]["decode_tok_s"]["median"] *= 1.02
        spoilers = {
            "measured calls": lambda: self.metadata.update(done=self.metadata["done"] - 1),
            "synthetic": lambda: self.metadata.update(synthetic=False),
            "decode, tok/s": decode,
            "levels served one by one": lambda: self.cell("parallel-same")["waves"][0].update(serialised=True),
            "cold load, ms": lambda: self.metadata["models"][0].update(cold_load_ms=None),
            "drift of decode": lambda: self.cell("frozen-prompts")["drift"]["decode"].update(ratio=1.0),
        }
        for name, spoil in spoilers.items():
            with self.subTest(name):
                self.setUp()
                spoil()
                self.assertEqual(self.failing(), {name})


if __name__ == "__main__":
    unittest.main()

"""The calibration: what each question's answer is taken to show. How a server answers is asked in test_phase_runner."""
from __future__ import annotations

import random
import types
import unittest

import support

from base import plan, suites
from base.errors import UserError
from base.ledger_records import CallRecord, typed
from measure import calibration
from support import record

MS = 10 ** 6


def call(**changes: object) -> CallRecord:
    return typed(record("call", **{"outcome": "ok", "done_reason": "stop", "prompt_tokens": 20, "eval_tokens": 16, **changes}))


def spans(*times: tuple, arrived_ms: float = 0.0, late_ms: float = 0.0) -> list:
    """Calls that the server worked on from .. to, in ms; all were sent at once.

    The server's total counts from their arrival; we hear of their end so much later.
    """
    return [call(start_ns=0, done_ns=int((end + late_ms) * MS), total_ns=int((end - arrived_ms) * MS),
                 prompt_eval_ns=int((end - begin) * MS / 4), eval_ns=int((end - begin) * MS * 3 / 4))
            for begin, end in times]


def served(slots: int, requests: int = 8, length_ms: float = 40.0, jitter_ms: float = 0.0, seed: int = 1) -> list:
    """The spans of a server that works on so many at once, each begun when one before it has ended."""
    chance, free, found = random.Random(seed), [0.0] * slots, []
    for _ in range(requests):
        begin = min(free)
        end = begin + length_ms * chance.uniform(0.9, 1.1)
        free[free.index(begin)] = end
        found.append((begin, end + chance.uniform(0, jitter_ms)))
    return found


class Slots(unittest.TestCase):
    def test_a_server_s_slots_are_seen(self):
        for slots in (1, 2, 3, 4, 8):
            with self.subTest(slots=slots):
                self.assertEqual(calibration.slots_seen(spans(*served(slots))), slots)

    def test_stamps_that_shake_make_no_slot_more(self):
        """Without the tenth that is taken off, each end that is heard late would overlap with the next beginning."""
        for slots in (1, 2, 4):
            for seed in range(50):
                with self.subTest(slots=slots, seed=seed):
                    self.assertEqual(calibration.slots_seen(spans(*served(slots, jitter_ms=3.0, seed=seed))), slots)

    def test_one_stamp_that_is_very_late_makes_no_slot_more(self):
        """Seen on a busy machine: the client heard of one answer when the next was over, and saw three slots for two."""
        for late in ({"late_ms": 45.0}, {"arrived_ms": 35.0}, {"arrived_ms": 20.0, "late_ms": 20.0}):
            with self.subTest(late):
                self.assertEqual(calibration.slots_seen(
                    spans((0, 40), (0, 40), (80, 120)) + spans((40, 80), (40, 80), **late)), 2)

    def test_a_round_in_which_the_stamps_shake_more_than_the_work_lasts_is_blurred(self):
        for what, calls, blurred in (
                ("calm", spans((0, 40), (40, 80)), False), ("a little late", spans((0, 40), (40, 80), late_ms=5.0), False),
                ("one of them late", spans((0, 40)) + spans((40, 80), late_ms=30.0), True),
                ("arrived late", spans((40, 80), arrived_ms=30.0), True), ("nothing told", [call(done_ns=None)], False),
                ("no total", [spans((0, 40))[0]._replace(total_ns=None)], False)):
            with self.subTest(what):
                self.assertIs(calibration.is_blurred(calls), blurred)

    def test_what_is_only_sent_at_once_is_not_worked_on_at_once(self):
        self.assertEqual(calibration.slots_seen(spans((0, 40), (40, 80), (80, 120))), 1)
        self.assertEqual(calibration.slots_seen(spans((0, 40), (0, 40), (0, 40))), 3)

    def test_starts_that_differ_are_reckoned_with(self):
        late = [call._replace(start_ns=n * 40 * MS) for n, call in enumerate(spans((0, 40), (0, 40), (0, 40)))]
        self.assertEqual(calibration.slots_seen(late), 1)

    def test_calls_that_did_not_end_or_tell_nothing_do_not_count(self):
        good = spans((0, 40), (0, 40))
        for changes in ({"done_ns": None}, {"prompt_eval_ns": None}):
            with self.subTest(changes):
                self.assertEqual(calibration.slots_seen(good + [good[0]._replace(**changes)]), 2)
        self.assertEqual(calibration.slots_seen([call._replace(eval_ns=None, prompt_eval_ns=30 * MS) for call in good]), 2)
        self.assertIsNone(calibration.slots_seen([]))
        self.assertIsNone(calibration.slots_seen([call(done_ns=None)]))


class Head(unittest.TestCase):
    def test_the_head_is_the_difference_and_the_beginning_of_text(self):
        for with_head, bare, tokens in ((33, 20, 14), (20, 20, 1), (19, 20, 1), (10, 20, 1)):
            with self.subTest(with_head=with_head, bare=bare):
                self.assertEqual(calibration._head(with_head, bare, "rendered"),
                                 {"head_tokens": tokens, "head_method": "rendered"})

    def test_a_count_that_is_missing_shows_nothing(self):
        for with_head, bare in ((None, 20), (33, None), (None, None)):
            with self.subTest(with_head=with_head, bare=bare):
                self.assertEqual(calibration._head(with_head, bare, "upper-bound"), {})


class Session:
    """Answers each ask as `answer` says, and keeps what was asked and found."""

    def __init__(self, answer: object, rendered: object = None):
        self.answer, self.asked, self.found = answer, [], []
        self.endpoint = types.SimpleNamespace(ask=lambda path, fields: types.SimpleNamespace(value=self._render(rendered, fields)))

    @staticmethod
    def _render(rendered: object, fields: dict) -> object:
        if isinstance(rendered, Exception):
            raise rendered
        return rendered(fields["messages"][0]["content"]) if callable(rendered) else rendered

    def make(self, asks: list, finding_of: object = None) -> list:
        self.asked.append(asks)
        calls = [call(item=ask.step.item, **self.answer(ask)) for ask in asks]
        self.found.append(finding_of(calls) if finding_of else None)
        return [*calls[:-1], calls[-1]._replace(finding=self.found[-1])]


def asking(question: str, answer: object, rendered: object = None, *more: object) -> tuple:
    """(calibration, session) after one question, each ask answered by fields of a call."""
    session = Session(answer if callable(answer) else lambda ask: answer, rendered)
    here = calibration.Calibration(session, "alpha:1b", plan.Settings(), 8192, {})
    getattr(here, question)(*more)
    return here, session


class Questions(unittest.TestCase):
    def test_each_finding_is_kept_in_the_record_and_for_the_run(self):
        for question, answer, found in (
                ("thinking", {"thinking_chunks": 3}, {"thinks_by_default": True, "tells_cached_tokens": False}),
                ("thinking", {"cached_tokens": 0}, {"thinks_by_default": False, "tells_cached_tokens": True}),
                ("thinking", {"outcome": "error"}, {}),
                ("one_token", {"eval_ns": 1000, "eval_tokens": 1, "outcome": "length"},
                 {"one_token_eval_ns": 1000, "one_token_eval_tokens": 1}),
                ("one_token", {"eval_ns": None, "eval_tokens": 1}, {"one_token_eval_ns": None, "one_token_eval_tokens": 1}),
                ("one_token", {"outcome": "cut"}, {}),
                ("too_long", {"outcome": "refused", "prompt_tokens": None},
                 {"too_long": "refused", "too_long_prompt_tokens": None}),
                ("too_long", {"outcome": "error", "prompt_tokens": None},
                 {"too_long": "error", "too_long_prompt_tokens": None}),
                ("too_long", {"outcome": "length", "prompt_tokens": 4096},
                 {"too_long": "cut", "too_long_prompt_tokens": 4096}),
                ("too_long", {"outcome": "stalled", "prompt_tokens": None},
                 {"too_long": "unknown", "too_long_prompt_tokens": None}),
                ("slots", {"done_ns": 40 * MS, "prompt_eval_ns": 10 * MS, "eval_ns": 30 * MS}, {"slots_seen": 8}),
                ("slots", {"outcome": "refused", "done_ns": None}, {})):
            with self.subTest(question, answer=answer):
                here, session = asking(question, answer)
                self.assertEqual((here.findings, session.found), (found, [found]))

    def test_only_an_answer_that_leaves_the_server_unknown_unsettles(self):
        for outcome, unsettled in (("ok", False), ("length", False), ("empty", False), ("refused", False), ("error", True),
                                   ("cut", True), ("timeout", True), ("stalled", True), ("interrupted", True)):
            with self.subTest(outcome):
                self.assertIs(asking("one_token", {"outcome": outcome})[0].unsettled, unsettled)

    def test_thinking_is_left_to_the_server_in_its_own_question_alone(self):
        self.assertNotIn("think", asking("thinking", {})[1].asked[0][0].request_fields)
        self.assertIs(asking("one_token", {})[1].asked[0][0].request_fields["think"], False)

    def test_slots_are_asked_for_at_one_moment_and_with_a_nonce_each(self):
        asks = asking("slots", {})[1].asked[0]
        self.assertEqual([ask.step.slot for ask in asks], list(range(calibration.SLOTS_ASKED)))
        self.assertEqual(len({ask.nonce for ask in asks}), calibration.SLOTS_ASKED)

    def test_where_the_clocks_blur_a_longer_answer_is_asked_for_and_the_last_one_counts(self):
        clear = {"done_ns": 40 * MS, "total_ns": 40 * MS, "prompt_eval_ns": 10 * MS, "eval_ns": 30 * MS}
        blurred = {**clear, "total_ns": MS}
        for what, clear_from, asked in (("at once", 16, [16]), ("at the second", 64, [16, 64]),
                                        ("at the third", 256, [16, 64, 256]), ("at the fourth", 1000, [16, 64, 256, 1024]),
                                        ("never", 2000, [16, 64, 256, 1024])):
            with self.subTest(what):
                here, session = asking("slots", lambda ask: clear if ask.options["num_predict"] >= clear_from else blurred)
                self.assertEqual([asks[0].options["num_predict"] for asks in session.asked], asked)
                self.assertEqual(session.found[:-1], [{}] * (len(asked) - 1), "a run that stops between asks again")
                self.assertEqual(session.found[-1], {"slots_seen": None if what == "never" else 8})

    def test_what_stays_blurred_is_unknown_and_not_too_few(self):
        """Under Windows' Python four slots came out as two: some of the spans were certain, and were counted."""
        clear = {"done_ns": 40 * MS, "total_ns": 40 * MS, "prompt_eval_ns": 10 * MS, "eval_ns": 30 * MS}
        calls = spans(*[(0, 40)] * 8)
        self.assertEqual(calibration._slots(calls, is_last=True), {"slots_seen": 8})
        calls[3:] = [call._replace(**{**clear, "total_ns": MS}) for call in calls[3:]]
        self.assertEqual(calibration._slots(calls, is_last=True), {"slots_seen": None})
        self.assertEqual(calibration._slots(calls, is_last=False), {})

    def test_slots_are_not_asked_for_again_once_the_server_is_unsettled(self):
        session = asking("slots", {"outcome": "cut", "done_ns": None})[1]
        self.assertEqual(len(session.asked), 1)

    def test_a_prompt_that_cannot_fit_has_more_words_than_the_context_has_tokens(self):
        text = asking("too_long", {})[1].asked[0][0].texts[0][1]
        self.assertGreater(len(text.split()), 8192)

    def test_every_question_is_asked_in_the_context_of_its_stage(self):
        """Another context would make the server load the model anew, and the next call would pay for it."""
        for question in ("thinking", "one_token", "head", "too_long", "slots"):
            with self.subTest(question):
                asks = [ask for asks in asking(question, {})[1].asked for ask in asks]
                self.assertEqual({ask.options["num_ctx"] for ask in asks}, {8192})
                self.assertEqual({ask.role for ask in asks}, {"calibration"})

    def test_the_head_is_counted_from_what_the_server_renders(self):
        def rendered(content: str) -> dict:
            return {"_debug_info": {"rendered_template": f"<|user|>{content}<|end|>"}}
        here, session = asking("head", lambda ask: {
            "prompt_tokens": 33 if ask.texts[0][1].startswith("<|user|>") else 20}, rendered)
        self.assertEqual(here.findings, {"head_tokens": 14, "head_method": "rendered"})
        self.assertTrue(session.asked[1][0].texts[0][1].endswith(session.asked[0][0].texts[0][1]))

    def test_where_nothing_is_rendered_the_whole_template_is_the_bound(self):
        for what, rendered in (("an older server", {"error": "no"}), ("no server", UserError("gone")), ("no object", [1]),
                               ("no text", {"_debug_info": {"rendered_template": 7}}), ("no info", {"_debug_info": None}),
                               ("a template without the message", {"_debug_info": {"rendered_template": "<|user|>"}})):
            with self.subTest(what):
                here, _ = asking("head", lambda ask: {"prompt_tokens": 20 if ask.step.item == "CAL-HEAD-NONCE" else 37},
                                 rendered)
                self.assertEqual(here.findings, {"head_tokens": 18, "head_method": "upper-bound"})


class Material(unittest.TestCase):
    def count(self, phase: str, tokens: object) -> tuple:
        """(units asked for, finding) where `tokens` tells how many a prompt with so many units takes."""
        here, session = asking("material", lambda ask: {"prompt_tokens": tokens(ask.units)}, None, suites.load(phase))
        return [ask.units for asks in session.asked for ask in asks], here.findings[calibration.material_finding(phase)]

    def test_three_lengths_are_counted_the_last_near_the_share_of_the_context(self):
        units, points = self.count("context-edge", lambda units: 100 + 50 * units)
        self.assertEqual((units[:2], len(units)), ([0, 6], 3))
        self.assertEqual(points, [[n, 100 + 50 * n] for n in units])
        self.assertEqual(units[2] % 6, 0, "all kinds of unit equally often")
        self.assertLessEqual(points[2][1], calibration.SAMPLE_SHARE * 8192)
        self.assertGreater(points[2][1], calibration.SAMPLE_SHARE * 8192 - 6 * 50)

    def test_what_was_not_counted_is_no_point_and_no_third_length_is_guessed(self):
        for what, tokens, units, points in (
                ("nothing told", lambda units: None, [0, 6], []),
                ("only the second", lambda units: units or None, [0, 6], [[6, 6]]),
                ("more material and no more tokens", lambda units: 100, [0, 6], [[0, 100], [6, 100]]),
                ("units so long that no more fit", lambda units: 100 + 5000 * units, [0, 6], [[0, 100], [6, 30100]])):
            with self.subTest(what):
                self.assertEqual(self.count("context-edge", tokens), (units, points))

    def test_a_conversation_is_counted_with_as_much_in_each_turn(self):
        units, points = self.count("context-append", lambda units: 600 + 50 * units)
        self.assertEqual(units[:2], [0, 8])
        self.assertEqual(points[:2], [[0, 600], [8, 1000]])
        self.assertEqual((len(units), units[2] % 8), (3, 0))


if __name__ == "__main__":
    unittest.main()

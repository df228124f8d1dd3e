"""The session: what is sent for an ask, and what is written for what came of it."""
from __future__ import annotations

import hashlib
import itertools
import json
import pathlib
import tempfile
import types
import unittest
from unittest import mock

import ledgers
import support

from base import ledger, records, run_folder, schema
from base.errors import UserError
from base.ledger_records import typed
from measure import http_call, session
from base.plan import Step
from measure.session import Ask

STEP = Step("small-eval", "alpha:1b", "5Q-Q01")
TALK = (("user", "first"), ("assistant", "second"), ("user", "third"))
NONCE = "000000000000000042"
DONE = b'{"message":{"content":"4"},"done":false}\n{"done":true,"done_reason":"stop","eval_count":2}\n'


def ask(step: Step = STEP, role: str = "measured", **more: object) -> Ask:
    fields = {"texts": (("user", "2+2?"),), "options": {"num_ctx": 4096}, "request_fields": {"stream": True}, "nonce": NONCE, **more}
    return Ask(step, role, **fields)


class Nonce(unittest.TestCase):
    def test_it_is_18_digits_and_never_the_same(self):
        made = [session.new_nonce() for _ in range(2000)]
        self.assertEqual(len(set(made)), 2000)
        for nonce in made:
            self.assertRegex(nonce, r"\A[0-9]{18}\Z")

    def test_a_small_number_keeps_its_zeros(self):
        for drawn, nonce in ((0, "0" * 18), (7, "0" * 17 + "7"), (10 ** 18 - 1, "9" * 18)):
            with self.subTest(drawn), mock.patch.object(session.secrets, "randbelow", lambda most: drawn):
                self.assertEqual(session.new_nonce(), nonce)

    def test_it_stands_before_the_first_message_alone(self):
        self.assertEqual(session.with_nonce(TALK, NONCE),
                         [("user", f"{NONCE}\n\nfirst"), ("assistant", "second"), ("user", "third")])

    def test_without_a_nonce_or_without_a_message_nothing_is_added(self):
        for texts, nonce in ((TALK, None), ((), NONCE), ((), None)):
            with self.subTest(texts=texts, nonce=nonce):
                self.assertEqual(session.with_nonce(texts, nonce), list(texts))


class Body(unittest.TestCase):
    def test_a_chat_sends_its_messages_its_options_and_its_request_fields_beside_them(self):
        self.assertEqual(session.body_of(ask(texts=TALK, request_fields={"stream": True, "think": False})), {
            "model": "alpha:1b", "stream": True, "think": False, "options": {"num_ctx": 4096}, "messages": [
                {"role": "user", "content": f"{NONCE}\n\nfirst"}, {"role": "assistant", "content": "second"},
                {"role": "user", "content": "third"}]})

    def test_generate_sends_one_raw_prompt_and_no_messages(self):
        self.assertEqual(session.body_of(ask(endpoint=session.GENERATE, nonce=None)), {
            "model": "alpha:1b", "prompt": "2+2?", "raw": True, "stream": True, "options": {"num_ctx": 4096}})

    def test_no_texts_load_the_model(self):
        self.assertEqual(session.body_of(ask(texts=(), nonce=None))["messages"], [])

    def test_what_the_record_says_was_sent_is_what_was_sent(self):
        for one in (ask(), ask(texts=TALK), ask(endpoint=session.GENERATE, nonce=None), ask(texts=(), nonce=None)):
            with self.subTest(one.endpoint):
                body, said = session.body_of(one), session._sent(one)
                known = {"model", "messages", "prompt", "options"}
                self.assertEqual(said["knobs"], {name: value for name, value in body.items() if name not in known})
                self.assertEqual((said["options"], said["endpoint"], said["nonce"]),
                                 (body["options"], one.endpoint, one.nonce))

    def test_the_prompt_s_hash_is_of_the_text_without_the_nonce(self):
        plain = hashlib.sha256(b"first\nsecond\nthird").hexdigest()
        for nonce in (None, NONCE, "1" * 18):
            with self.subTest(nonce):
                self.assertEqual(session._sent(ask(texts=TALK, nonce=nonce))["prompt_sha256"], plain)

    def test_the_time_of_day_is_utc_to_the_second(self):
        self.assertRegex(session.utc_now(), r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")


class Placement(unittest.TestCase):
    ROW = {"name": "alpha:1b", "size": 900, "size_vram": 300, "context_length": 4096}

    def test_the_model_is_found_however_its_name_is_spelt(self):
        for listed, asked in (("alpha:1b", "alpha:1b"), ("Alpha:1B", "alpha:1b"), ("alpha:latest", "alpha"),
                              ("alpha", "alpha:latest"), ("registry.ollama.ai/library/alpha:1b", "alpha:1b"),
                              ("hf.co/ana/alpha:Q4", "hf.co/ana/alpha:q4")):
            with self.subTest(listed=listed, asked=asked):
                found = session.placement([{**self.ROW, "name": "beta:3b", "size": 1}, {**self.ROW, "name": listed}], asked)
                self.assertEqual(found, {"size_bytes": 900, "vram_bytes": 300, "context_length": 4096,
                                         "loaded": ["beta:3b", listed]})

    def test_a_model_that_is_not_there_has_no_sizes_but_its_neighbours_are_named(self):
        for listed in ("beta:3b", "alpha:3b", "ana/alpha:1b"):
            with self.subTest(listed):
                self.assertEqual(session.placement([{**self.ROW, "name": listed}], "alpha:1b"), {
                    "size_bytes": None, "vram_bytes": None, "context_length": None, "loaded": [listed]})

    def test_nothing_loaded_and_nothing_known_are_two_things(self):
        self.assertEqual(session.placement([], "alpha:1b")["loaded"], [])
        self.assertIsNone(session.placement(None, "alpha:1b"))

    def test_what_is_absent_or_no_count_is_null(self):
        for row in ({}, {"size": None, "size_vram": "3", "context_length": True},
                    {"size": -1, "size_vram": 1.5, "context_length": 2 ** 63}):
            with self.subTest(row):
                found = session.placement([{"name": "alpha:1b", **row}], "alpha:1b")
                self.assertEqual(found, {"size_bytes": None, "vram_bytes": None, "context_length": None,
                                         "loaded": ["alpha:1b"]})
                self.assertEqual(schema.problems(found, "placement"), [])
        self.assertEqual(schema.problems(session.placement([{"size": 5}], "alpha:1b"), "placement"), [])

    def test_all_in_main_memory_is_zero_and_not_unknown(self):
        self.assertEqual(session.placement([{**self.ROW, "size_vram": 0}], "alpha:1b")["vram_bytes"], 0)


class Counting(unittest.TestCase):
    def test_measured_calls_count_by_outcome_and_skipped_ones_apart(self):
        tally = session.Tally()
        for record in (support.record("meta"), support.record("call", role="measured", outcome="ok"),
                       support.record("call", role="measured", outcome="ok"),
                       support.record("call", role="measured", outcome="cut"),
                       support.record("call", role="warmup", outcome="ok"),
                       support.record("call", role="calibration", outcome="error"), support.record("skipped"),
                       support.record("footer")):
            tally.add(typed(record))
        self.assertEqual((tally.outcomes, tally.skipped), ({"ok": 2, "cut": 1}, 1))

    def test_two_tallies_share_nothing(self):
        session.Tally().add(typed(support.record("skipped")))
        session.Tally().add(typed(support.record("call", role="measured")))
        self.assertEqual((session.Tally().outcomes, session.Tally().skipped), ({}, 0))


class Server:
    """What a session needs of an endpoint: a clock that ticks by 1,000 ns, and /api/ps."""

    def __init__(self, loopback: bool = True, loaded: object = ()):
        self.target = types.SimpleNamespace(is_loopback=loopback)
        self._ticks, self._loaded = itertools.count(5000, 1000), loaded

    def clock(self) -> int:
        return next(self._ticks)

    def without_secrets(self, text: str) -> str:
        return text.replace("a-key", "<secret>")

    def loaded(self) -> list:
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return list(self._loaded)


class Machine:
    """What a session needs of conditions.Reader; `told` is what it was asked, in order."""

    def __init__(self, is_here: bool):
        self.is_here, self.told = is_here, []

    def begin(self) -> None:
        self.told.append("begin")

    def read(self) -> dict | None:
        self.told.append("read")
        return support.record("conditions", energy_j=float(len(self.told))) if self.is_here else None

    def look_around(self, sleep: object, seconds: float) -> None:
        self.told.append((sleep, seconds))


class Records(unittest.TestCase):
    """Sessions that write a real ledger; what came over the wire stands in for trial.run."""

    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = pathlib.Path(made.name)
        self.sent: list = []
        self.answer, self.writer = DONE, None
        patch = mock.patch.object(session.http_call, "run", self.run_trial)
        patch.start()
        self.addCleanup(patch.stop)

    def run_trial(self, endpoint: object, requests: list, stop: http_call.Stop, tick: object) -> list:
        self.machine.told.append("sent")
        self.sent.append([json.loads(request.body) for request in requests])
        if self.answer is None:
            stop.break_off()
            return [http_call.StreamResult(ending="aborted", started_ns=7000, ended_ns=9000) for _ in requests]
        return [http_call.StreamResult([(8000, self.answer)], status=200, started_ns=7000 + n, ended_ns=9000)
                for n, _ in enumerate(requests)]

    def open(self, number: int = 0, server: Server | None = None, earlier: list | None = None) -> session.Session:
        """The session of that number; the one before it ends, as a ledger is held by one at a time."""
        if self.writer is not None:
            self.writer.close()
        elif number > 0:
            self.open().writer.close()
        self.writer = writer = ledger.Writer(self.folder)
        self.addCleanup(writer.close)
        start = support.record("session_start", server_version="0.33.0", earlier_sessions=earlier or [])
        server = server or Server()
        if number == 0:
            writer.append({"type": "meta", "session": 0, "schema": records.LEDGER_VERSION, "synthetic": True,
                           "run_id": "00000000-0000-0000-0000-000000000000", "session_start": start})
        else:
            writer.follow(ledger.tail(writer.path), b"")
        self.stop, self.watch, self.machine = http_call.Stop(), mock.Mock(), Machine(server.target.is_loopback)
        return session.Session(server, writer, number, start, number == 0, self.stop, self.watch, session.Tally(),
                               self.machine)

    def written(self) -> list:
        return ledgers.lines(self.folder / run_folder.LEDGER)

    def test_each_call_of_a_wave_has_a_record_in_slot_order_and_all_are_written_when_make_returns(self):
        asks = [ask(Step("parallel-same", "alpha:1b", f"20Q-Q0{n}", level=3, wave=0, slot=n)) for n in range(3)]
        made = self.open().make(asks)
        self.assertEqual(made, [typed(row) for row in self.written()[1:]])
        self.assertEqual([(call.slot, call.item, call.start_ns) for call in made],
                         [(0, "20Q-Q00", 2000), (1, "20Q-Q01", 2001), (2, "20Q-Q02", 2002)])
        self.assertEqual([[body["messages"][0]["content"] for body in wave] for wave in self.sent],
                         [[f"{NONCE}\n\n2+2?"] * 3])

    def test_start_is_counted_from_the_session_s_own_beginning_and_is_never_negative(self):
        here = self.open()
        self.assertEqual(here.origin_ns, 5000)
        self.assertEqual(here.make([ask()])[0].start_ns, 2000)
        here.origin_ns = 10_000
        self.assertEqual(here.make([ask()])[0].start_ns, 0)

    def test_only_a_measured_call_of_a_later_session_is_a_reattempt(self):
        for number in (0, 1, 2):
            here = self.open(number)
            for role in ("warmup", "calibration", "measured"):
                with self.subTest(number=number, role=role):
                    self.assertIs(here.make([ask(role=role)])[0].reattempt, number > 0 and role == "measured")

    def test_a_session_introduces_itself_in_its_first_record_only(self):
        self.open().make([ask()])
        here = self.open(1, earlier=[{"session": 0, "started_at": "2026-01-01T00:00:00Z", "ended_at": None, "ended": "died"}])
        here.make([ask()])
        here.skip(STEP, "time-limit")
        rows = self.written()
        self.assertEqual([row["session_start"] is not None for row in rows], [True, False, True, False])
        self.assertEqual(rows[2]["session_start"]["earlier_sessions"][0]["ended"], "died")

    def test_the_finding_stands_in_the_last_record_of_what_was_asked_together(self):
        seen = []
        calls = self.open().make([ask(role="calibration"), ask(role="calibration")],
                                 lambda calls: seen.extend(call.eval_tokens for call in calls) or {"slots_seen": 2})
        self.assertEqual(seen, [2, 2])
        self.assertEqual([call.finding for call in calls], [None, {"slots_seen": 2}])

    def test_the_machine_is_read_just_before_the_requests_leave_and_right_after_and_never_in_between(self):
        here = self.open()
        made = here.make([ask(), ask()])
        self.assertEqual(self.machine.told, ["begin", "sent", "read"])
        self.assertEqual([call.conditions["energy_j"] for call in made], [3.0, 3.0])

    def test_looking_around_sleeps_no_longer_than_until_ctrl_c(self):
        here = self.open()
        here.look_around(0.2)
        self.assertEqual(self.machine.told, [(self.stop.sleep, 0.2)])

    def test_what_stood_around_a_call_is_null_where_it_cannot_be_had(self):
        row = {"name": "alpha:1b", "size": 9, "size_vram": 0, "context_length": 4096}
        for server, here, placed in ((Server(loaded=[row]), True, True), (Server(False, [row]), False, True),
                                     (Server(loaded=UserError("gone")), True, False)):
            with self.subTest(here=here, placed=placed):
                call = self.open(1, server).make([ask()])[0]
                self.assertEqual((call.conditions is not None, call.placement is not None), (here, placed))

    def test_a_server_that_repeats_the_key_leaves_it_in_no_record(self):
        self.answer = b'{"error":"not with a-key here"}\n'
        call, = self.open().make([ask()])
        self.assertEqual((call.outcome, call.error), ("error", "not with <secret> here"))

    def test_ctrl_c_before_a_call_sends_nothing_and_writes_nothing(self):
        here = self.open()
        self.stop.soon = True
        with self.assertRaises(session.Stopped):
            here.make([ask()])
        self.assertEqual((self.sent, len(self.written())), ([], 1))

    def test_ctrl_c_within_a_call_writes_its_record_first(self):
        here, self.answer = self.open(), None
        with self.assertRaises(session.Stopped):
            here.make([ask()])
        self.assertEqual([row["outcome"] for row in self.written()[1:]], ["interrupted"])
        self.assertEqual(here.tally.outcomes, {"interrupted": 1})

    def test_the_watch_hears_of_every_beginning_and_every_end(self):
        here, asked = self.open(), [ask()]
        made = here.make(asked)
        here.skip(STEP, "too-big", "no room")
        self.watch.begin.assert_called_once_with([ask.step for ask in asked])
        self.watch.end.assert_called_once_with(made)
        self.watch.skip.assert_called_once_with(typed(self.written()[2]))

    def test_a_skipped_call_says_which_and_why(self):
        self.open().skip(Step("frozen-prompts", "alpha:1b", "P-EASY", "last", 2), "time-limit")
        row = self.written()[-1]
        self.assertEqual((row["type"], row["role"], row["item"], row["pass"], row["repeat"], row["reason"], row["detail"]),
                         ("skipped", "measured", "P-EASY", "last", 2, "time-limit", None))

    def test_the_footer_counts_and_says_whether_the_run_is_complete(self):
        earlier = [{"session": 0, "started_at": "2026-01-01T00:00:00Z", "ended_at": None, "ended": "died"}]
        for planned, complete in ((3, True), (4, False), (2, False)):
            with self.subTest(planned):
                if self.writer is not None:     # what has a footer is not continued
                    self.writer.close()
                    self.writer.path.unlink()
                    self.writer = None
                here = self.open(1, earlier=earlier)
                here.make([ask(), ask()])
                here.make([ask(role="warmup")])
                here.skip(STEP, "time-limit")
                self.assertIs(here.is_complete(planned), complete)
                here.footer(planned, "interrupted")
                row = self.written()[-1]
                self.assertEqual((row["complete"], row["planned"], row["done"], row["skipped"], row["outcomes"]),
                                 (complete, planned, 2, 1, {"ok": 2}))
                self.assertEqual([(one["session"], one["ended"]) for one in row["sessions"]],
                                 [(0, "died"), (1, "interrupted")])
                self.assertRegex(row["sessions"][1]["ended_at"], r"\A20\d\d-")


if __name__ == "__main__":
    unittest.main()

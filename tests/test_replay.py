"""Recorded bytes of real servers, played at their recorded times, and the record that a call makes of them.

The recordings are of Ollama 0.24.0 to 0.33.0-rc2 (tests/recordings). Those that are whole are played; long ones faster
than they were. The player is a bare socket, so that the harness's own server has no part in it.
"""
from __future__ import annotations

import json
import statistics
import time
import unittest

import support

from base import schema
from base.ledger_records import typed
from derive import call_metrics
from measure import http_call
from measure.connection import TimeLimits
from measure.endpoint import Endpoint
from measure.server_address import ServerAddress
from measure.http_call import ChatRequest, Stop

RECORDINGS = support.ROOT / "tests" / "recordings"
LONGEST_S = 0.08            # an exchange that took longer is played faster
EARLY_NS = 1_000_000        # no stamp may be earlier than its bytes were sent; less than this is the clocks' grain
LATE_NS = 2_000_000_000     # far more than a busy machine needs; a stamp this late is a wrong one
MOSTLY_LATE_NS = 200_000_000
TOGETHER_US = 1000          # headers and first chunk leave in one segment; the recorder read them one after the other
TOO_LONG = "exceed"         # in every version's words for a prompt that does not fit

# Outcomes of the exchanges, in the order in which they were recorded; the same in every version but for EXCEPT.
OUTCOMES = {
    "chat": ["length", "length"], "chat-stop": ["length", "ok"], "chat-stop-string": ["ok"], "chat-think-off": ["ok"],
    "chat-think-default": ["length", "ok"], "chat-think-spent": ["length"], "generate-think": ["ok"],
    "chat-one-token": ["length"], "chat-cold": ["length"], "chat-whole": ["length"], "at-once-4": ["length"] * 4,
    "runner-killed-think": ["error"], "server-killed": ["cut"], "truncate-refused": ["refused"],
    "native-too-long-refused": ["refused"], "chat-repeat-guard": ["length"], "missing-chat": ["refused"],
    "load-chat": ["empty"],
}
EXCEPT = {("0.24.0", "chat-stop-string"): ["length"]}      # that model's words hold no such string in that version


class Player:
    """Answers each request as its recorded exchange was answered, and keeps when it sent which line."""

    def __init__(self, exchanges: list):
        self.waiting = [Exchange(exchange) for exchange in exchanges]
        self.played: list = list(self.waiting)

    def __call__(self, connection: object, request: bytes) -> None:
        body = json.loads(request.partition(b"\r\n\r\n")[2])
        mine = next(exchange for exchange in self.waiting if exchange.body == body)
        self.waiting.remove(mine)
        mine.play(connection)


class Exchange:
    def __init__(self, recorded: dict):
        self.recorded = recorded["response"]
        self.path, self.body = recorded["request"]["path"], recorded["request"]["body"]
        self.pieces = [(at_us, text.encode("utf-8")) for at_us, text in self.recorded["pieces"]]
        self.speed = max(1.0, self.recorded["end_us"] / 1e6 / LONGEST_S)
        self.sent: list = []        # (clock reading just before, bytes of the body)

    def play(self, connection: object) -> None:
        began = time.perf_counter_ns()
        for at_us, wire, body in self._events():
            wait_s = at_us / 1e6 / self.speed - (time.perf_counter_ns() - began) / 1e9
            if wait_s > 0:
                time.sleep(wait_s)
            self.sent.append((time.perf_counter_ns(), body))
            connection.sendall(wire)

    def _events(self) -> list:
        fields = "".join(f"{name}: {value}\r\n" for name, value in self.recorded["headers"])
        head = f"HTTP/1.1 {self.recorded['status']} X\r\n{fields}\r\n".encode("latin-1")
        is_chunked = self.recorded["framing"] == "chunked"
        events = [(at_us, support.chunk(data) if is_chunked else data, data) for at_us, data in self.pieces]
        if events and events[0][0] - self.recorded["head_us"] < TOGETHER_US:
            events[0] = (events[0][0], head + events[0][1], events[0][2])
        else:
            events.insert(0, (self.recorded["head_us"], head, b""))
        if is_chunked and self.recorded["ending"] == "whole":
            events.append((self.recorded["end_us"], support.chunk(b""), b""))
        return events

    @property
    def lines(self) -> list:
        """(recorded time in us, JSON) of each line."""
        return [(at_us, json.loads(line)) for at_us, data in self.pieces for line in data.split(b"\n") if line]

    @property
    def texts(self) -> list:
        """(recorded time in us, thinking, answer) of each line that shows something."""
        texts = []
        for at_us, line in self.lines:
            message = line.get("message", {})
            thinking = message.get("thinking", line.get("thinking", ""))
            answer = message.get("content", line.get("response", ""))
            if thinking or answer:
                texts.append((at_us, thinking, answer))
        return texts


def recordings(situation: str) -> dict:
    """Version: recording, for each version of which there is a whole one."""
    whole = {}
    for path in sorted(RECORDINGS.glob(f"*/{situation}.json")):
        recording = json.loads(path.read_bytes())
        if not recording.get("trimmed"):
            whole[path.parent.name] = recording
    return whole


def replayed(recording: dict) -> list:
    """(exchange as played, arrivals, record fields) of each exchange; those recorded at once are made at once."""
    player = Player(recording["exchanges"])
    at_once = any(exchange["at_us"] for exchange in recording["exchanges"])
    results = []
    with support.listener(player) as server:
        endpoint = Endpoint(ServerAddress("http", "127.0.0.1", server.port), TimeLimits(5, 20, 20))
        for group in [player.played] if at_once else [[exchange] for exchange in player.played]:
            requests = [ChatRequest(exchange.path, json.dumps(exchange.body).encode("ascii")) for exchange in group]
            for exchange, result in zip(group, http_call.run(endpoint, requests, Stop())):
                results.append((exchange, result, http_call.record_fields(result)))
    return results


class Replay(unittest.TestCase):
    def each(self, situation: str):
        """Play every whole recording of a situation; yields (version, exchange, record fields) after the common checks."""
        versions = recordings(situation)
        self.assertGreaterEqual(len(versions), 3, f"too few whole recordings of {situation}")
        for version, recording in versions.items():
            expected = EXCEPT.get((version, situation), OUTCOMES[situation])
            with self.subTest(f"{situation} {version}"):
                played = replayed(recording)
                self.assertEqual([fields["outcome"] for _, _, fields in played], expected)
                for exchange, result, fields in played:
                    self.check(exchange, result, fields)
                    yield version, exchange, fields

    def check(self, exchange: Exchange, result: http_call.StreamResult, fields: dict) -> None:
        """What holds for every exchange: texts, counts, stamps, gaps."""
        self.assertEqual(fields["http_status"], exchange.recorded["status"])
        texts = exchange.texts
        self.assertEqual(fields["thinking"], "".join(thinking for _, thinking, _ in texts))
        self.assertEqual(fields["answer"], "".join(answer for _, _, answer in texts))
        self.assertEqual(fields["text_chunks"], len(texts))
        self.assertEqual(len(fields["gaps_us"]), max(0, len(texts) - 1))
        last = exchange.lines[-1][1]
        self.assertEqual({name: fields[name] for name in http_call.COUNTS},
                         {name: last.get(key) if last.get("done") else None for name, key in http_call.COUNTS.items()})
        self.assertEqual(schema.problems(support.record("call", **fields), "call"), [])
        self.check_stamps(exchange, result, fields)

    def check_stamps(self, exchange: Exchange, result: http_call.StreamResult, fields: dict) -> None:
        sent = [(now, line) for now, data in exchange.sent for line in data.split(b"\n") if line]
        heard = http_call.lines(result.pieces)
        self.assertEqual([line for _, line in heard], [line for _, line in sent])
        late_ns = [now - sent_ns for (now, _), (sent_ns, _) in zip(heard, sent)]
        self.assertGreaterEqual(min(late_ns), -EARLY_NS)
        self.assertLess(statistics.median(late_ns), MOSTLY_LATE_NS)
        self.assertLess(max(late_ns), LATE_NS)
        if fields["outcome"] == "refused":
            return
        texts = exchange.texts
        for name, at_us in (("first_chunk_ns", exchange.lines[0][0]), ("first_text_ns", texts[0][0] if texts else None),
                            ("first_answer_ns", next((at_us for at_us, _, answer in texts if answer), None)),
                            ("last_text_ns", texts[-1][0] if texts else None),
                            ("done_ns", exchange.lines[-1][0] if exchange.lines[-1][1].get("done") else None)):
            if at_us is None:
                self.assertIsNone(fields[name], name)
            else:
                self.assertTrue(-EARLY_NS <= fields[name] - at_us * 1000 / exchange.speed < LATE_NS, name)
        if texts:
            self.assertLessEqual(abs(sum(fields["gaps_us"]) * 1000 - (fields["last_text_ns"] - fields["first_text_ns"])), 1000)
            self.assertGreaterEqual(min(fields["gaps_us"], default=0), 0)

    def play(self, situation: str) -> list:
        return list(self.each(situation))

    def test_answers_that_reach_their_limit(self):
        for version, exchange, fields in self.play("chat"):
            tokens = exchange.body["options"]["num_predict"]
            self.assertEqual((fields["eval_tokens"], fields["text_chunks"], fields["chunks"]), (tokens, tokens, tokens + 1))
        for situation in ("chat-cold", "chat-repeat-guard"):
            for version, exchange, fields in self.play(situation):
                self.assertEqual(fields["eval_tokens"], exchange.body["options"]["num_predict"])
                self.assertGreater(fields["load_ns"], 250_000_000)       # both load the model first

    def test_an_end_token_is_counted_and_never_shown(self):
        for version, exchange, fields in self.play("chat-stop"):
            if fields["outcome"] == "ok":
                self.assertEqual((fields["eval_tokens"], fields["text_chunks"], fields["done_reason"]), (121, 120, "stop"))

    def test_a_stop_string_costs_a_token_that_is_never_shown(self):
        for version, exchange, fields in self.play("chat-stop-string"):
            if fields["outcome"] == "ok":
                self.assertEqual((fields["eval_tokens"], fields["text_chunks"]), (9, 8))

    def test_thinking_is_kept_apart_from_the_answer(self):
        for version, exchange, fields in self.play("chat-think-default"):
            if fields["outcome"] == "ok":
                self.assertTrue(fields["thinking"] and fields["answer"])
                self.assertTrue(0 < fields["thinking_chunks"] < fields["text_chunks"])
                self.assertGreaterEqual(fields["first_answer_ns"], fields["first_text_ns"])       # a busy machine may read both at once
        for version, exchange, fields in self.play("chat-think-off"):
            self.assertEqual((fields["thinking"], fields["thinking_chunks"]), ("", 0))
            self.assertEqual(fields["first_answer_ns"], fields["first_text_ns"])
        for version, exchange, fields in self.play("chat-think-spent"):
            self.assertTrue(fields["thinking"])
            self.assertEqual((fields["answer"], fields["first_answer_ns"]), ("", None))

    def test_generate_begins_with_a_chunk_that_shows_nothing(self):
        for version, exchange, fields in self.play("generate-think"):
            self.assertGreater(fields["chunks"], fields["text_chunks"] + 1)
            self.assertTrue(fields["thinking"] and fields["answer"])

    def test_one_token_has_no_stretch_of_time(self):
        for version, exchange, fields in self.play("chat-one-token"):
            self.assertEqual((fields["eval_tokens"], fields["eval_ns"]), (1, None if version == "0.24.0" else 1000))
            self.assertIsNone(call_metrics.decode_tok_s(typed(support.record("call", **fields))))

    def test_an_answer_in_one_piece_is_one_chunk(self):
        for version, exchange, fields in self.play("chat-whole"):
            self.assertEqual((fields["chunks"], fields["gaps_us"]), (1, []))
            self.assertEqual(fields["first_text_ns"], fields["done_ns"])
        for version, exchange, fields in self.play("load-chat"):
            self.assertEqual((fields["done_reason"], fields["answer"]), ("load", ""))

    def test_four_at_once_are_read_side_by_side(self):
        waits: dict = {}
        for version, exchange, fields in self.play("at-once-4"):
            self.assertEqual((fields["eval_tokens"], fields["text_chunks"]), (24, 24))
            waits.setdefault(version, []).append(call_metrics.overhead_ms(typed(support.record("call", **fields))))
        self.assertAlmostEqual(max(waits["0.33.0-rc2"]), 351.7, 1)      # the last one waited for three others

    def test_a_runner_that_dies_leaves_an_error_and_a_server_that_dies_an_end(self):
        for version, exchange, fields in self.play("runner-killed-think"):
            self.assertIn("unexpected EOF", fields["error"])
            self.assertTrue(fields["thinking"])
        for version, exchange, fields in self.play("server-killed"):
            self.assertEqual(fields["chunks"], 6)
            self.assertTrue(fields["error"])

    def test_refusals_are_told_in_the_server_s_own_words(self):
        for situation, word in (("truncate-refused", TOO_LONG), ("native-too-long-refused", TOO_LONG),
                                ("missing-chat", "model 'nobody' not found")):
            for version, exchange, fields in self.play(situation):
                self.assertIn(word, fields["error"])
                self.assertNotIn("{", fields["error"])
                self.assertIsNone(fields["first_chunk_ns"])


if __name__ == "__main__":
    unittest.main()

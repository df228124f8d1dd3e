"""The loopback server against recordings of real servers, and against its own promises.

recordings/<version>/<situation>.json holds what real servers sent: {"situation", "server", "exchanges": [{"at_us",
"request", "response": {"status", "headers", "framing", "ending", "pieces": [[microseconds, text], ...]}}, ...]}. A
piece is an HTTP chunk, or the one body. Where "trimmed" is true, left_out_exchanges, left_out_pieces,
left_out_characters (of a request's text) and left_out_numbers (of context) say how much is missing; "edited" says
what was taken out.
"""
from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest
from typing import Iterator
from unittest import mock

import support

from self_test.fake_ollama import engine, faults, http_wire, script, server_state, text_request

RECORDINGS = support.ROOT / "tests" / "recordings"
VERSIONS = sorted(path.name for path in RECORDINGS.iterdir() if path.is_dir())
SILENCE_S = 0.4                            # after so long without a byte the replayed client gives up
# Requests that the harness never makes: the fake server does not answer them as Ollama does.
NEVER_MADE = {"bad-json", "bad-keep-alive", "bad-name", "bad-option-type", "bad-option-value", "bad-type", "chat-stop-string",
              "chat-tools-unsupported", "cloud-name", "cut-json", "empty-body", "no-model"}
LAG_MS = 100                               # planted where a recording shows an unloaded model for a while


# ----- a client that sees everything

class Answer:
    """What came back for one request; pieces are HTTP chunks, or the one body."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: list = []
        self.framing: str | None = None
        self.ending = "whole"
        self.pieces: list = []
        self.reads: list = []              # bytes of each read from the socket
        self.raw = b""

    @property
    def lines(self) -> list:
        return [line for line in b"".join(self.pieces).decode().split("\n") if line]

    @property
    def objects(self) -> list:
        return [json.loads(line) for line in self.lines]

    @property
    def final(self) -> dict:
        return self.objects[-1]

    @property
    def text(self) -> str:
        return "".join(part.get("message", {}).get("content", part.get("response", "")) for part in self.objects)


class Wire:
    """A bare connection, so that framing, resets and silences are seen as they are."""

    def __init__(self, url: str, timeout_s: float = 10):
        host, _, port = url.partition("//")[2].partition(":")
        self.sock = socket.create_connection((host, int(port)), timeout=timeout_s)
        self.buffer = b""
        self.answer = Answer()

    def ask(self, method: str, path: str, body: object = None, headers: dict | None = None,
            give_up_after: int | None = None) -> Answer:
        payload = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        fields = {"Host": "127.0.0.1", **(headers or {})}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        if payload or method == "POST":
            lines.append(f"Content-Length: {len(payload)}")
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)
        self.answer = Answer()
        try:
            self._read(give_up_after)
        except ConnectionResetError:
            self.answer.ending = "reset"
        except socket.timeout:
            self.answer.ending = "silence"
        except EOFError:
            self.answer.ending = "eof"
        return self.answer

    def _read(self, give_up_after: int | None) -> None:
        answer = self.answer
        status, *fields = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        answer.status = int(status.split()[1])
        answer.headers = [field.split(": ", 1) for field in fields]
        names = {name.lower(): value for name, value in answer.headers}
        if names.get("transfer-encoding") == "chunked":
            answer.framing = "chunked"
            while True:
                size = int(self._until(b"\r\n"), 16)
                data = self._exactly(size + 2)[:-2]
                if not size:
                    return
                answer.pieces.append(data)
                if len(answer.pieces) == give_up_after:
                    answer.ending = "closed by the client"
                    return
        else:
            answer.framing = "length"
            answer.pieces.append(self._exactly(int(names["content-length"])))

    def _until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            self._fill()
        data, _, self.buffer = self.buffer.partition(mark)
        return data

    def _exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            self._fill()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def _fill(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self.answer.reads.append(data)
        self.answer.raw += data
        self.buffer += data


def ask(url: str, method: str, path: str, body: object = None, timeout_s: float = 10, **more) -> Answer:
    wire = Wire(url, timeout_s)
    with contextlib.closing(wire.sock):
        return wire.ask(method, path, body, **more)


def together(*calls) -> list:
    """The results of calls started at once."""
    results: list = [None] * len(calls)

    def run(number: int) -> None:
        results[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def chat(text: str = "hello", model: str = "alpha", **fields) -> dict:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def generate(text: str = "hello", model: str = "alpha", **fields) -> dict:
    return {"model": model, "prompt": text, **fields}


# ----- comparing with recordings

def shape(value: object) -> str:
    """Keys in their order and types of values; lists by the kinds of things in them."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shape(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + " | ".join(dict.fromkeys(map(shape, value))) + "]"
    return type(value).__name__


def shapes(pieces: list) -> list:
    """The kinds of lines in a body, in order, each run of one kind told once; errors word by word."""
    kinds: list = []
    for line in "".join(pieces).split("\n"):
        data = line[len("data: "):] if line.startswith("data: ") else line
        if not data:
            continue
        try:
            value = json.loads(data)
        except ValueError:
            kind = data
        else:
            kind = shape(value)
            if isinstance(value, dict):
                told = {key: value[key] for key in ("error", "done_reason", "done") if key in value}
                kind += " " + re.sub(r"(?<=request \()\d+|(?<=n_prompt_tokens\\\":)\d+", "N", json.dumps(told))
        if kinds[-1:] != [kind]:
            kinds.append(kind)
    return kinds


def picture(answer: dict) -> dict:
    """All of an answer that has to be the same."""
    headers = [name if name in ("Date", "Content-Length") else f"{name}: {value}"
               for name, value in answer["headers"]]
    return {"status": answer["status"], "headers": headers, "framing": answer["framing"],
            "ending": answer["ending"], "lines": shapes([text for _, text in answer["pieces"]])}


def recorded(version: str) -> dict:
    """situation -> recording"""
    paths = sorted((RECORDINGS / version).glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths if path.stem not in NEVER_MADE}


def script_for(version: str, recording: dict) -> dict:
    """The stub as the recorded server: the same models, and in place of a killed process a fault."""
    fast = {"load_ms": 1, "overhead_ms": 0.05, "decode_gap_ms": 0.02, "prefill_tok_s": 1e7, "answer_tokens": 0,
            "parameter_size": "26.18M", "quantization_level": "F16"}
    thinking = {"template": "{{ .Prompt }}", "capabilities": ["completion", "thinking"], "thinking_tokens": 14}
    models = [{"name": "prose", **fast}, {"name": "small", **fast}, {"name": "think", **fast, **thinking},
              {"name": "count", **fast}]
    slots = int(recording["server"]["environment"].get("OLLAMA_NUM_PARALLEL", 1))
    rules = [rule for exchange in recording["exchanges"] for rule in planted(exchange)]
    lag = {"unload-lag": LAG_MS}.get(recording["situation"], 0)
    return {"speak": version, "slots": slots, "models": models, "rules": rules, "unload_lag_ms": lag}


def planted(exchange: dict):
    """Rules for what the recorded model or its end decided: the words of an answer, a death, a silence."""
    request, answer = exchange["request"], exchange["response"]
    body = request["body"] or {}
    text = (body.get("messages") or [{}])[-1].get("content", body.get("prompt", ""))
    when = {"path": request["path"], **({"contains": text} if text else {})}
    lines = [json.loads(text) for _, text in answer["pieces"] if text.startswith("{")]
    final = last_object(answer)
    count = len(lines) + answer.get("left_out_pieces", 0)
    if answer["ending"] == "silence":
        yield {"when": when, "do": {"fault": "silence", "ms": 5000}}
    elif answer["ending"] == "eof":
        yield {"when": when, "do": {"fault": "end_without_done", "after": count, "clean": False}}
    elif answer["status"] == 200 and "error" in final:
        yield {"when": when, "do": {"fault": "error_line", "after": count - 1, "text": final["error"]}}
    elif final.get("done_reason") == "stop" and "eval_count" in final:
        text = "".join(line.get("message", line).get("content", line.get("response", "")) for line in lines)
        yield {"when": when, "do": {"fault": "answer", "text": text}}


class RecordingsTest(unittest.TestCase):
    """What the stub says in a version's name, that version has said: status, headers in order, framing, ending,
    keys in order, types, reasons, words of errors. All recordings are played; times and texts are planted."""

    maxDiff = None

    def test_the_stub_answers_each_recorded_request_as_the_recorded_server_did(self):
        server = support.shared_stub()
        for version in VERSIONS:
            for situation, recording in recorded(version).items():
                with self.subTest(version=version, situation=situation):
                    server.script(script_for(version, recording))
                    self.compare(server, recording)

    def compare(self, server, recording: dict) -> None:
        for exchange, answer in zip(recording["exchanges"], self.play(server, recording)):
            expected, seen = picture(exchange["response"]), picture(answer)
            self.assertEqual(seen, expected)
            self.compare_counts(exchange, answer)

    def compare_counts(self, exchange: dict, answer: dict) -> None:
        """Tokens of an answer always, and those of a prompt where it had to be cut."""
        final, expected = last_object(answer), last_object(exchange["response"])
        if "eval_count" in expected and "left_out_pieces" not in exchange["response"]:
            self.assertEqual(final["eval_count"], expected["eval_count"])
        options = (exchange["request"]["body"] or {}).get("options", {})
        if options.get("num_ctx") == 1024 and "eval_count" in expected:
            self.assertEqual(final["prompt_eval_count"], expected["prompt_eval_count"])

    def play(self, server, recording: dict) -> list:
        """The recorded requests once more, in the recorded manner."""
        situation, exchanges = recording["situation"], recording["exchanges"]
        for model in left_loaded(recording):
            ask(server.url, "POST", "/api/generate", {"model": model})
        if situation.startswith("at-once"):
            crowd = [exchange for exchange in exchanges if exchange["request"]["method"] == "POST"]
            rest = exchanges[len(crowd):]
            calls = [lambda exchange=exchange: play_one(server.url, situation, exchange) for exchange in crowd]
            return together(*calls) + [play_one(server.url, situation, exchange) for exchange in rest]
        return [play_one(server.url, situation, exchange) for exchange in exchanges]


def play_one(url: str, situation: str, exchange: dict) -> dict:
    request, response = exchange["request"], exchange["response"]
    body = request["body"]
    if isinstance(body, dict) and list(body) == ["raw"]:
        body = body["raw"].encode("latin-1")
    if situation == "unload-lag" and response["pieces"][0][1] == '{"models":[]}':
        time.sleep(2 * LAG_MS / 1000)      # until the unloaded model is no longer shown
    give_up_after = len(response["pieces"]) if response["ending"] == "closed by the client" else None
    timeout_s = SILENCE_S if response["ending"] == "silence" else 10
    answer = ask(url, request["method"], request["path"], body, timeout_s, give_up_after=give_up_after)
    return {"status": answer.status, "headers": answer.headers, "framing": answer.framing, "ending": answer.ending,
            "pieces": [[0, piece.decode()] for piece in answer.pieces]}


def last_object(answer: dict) -> dict:
    """The last JSON object of a body, or nothing."""
    lines = "".join(text for _, text in answer["pieces"]).strip().split("\n")
    return json.loads(lines[-1]) if lines[-1].startswith("{") else {}


def left_loaded(recording: dict) -> list:
    """Models that /api/ps shows in a recording although none of its requests used them."""
    bodies = [exchange["request"]["body"] or {} for exchange in recording["exchanges"]]
    used = {body.get("model") for body in bodies if body.get("messages")}
    shown = [last_object(exchange["response"]).get("models", []) for exchange in recording["exchanges"]
             if exchange["request"]["path"] == "/api/ps"]
    names = {model["name"].partition(":")[0] for models in shown for model in models}
    return sorted(names - used)


# ----- what it promises

ALPHA = {"name": "alpha", "template": "{{ .Prompt }}", "answer_tokens": 12, "load_ms": 5, "decode_gap_ms": 0.5}
THINKER = {**ALPHA, "name": "thinker", "capabilities": ["completion", "thinking"], "thinking_tokens": 5}
NATIVE = {**ALPHA, "name": "native", "template": None}
NONCE = "012345678901234567"


class StubTest(unittest.TestCase):
    """Each test posts its own script."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = support.shared_stub()

    def plant(self, *models: dict, **script) -> None:
        self.server.script({"models": list(models or (ALPHA, THINKER, NATIVE)), **script})

    def post(self, path: str, body: object, **more) -> Answer:
        return ask(self.server.url, "POST", path, body, **more)

    def chat(self, text: str = "hello", model: str = "alpha", **fields) -> Answer:
        return self.post("/api/chat", chat(text, model, **fields))

    def generate(self, text: str = "hello", model: str = "alpha", **fields) -> Answer:
        return self.post("/api/generate", generate(text, model, **fields))

    def get(self, path: str) -> object:
        return ask(self.server.url, "GET", path).objects[0]

    def shown(self) -> list:
        return [model["name"] for model in self.get("/api/ps")["models"]]


class FaultsTest(StubTest):
    """Each fault does on the wire what its name says. The name of each test begins with that of its fault."""

    def ill(self, fault: str, request: dict | None = None, path: str = "/api/chat", timeout_s: float = 10,
            **parameters) -> Answer:
        self.plant(rules=[{"do": {"fault": fault, **parameters}}])
        return self.post(path, request or chat(), timeout_s=timeout_s)

    def test_each_fault_has_a_test_here(self):
        for fault in faults.FAULTS:
            with self.subTest(fault=fault):
                self.assertTrue([name for name in dir(self) if name.startswith(f"test_{fault}_")])

    def test_status_comes_in_place_of_the_answer(self):
        answer = self.ill("status", code=503, error="busy")
        self.assertEqual((answer.status, answer.objects), (503, [{"error": "busy"}]))
        answer = self.ill("status", code=502, body="<html>no</html>")
        self.assertEqual((answer.status, answer.pieces), (502, [b"<html>no</html>"]))

    def test_nested_json_400_is_json_in_a_string(self):
        answer = self.ill("nested_json_400", message="no")
        self.assertEqual((answer.status, answer.framing), (400, "chunked"))
        self.assertEqual(json.loads(answer.final["error"])["error"]["message"], "no")

    def test_empty_200_has_a_body_without_a_byte(self):
        answer = self.ill("empty_200")
        self.assertEqual((answer.status, answer.framing, answer.ending), (200, "chunked", "whole"))
        self.assertEqual(answer.pieces, [])

    def test_silence_is_followed_by_a_close(self):
        answer = self.ill("silence", ms=60)
        self.assertEqual((answer.ending, answer.raw), ("eof", b""))
        answer = self.ill("silence", ms=5000, timeout_s=0.1)
        self.assertEqual((answer.ending, answer.raw), ("silence", b""))

    def test_body_not_http_is_garbage_and_a_close(self):
        self.plant(rules=[{"do": {"fault": "body_not_http", "text": "what?\n"}}])
        wire = Wire(self.server.url)
        with contextlib.closing(wire.sock):
            wire.sock.sendall(b"GET /api/version HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            self.assertEqual(wire._exactly(6), b"what?\n")
            self.assertEqual(wire.sock.recv(1), b"")

    def test_answer_is_said_word_by_word(self):
        answer = self.ill("answer", text="Paris, of course.")
        self.assertEqual((answer.text, answer.final["eval_count"]), ("Paris, of course.", 6))

    def test_one_token_takes_a_microsecond(self):
        final = self.ill("one_token").final
        self.assertEqual((final["eval_count"], final["eval_duration"], final["done_reason"]), (1, 1000, "length"))

    def test_silent_truncation_ignores_what_the_request_forbids(self):
        long = chat("word " * 2000, truncate=False, shift=False, options={"num_ctx": 1024})
        self.assertEqual(self.ill("silent_truncation", long).final["prompt_eval_count"], 515)
        self.assertEqual(self.ill("silent_truncation", chat("word " * 90), to=40).final["prompt_eval_count"], 40)

    def test_queue_wait_is_in_no_counter_but_the_total(self):
        final = self.ill("queue_wait", ms=80).final
        counted = final["load_duration"] + final["prompt_eval_duration"] + final["eval_duration"]
        self.assertGreaterEqual(final["total_duration"] - counted, 80_000_000)

    def test_thinking_despite_off_thinks(self):
        answer = self.ill("thinking_despite_off", chat(think=False), tokens=4)
        self.assertEqual(sum("thinking" in part.get("message", {}) for part in answer.objects), 3)

    def test_remote_chunks_all_say_so(self):
        answer = self.ill("remote_chunks")
        self.assertEqual({part.get("remote_model") for part in answer.objects}, {"planted"})
        self.assertEqual(list(answer.final)[:3], ["model", "remote_model", "remote_host"])

    def test_multi_token_chunks_hold_several_tokens_each(self):
        answer = self.ill("multi_token_chunks", tokens=5)
        self.assertEqual([len(part["message"]["content"].split()) for part in answer.objects], [5, 5, 2, 0])
        self.assertEqual(answer.final["eval_count"], 13)

    def test_empty_chunks_show_nothing_first_and_now_and_then(self):
        answer = self.ill("empty_chunks", every=4)
        contents = [part["message"]["content"] for part in answer.objects[:-1]]
        self.assertEqual([n for n, content in enumerate(contents) if not content], [0, 5, 10])

    def test_metrics_absent_takes_all_counters_or_those_named(self):
        self.assertEqual(list(self.ill("metrics_absent").final),
                         ["model", "created_at", "message", "done", "done_reason"])
        final = self.ill("metrics_absent", fields=["eval_duration"]).final
        self.assertNotIn("eval_duration", final)
        self.assertIn("eval_count", final)

    def test_whole_without_done_says_done_false(self):
        answer = self.ill("whole_without_done", chat(stream=False))
        self.assertEqual(answer.framing, "length")
        self.assertEqual((answer.final["done"], "eval_count" in answer.final), (False, False))

    def test_huge_line_is_huge_and_text_holds_raw_line_breaks_of_unicode(self):
        answer = self.ill("huge_line", generate(), "/api/generate")
        self.assertGreater(len(answer.pieces[-1]), 200_000)
        self.assertIn("\u2028".encode(), answer.pieces[0])
        self.assertIn("\u0085".encode(), answer.pieces[1])

    def test_end_without_done_ends_the_body_cleanly_or_by_a_close(self):
        for clean, ending in ((True, "whole"), (False, "eof")):
            for after in (0, 2):
                with self.subTest(clean=clean, after=after):
                    answer = self.ill("end_without_done", clean=clean, after=after)
                    self.assertEqual(len(answer.pieces), after)
                    self.assertEqual(answer.ending, ending)

    @unittest.skipUnless(support.resets_arrive(), support.NO_RESETS)
    def test_reset_breaks_the_connection(self):
        answer = self.ill("reset", after=2)
        self.assertEqual((answer.ending, len(answer.pieces)), ("reset", 2))
        answer = self.ill("reset", chat(stream=False))
        self.assertEqual((answer.status, answer.ending, answer.pieces), (200, "reset", []))

    def test_error_line_is_the_last_line_of_a_proper_body(self):
        answer = self.ill("error_line", after=2, text="runner lost")
        self.assertEqual((answer.ending, len(answer.pieces), answer.final), ("whole", 3, {"error": "runner lost"}))

    def test_stall_holds_the_rest_back(self):
        self.ill("stall", after=3, ms=400)
        entry = self.server.log()[0]
        gaps = [there - here for here, there in zip(entry["sent_ns"], entry["sent_ns"][1:])]
        self.assertEqual(gaps.index(max(gaps)), 2)
        self.assertGreater(max(gaps), 100_000_000)      # a busy machine sends what comes before it late

    def test_not_json_is_a_line_among_others(self):
        answer = self.ill("not_json", after=2, line="{oops")
        self.assertEqual(answer.lines[2], "{oops")
        self.assertTrue(json.loads(answer.lines[-1])["done"])

    def test_several_lines_per_http_chunk_arrive_as_one(self):
        answer = self.ill("several_lines_per_http_chunk", lines=4)
        self.assertEqual([piece.count(b"\n") for piece in answer.pieces], [4, 4, 4, 1])

    def test_line_split_over_chunks_makes_two_of_each(self):
        answer = self.ill("line_split_over_chunks")
        self.assertEqual(len(answer.pieces), 2 * len(answer.lines))
        self.assertFalse(answer.pieces[0].endswith(b"\n"))

    def test_utf8_split_cuts_characters_between_writes_and_between_chunks(self):
        answer = self.ill("utf8_split")
        self.assertTrue(answer.final["done"])
        for what, parts in (("chunk", answer.pieces), ("write", answer.reads)):
            with self.subTest(what=what):
                self.assertTrue([part for part in parts if not is_utf8(part)])


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class RulesTest(StubTest):

    def test_the_nth_request_and_no_other_is_struck(self):
        self.plant(rules=[{"when": {"contains": "x", "nth": 2}, "do": {"fault": "status"}}])
        self.assertEqual([self.chat(text).status for text in ("x", "y", "x", "x")], [200, 200, 500, 200])

    def test_a_rule_strikes_so_many_times_and_then_the_next_one_has_its_turn(self):
        self.plant(rules=[{"times": 2, "do": {"fault": "status", "code": 500}},
                          {"do": {"fault": "status", "code": 503}}])
        self.assertEqual([self.chat().status for _ in range(3)], [500, 500, 503])

    def test_all_conditions_have_to_hold(self):
        self.plant(rules=[{"when": {"path": "/api/generate", "model": "thinker", "method": "POST"},
                           "do": {"fault": "status"}}])
        self.assertEqual(self.chat(model="thinker").status, 200)
        self.assertEqual(self.generate(model="alpha").status, 200)
        self.assertEqual(self.generate(model="thinker:latest").status, 500)

    @unittest.skipUnless(support.resets_arrive(), support.NO_RESETS)
    def test_several_faults_can_meet_in_one_answer(self):
        self.plant(rules=[{"do": [{"fault": "answer", "text": "a b c d"}, {"fault": "reset", "after": 3}]}])
        answer = self.chat()
        self.assertEqual((answer.text, answer.ending), ("a b c", "reset"))
        self.assertEqual(self.server.log()[0]["fault"], "answer+reset")

    def test_rules_reach_endpoints_without_a_model(self):
        self.plant(rules=[{"when": {"path": "/api/ps"}, "times": 1, "do": {"fault": "end_without_done"}}])
        self.assertEqual(ask(self.server.url, "GET", "/api/ps").ending, "eof")
        self.assertEqual(self.shown(), [])

    def test_a_script_with_a_mistake_is_refused_with_its_name(self):
        mistakes = {"slot": {"slot": 1}, "decode_gap": {"models": [{"name": "a", "decode_gap": 1}]},
                    "resett": {"rules": [{"do": {"fault": "resett"}}]}, "afterr": {"rules": [
                        {"do": {"fault": "reset", "afterr": 1}}]}, "9.9.9": {"speak": "9.9.9"},
                    "text": {"rules": [{"when": {"text": "x"}, "do": {"fault": "reset"}}]}}
        for word, script in mistakes.items():
            with self.subTest(word=word):
                answer = self.post("/fake/script", script)
                self.assertEqual(answer.status, 400)
                self.assertIn(word, answer.final["error"])

    def test_a_rule_may_hold_for_requests_with_or_without_thinking(self):
        rules = [{"when": {"think": thinks}, "do": {"fault": "answer", "text": text}} for thinks, text in ((True, "deep"), (False, "plain"))]
        self.plant(THINKER, rules=rules)
        for think, text in ((True, "deep"), ("low", "deep"), (None, "deep"), (False, "plain")):
            with self.subTest(think=think):
                answer = self.chat(model="thinker", think=think)
                self.assertEqual("".join(part["message"]["content"] for part in answer.objects), text)


class SlowWritesTest(unittest.TestCase):
    """Under Wine a write takes a millisecond: with one for each piece every stream fell behind its plan, the more the longer."""

    class SlowClient:
        def __init__(self) -> None:
            self.now_ns, self.writes, self.spin_ns = 0, [], 0

        def wait_until(self, due_ns: int) -> None:
            self.now_ns = max(self.now_ns, due_ns)

        def send(self, data: bytes) -> None:
            self.now_ns += 5_000_000
            self.writes.append(data)

    def stream(self, pieces: Iterator[faults.Piece]) -> tuple:
        """(the client, the entry of the log) after a stream whose clock moves only by waiting and writing."""
        client = self.SlowClient()
        world = server_state.ServerState(script.read({}))
        with mock.patch("time.perf_counter_ns", lambda: client.now_ns):
            request = http_wire.HttpRequest("POST", "/api/chat", {}, b"")
            entry = world.log.open(method="POST", path="/api/chat", model=None, nonce=None, received_ns=0)
            with contextlib.suppress(http_wire.HangUp):
                server_state.Exchange(client, request, world, entry, {}).stream(pieces, server_state.NDJSON)
        return client, entry

    def test_pieces_that_are_late_leave_in_one_write_and_the_stream_keeps_its_plan(self):
        planned = [faults.Piece(n * 1_000_000, b"%d\n" % n) for n in range(40)]
        client, entry = self.stream(iter(planned))
        self.assertLess(len(client.writes), 20)
        body = b"".join(client.writes).partition(b"\r\n\r\n")[2]
        self.assertEqual(body, b"".join(http_wire.chunk(piece.data) for piece in planned) + http_wire.LAST_CHUNK)
        self.assertEqual(list(entry.planned_ns), [piece.due_ns for piece in planned])
        self.assertLess(entry.sent_ns[-1], 60_000_000)      # with a write for each piece: 200 ms

    def test_what_is_late_still_leaves_before_a_fault_strikes(self):
        pieces = faults.reset([faults.Piece(n, b"%d\n" % n) for n in range(9)], after=5)
        client, entry = self.stream(pieces)
        self.assertEqual(b"".join(client.writes).count(b"2\r\n"), 5)
        self.assertEqual(len(entry.sent_ns), 5)


class SlotsTest(StubTest):

    def at_once(self, count: int, **script) -> list:
        self.plant({**ALPHA, "decode_gap_ms": 5, **script.pop("model", {})}, **script)
        self.generate("warm up", raw=True)
        together(*[lambda n=n: self.generate(f"{n} of several", raw=True) for n in range(count)])
        return self.server.log(1)

    def test_one_slot_serves_one_at_a_time_and_the_wait_is_in_no_counter_but_the_total(self):
        log = self.at_once(3)
        # From first to last text: the slot is free before the closing line leaves.
        spans = sorted((entry["received_ns"] + entry["sent_ns"][0], entry["received_ns"] + entry["sent_ns"][-2])
                       for entry in log)
        for (_, end), (start, _) in zip(spans, spans[1:]):
            self.assertGreaterEqual(start, end)
        self.assertEqual(sorted(entry["queue_ns"] > 20_000_000 for entry in log), [False, True, True])

    def test_three_slots_serve_three_together(self):
        log = self.at_once(3, slots=3)
        self.assertEqual(sorted(entry["slot"] for entry in log), [0, 1, 2])
        first_end = min(entry["received_ns"] + entry["sent_ns"][-1] for entry in log)
        self.assertTrue(all(entry["received_ns"] + entry["sent_ns"][0] < first_end for entry in log))

    def test_a_client_that_leaves_frees_its_slot_and_one_that_waited_is_skipped(self):
        self.plant({**ALPHA, "answer_tokens": 0, "decode_gap_ms": 5})
        long = generate("long", raw=True, options={"num_predict": 4000})
        self.assertEqual(self.post("/api/generate", long, give_up_after=2).ending, "closed by the client")
        began = time.perf_counter()
        self.assertEqual(self.generate("next", raw=True, options={"num_predict": 3}).final["eval_count"], 3)
        self.assertLess(time.perf_counter() - began, 2)
        self.assertEqual(self.server.log()[0]["ending"], "client gone")


class CacheTest(StubTest):

    def counts(self, *texts: str, speak: str = "0.33.0-rc2", **fields) -> list:
        self.plant({**ALPHA, "prefill_tok_s": 1000, "decode_gap_ms": 0.1}, speak=speak)
        finals = [self.generate(text, **{"raw": True, **fields}).final for text in texts]
        return [(final["prompt_eval_count"], final["prompt_eval_duration"]) for final in finals]

    def test_a_repeated_prompt_is_counted_whole_but_only_one_token_of_it_is_read(self):
        self.assertEqual(self.counts("a b c d e", "a b c d e"), [(6, 6_000_000), (6, 1_000_000)])

    def test_a_nonce_at_the_start_leaves_nothing_but_the_first_token_to_reuse(self):
        counts = self.counts(f"{NONCE} a b c", "9" + NONCE[1:] + " a b c")
        self.assertEqual(counts, [(5, 5_000_000), (5, 4_000_000)])
        self.assertEqual(self.server.log()[0]["nonce"], NONCE)

    def test_an_appended_prompt_is_read_from_where_it_goes_on(self):
        self.assertEqual(self.counts("a b c", "a b c d e f"), [(4, 4_000_000), (7, 3_000_000)])

    def test_the_head_of_a_template_stays_cached(self):
        self.assertEqual(self.counts("a b c", "x y z", raw=False), [(20, 20_000_000), (20, 8_000_000)])

    def test_only_the_next_version_tells_the_cached_count_and_tells_zero_too(self):
        for speak, told in (("0.33.0-rc2", [None, None]), ("next", [0, 3])):
            with self.subTest(speak=speak):
                self.plant(speak=speak)
                finals = [self.generate("a b c", raw=True).final for _ in range(2)]
                self.assertEqual([final.get("prompt_eval_cached_count") for final in finals], told)

    def test_an_unload_forgets_it(self):
        self.plant()
        self.generate("a b c d", raw=True)
        self.post("/api/generate", {"model": "alpha", "keep_alive": 0})
        self.generate("a b c d", raw=True)
        self.assertEqual([entry["cached_tokens"] for entry in self.server.log() if entry["prompt_tokens"]], [0, 0])


class LoadingTest(StubTest):

    def loads(self, *options: dict, speak: str = "0.33.0-rc2") -> list:
        """Which of several requests with these options had to load the model."""
        self.plant({**ALPHA, "load_ms": 40}, speak=speak)
        return [self.generate("x", **fields).final["load_duration"] >= 40_000_000 for fields in options]

    def test_options_of_the_runner_reload_and_those_of_sampling_do_not(self):
        table = [("num_ctx", 2048, True), ("num_batch", 128, True), ("num_gpu", 0, True), ("num_thread", 2, True),
                 ("use_mmap", False, True), ("main_gpu", 1, True), ("num_gpu", -1, False),
                 ("num_ctx", 4096, False), ("num_predict", 3, False), ("temperature", 1.5, False)]
        for name, value, reloads in table:
            with self.subTest(name=name, value=value):
                self.assertEqual(self.loads({}, {"options": {name: value}}), [True, reloads])

    def test_shift_reloads_since_there_are_runner_processes(self):
        self.assertEqual(self.loads({}, {"shift": False}, {"shift": False}), [True, True, False])
        self.assertEqual(self.loads({}, {"shift": False}, speak="0.24.0"), [True, False])

    def test_the_window_is_capped_to_what_the_model_was_trained_for(self):
        self.plant({**ALPHA, "context_length": 1000})
        self.generate(options={"num_ctx": 8192})
        self.assertEqual(self.get("/api/ps")["models"][0]["context_length"], 1000)

    def test_the_idle_model_that_expires_first_makes_room(self):
        self.plant(ALPHA, THINKER, NATIVE, max_loaded=2)
        self.generate(model="alpha", keep_alive=600)
        self.generate(model="thinker", keep_alive=60)
        self.assertEqual(self.shown(), ["alpha:latest", "thinker:latest"])
        self.generate(model="native")
        self.assertEqual(self.shown(), ["alpha:latest", "native:latest"])

    def test_keep_alive_zero_unloads_after_the_answer_and_the_list_may_lag(self):
        for lag_ms, shown in ((0, []), (5000, ["alpha:latest"])):
            with self.subTest(lag_ms=lag_ms):
                self.plant(unload_lag_ms=lag_ms)
                self.generate(keep_alive=0)
                self.assertEqual(self.shown(), shown)

    def test_keep_alive_takes_numbers_and_durations(self):
        for value, expected_ns in ((None, None), (5, 5e9), ("30m", 1800e9), ("1h2.5s", 3602.5e9), (0, 0), ("0", 0),
                                   (-1, engine.FOREVER_NS), ("-1s", engine.FOREVER_NS)):
            with self.subTest(value=value):
                self.assertEqual(text_request.keep_alive_ns(value), expected_ns)

    def test_a_model_that_cannot_load_says_why(self):
        self.plant({**ALPHA, "load_error": "llama-server process has terminated: exit status 1"})
        answer = self.generate()
        self.assertEqual((answer.status, answer.framing, answer.headers[0][1]),
                         (500, "length", "application/json; charset=utf-8"))
        self.assertIn("terminated", answer.final["error"])

    def test_a_client_that_leaves_during_a_load_ends_the_load(self):
        self.plant({**ALPHA, "load_ms": 60_000})
        self.assertEqual(self.post("/api/generate", generate(), timeout_s=0.2).ending, "silence")
        time.sleep(0.1)
        self.assertEqual((self.server.log()[0]["ending"], self.shown()), ("client gone", []))


class WindowTest(StubTest):
    """What becomes of a prompt that is too long, and of an answer that runs into the end of the window."""

    def test_each_version_cuts_or_refuses_in_its_own_way(self):
        table = [                          # version, model, fields, status, prompt tokens told
            ("0.24.0", "alpha", {}, 200, 1024), ("0.24.0", "native", {}, 200, 1024),
            ("0.24.0", "alpha", {"shift": False}, 200, 1024), ("0.24.0", "alpha", {"truncate": False}, 400, None),
            ("0.30.1", "alpha", {}, 200, 1023), ("0.30.1", "native", {}, 400, None),
            ("0.30.1", "alpha", {"shift": False}, 200, 1023), ("0.30.1", "alpha", {"truncate": False}, 400, None),
            ("0.33.0-rc2", "alpha", {}, 200, 515), ("0.33.0-rc2", "native", {}, 400, None),
            ("0.33.0-rc2", "alpha", {"shift": False}, 400, None),
            ("0.33.0-rc2", "alpha", {"truncate": False}, 400, None),
        ]
        for speak, model, fields, status, tokens in table:
            with self.subTest(speak=speak, model=model, **fields):
                self.plant(speak=speak)
                answer = self.chat("word " * 2000, model, options={"num_ctx": 1024}, **fields)
                self.assertEqual((answer.status, answer.final.get("prompt_eval_count")), (status, tokens))

    def test_the_refusal_tells_the_true_count(self):
        self.plant()
        answer = self.chat("word " * 2000, "native", options={"num_ctx": 1000})
        error = json.loads(answer.final["error"])["error"]
        self.assertEqual((error["n_prompt_tokens"], error["n_ctx"]), (2017, 1024))

    def test_the_window_slides_unless_shift_is_off(self):
        endless = {**ALPHA, "answer_tokens": 0, "decode_gap_ms": 0.01}
        for shift, tokens in ((True, 400), (False, 512 - 317)):
            with self.subTest(shift=shift):
                self.plant(endless)
                final = self.chat("word " * 300, shift=shift, options={"num_ctx": 512, "num_predict": 400}).final
                self.assertEqual((final["eval_count"], final["done_reason"]), (tokens, "length"))


class AnswersTest(StubTest):

    def test_the_end_token_counts_but_is_not_shown(self):
        self.plant()
        answer = self.chat()
        self.assertEqual((len(answer.objects), answer.final["eval_count"]), (13, 13))
        self.assertEqual(answer.final["done_reason"], "stop")

    def test_durations_are_those_planted(self):
        self.plant({**ALPHA, "prefill_tok_s": 1000, "gap_pattern_ms": [1, 3], "overhead_ms": 2})
        self.generate("a b c", raw=True)
        final = self.generate("x y z", raw=True).final
        self.assertEqual({key: final[key] for key in final if key.endswith("_duration")},
                         {"total_duration": 29_000_000, "load_duration": 2_000_000,
                          "prompt_eval_duration": 3_000_000, "eval_duration": 24_000_000})

    def test_safetensors_models_do_not_count_the_end_and_take_a_gap_a_token(self):
        self.plant({**ALPHA, "format": "safetensors", "decode_gap_ms": 1})
        for limit, reason in ((100, "stop"), (12, "length")):
            with self.subTest(limit=limit):
                final = self.generate(options={"num_predict": limit}).final
                self.assertEqual((final["eval_count"], final["eval_duration"]), (12, 12_000_000))
                self.assertEqual(final["done_reason"], reason)

    def test_drift_makes_each_request_slower_than_the_one_before(self):
        self.plant({**ALPHA, "drift": 0.5})
        durations = [self.generate(str(n)).final["eval_duration"] for n in range(3)]
        self.assertEqual(durations, [6_000_000, 9_000_000, 12_000_000])

    def test_a_model_that_always_thinks_cannot_be_silenced(self):
        self.plant({**THINKER, "thinks_always": True})
        for think in (None, True, False):
            with self.subTest(think=think):
                answer = self.chat(model="thinker", think=think)
                self.assertEqual(sum("thinking" in part["message"] for part in answer.objects), 4)

    def test_thoughts_may_come_between_tags_in_the_answer_and_count_as_tokens(self):
        self.plant({**THINKER, "thinks_always": True, "tags_in_answer": True})
        answer = self.chat(model="thinker", think=False)
        text = "".join(part["message"]["content"] for part in answer.objects)
        self.assertTrue(text.startswith("<think>hmm let me</think>"), text)
        self.assertFalse(any("thinking" in part["message"] for part in answer.objects))
        self.plant({**THINKER, "thinks_always": True})
        self.assertEqual(answer.objects[-1]["eval_count"], self.chat(model="thinker", think=False).objects[-1]["eval_count"])

    def test_a_model_may_know_some_levels_of_thinking_and_refuse_others(self):
        self.plant({**THINKER, "level_tokens": {"low": 3, "high": 9}})
        for think, thoughts in (("low", 2), ("high", 8), (True, 4)):
            with self.subTest(think=think):
                answer = self.chat(model="thinker", think=think)
                self.assertEqual(sum("thinking" in part["message"] for part in answer.objects), thoughts)
        refused = self.chat(model="thinker", think="medium")
        self.assertEqual(refused.status, 400)
        self.assertIn("low, high", refused.objects[0]["error"])

    def test_thinking_is_on_unless_it_is_switched_off(self):
        self.plant()
        for think, thoughts in ((None, 4), (True, 4), ("high", 4), (False, 0)):
            with self.subTest(think=think):
                answer = self.chat(model="thinker", think=think)
                self.assertEqual(sum("thinking" in part["message"] for part in answer.objects), thoughts)
                self.assertEqual(answer.final["eval_count"], 13 + (5 if thoughts else 0))
        first = self.generate(model="thinker").objects[0]
        self.assertEqual((first["response"], "thinking" in first), ("", False))

    def test_a_render_request_gets_the_text_and_loads_but_does_not_speak(self):
        self.plant()
        answer = self.chat("how many", _debug_render_only=True)
        text = answer.final["_debug_info"]["rendered_template"]
        self.assertIn("how many", text)
        counted = self.chat("how many").final["prompt_eval_count"]
        self.assertEqual(len(re.findall(r"\w+|[^\w\s]", text)) + 1, counted)     # the BOS is no text
        self.assertEqual(answer.final["done"], False)

    def test_a_pull_brings_a_model_that_was_absent(self):
        self.plant({**ALPHA, "present": False})
        self.assertEqual((self.get("/api/tags")["models"], self.generate().status), ([], 404))
        self.assertEqual(self.post("/api/pull", {"model": "alpha"}).final, {"status": "success"})
        self.assertEqual(self.generate().status, 200)
        self.assertEqual(self.post("/api/pull", {"model": "no"}).final,
                         {"error": "pull model manifest: file does not exist"})

    def test_cloud_models_are_marked(self):
        self.plant({**ALPHA, "remote_host": "https://cloud.example:443", "remote_model": "big"})
        self.assertEqual(self.get("/api/tags")["models"][0]["remote_model"], "big")

    def test_abilities_that_a_model_lacks_are_refused(self):
        self.plant({**ALPHA, "capabilities": ["embedding"]})
        self.assertEqual(self.chat().final, {"error": '"alpha" does not support chat'})
        self.assertEqual(self.generate().final, {"error": '"alpha" does not support generate'})


class WireTest(StubTest):

    def test_a_connection_serves_many_requests_until_the_client_asks_to_close_it(self):
        self.plant()
        wire = Wire(self.server.url)
        with contextlib.closing(wire.sock):
            for _ in range(3):
                self.assertTrue(wire.ask("POST", "/api/chat", chat()).final["done"])
            answer = wire.ask("POST", "/api/chat", chat(), headers={"Connection": "close"})
            self.assertIn(["Connection", "close"], answer.headers)
            self.assertEqual(wire.sock.recv(1), b"")

    def test_what_is_no_http_gets_a_400(self):
        wire = Wire(self.server.url)
        with contextlib.closing(wire.sock):
            wire.sock.sendall(b"hello\r\n\r\n")
            self.assertEqual(wire._until(b"\r\n"), b"HTTP/1.1 400 Bad Request")



class TruthTest(StubTest):

    def test_the_log_knows_what_was_planned_and_when_it_left(self):
        self.plant({**ALPHA, "decode_gap_ms": 4})
        before_ns = time.perf_counter_ns()
        answer = self.chat(NONCE + "\n\nhello there")
        after_ns = time.perf_counter_ns()
        entry, = self.server.log()
        known = {key: entry[key] for key in ("n", "path", "model", "nonce", "status", "ending")}
        self.assertEqual(known, {"n": 0, "path": "/api/chat", "model": "alpha", "nonce": NONCE, "status": 200,
                                 "ending": "whole"})
        self.assertTrue(before_ns <= entry["received_ns"] <= after_ns)
        self.assertEqual(len(entry["sent_ns"]), len(answer.pieces))
        steps = {there - here for here, there in zip(entry["planned_ns"], entry["planned_ns"][1:-2])}
        self.assertEqual(steps, {4_000_000})
        late_ns = sorted(sent - planned for planned, sent in zip(entry["planned_ns"], entry["sent_ns"]))
        self.assertGreaterEqual(late_ns[0], 0)
        self.assertLess(late_ns[len(late_ns) // 2], 20_000_000)    # half of them at least, on the busiest machine

    def test_log_and_client_are_told_the_same(self):
        self.plant()
        final = self.chat().final
        entry, = self.server.log()
        table = [("prompt_eval_count", "prompt_tokens"), ("prompt_eval_duration", "prompt_eval_ns"),
                 ("eval_count", "eval_tokens"), ("eval_duration", "eval_ns"), ("load_duration", "load_ns"),
                 ("done_reason", "done_reason")]
        for told, known in table:
            with self.subTest(told=told):
                self.assertEqual(final[told], entry[known])

    def test_the_log_can_be_read_in_parts_and_cleared(self):
        self.plant()
        for _ in range(3):
            self.get("/api/version")
        self.assertEqual([entry["n"] for entry in self.server.log(1)], [1, 2])
        self.server.ask("/fake/log/clear", {})
        self.assertEqual(self.server.log(), [])

    def test_a_new_script_forgets_everything(self):
        self.plant(rules=[{"when": {"nth": 2}, "do": {"fault": "status"}}])
        self.generate("a b c", raw=True)
        self.plant(rules=[{"when": {"nth": 2}, "do": {"fault": "status"}}])
        self.assertEqual((self.shown(), len(self.server.log())), ([], 1))
        self.plant()
        self.generate("a b c", raw=True)
        self.assertEqual([entry["cached_tokens"] for entry in self.server.log()], [0])


class ProcessTest(unittest.TestCase):

    def start(self, *arguments: str) -> subprocess.Popen:
        process = subprocess.Popen([*support.PYTHON, str(support.HARNESS / "self_test" / "fake_ollama"), *arguments],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_it_says_one_line_and_ends_with_its_standard_input(self):
        process = self.start()
        said = json.loads(process.stdout.readline())
        self.assertEqual((sorted(said), said["pid"]), (["pid", "url"], process.pid))
        self.assertEqual(ask(said["url"], "GET", "/api/version").status, 200)
        rest, complaints = process.communicate(timeout=10)
        self.assertEqual((process.returncode, rest, complaints), (0, b"", b""))

    @unittest.skipIf(os.name == "nt", "Windows has no such signal")
    def test_it_ends_when_it_is_told_to(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                process = self.start()
                process.stdout.readline()
                process.send_signal(number)
                self.assertEqual(process.wait(timeout=10), 0)

    def test_the_manual_names_every_endpoint_of_its_own(self):
        process = self.start("--help")
        text = process.communicate(timeout=10)[0].decode()
        for path in ("/fake/script", "/fake/log", "/fake/log/clear"):
            self.assertIn(path, text)


if __name__ == "__main__":
    unittest.main()

"""A trial: every way a stream can end becomes one outcome, and a stamp is the moment at which the bytes came."""
from __future__ import annotations

import contextlib
import gc
import json
import random
import threading
import time
import unittest

import support

from base import json_text, schema
from measure import http_call
from measure.connection import TimeLimits
from measure.endpoint import Endpoint
from measure.server_address import ServerAddress
from measure.http_call import ChatRequest, Stop, StreamResult
from support import chunk, head, listener, reset, whole

LIMITS = TimeLimits(2.0, 5.0, 5.0)
BODY = b'{"model":"m"}'
NESTED = {"error": json.dumps({"error": {"code": 400, "message": "request (1282 tokens) exceeds the context", "type": "x"}})}
COUNTS = {"total_duration": 900, "load_duration": 10, "prompt_eval_count": 59, "prompt_eval_duration": 200,
          "eval_count": 3, "eval_duration": 400}


def says(text: str, **more: object) -> bytes:
    """A line of /api/chat."""
    return json.dumps({"model": "m", "message": {"role": "assistant", "content": text}, "done": False, **more}).encode() + b"\n"


def done(reason: str | None = "stop", text: str = "", **more: object) -> bytes:
    return says(text, **{"done": True, **({} if reason is None else {"done_reason": reason}), **COUNTS, **more})


def streamed(*lines: bytes, end: bytes = chunk(b"")) -> bytes:
    return head() + b"".join(map(chunk, lines)) + end


def endpoint_at(port: int, limits: TimeLimits = LIMITS) -> Endpoint:
    return Endpoint(ServerAddress("http", "127.0.0.1", port), limits)


def made(answer, limits: TimeLimits = LIMITS) -> dict:
    """The fields of the record of one call to a server that answers so."""
    with listener(answer) as server:
        came, = http_call.run(endpoint_at(server.port, limits), [ChatRequest("/api/chat", BODY)], Stop())
    return http_call.record_fields(came)


def folded(*pieces: tuple, **changes: object) -> dict:
    """The fields of a record of what came when: (ms after the start, bytes)."""
    came = StreamResult([(10 ** 9 + ms * 10 ** 6, data) for ms, data in pieces], status=200, started_ns=10 ** 9,
                    ended_ns=10 ** 9 + 10 ** 10)
    for name, value in changes.items():
        setattr(came, name, value)
    return http_call.record_fields(came)


def after(data: bytes, then, pause_s: float = 0.05):
    """An answer that sends, waits a moment, and does something else."""
    def answer(connection, request):
        connection.sendall(data)
        time.sleep(pause_s)
        then(connection)
    return answer


def silent(data: bytes = b""):
    def answer(connection, request):
        connection.sendall(data)
        connection.settimeout(5)
        connection.recv(1)      # until the client gives up
    return answer


class Endings(unittest.TestCase):
    def test_every_way_a_stream_can_end_becomes_one_outcome(self):
        part = head() + chunk(says("He"))
        for why, answer, outcome, word, text in (
                ("a stop", streamed(says("He"), says("llo"), done()), "ok", None, "Hello"),
                ("a stop without a reason", streamed(says("He"), done(None)), "ok", None, "He"),
                ("the last text in the last chunk", streamed(says("He"), done(text="llo")), "ok", None, "Hello"),
                ("the limit", streamed(says("He"), done("length")), "length", None, "He"),
                ("the limit without text", streamed(done("length")), "length", None, ""),
                ("no text", streamed(says(""), done()), "empty", None, ""),
                ("a load", whole(b'{"model":"m","done":true,"done_reason":"load"}'), "empty", None, ""),
                ("one whole answer", whole(done(text="Hello").rstrip()), "ok", None, "Hello"),
                ("one whole answer that is not done", whole(says("Hello")), "cut", "without done", "Hello"),
                ("lines after done", streamed(done(text="He"), says("no"), b'{"error":"no"}\n'), "ok", None, "He"),
                ("a reset after done", after(head() + chunk(done(text="He")), reset), "ok", None, "He"),
                ("an end without an end after done", head() + chunk(done(text="He")), "ok", None, "He"),
                ("an error line after text", streamed(says("He"), b'{"error":"unexpected EOF"}\n'), "error",
                 "unexpected EOF", "He"),
                ("an error line at once", streamed(b'{"error":"no"}\n', says("He"), done()), "error", "no", ""),
                ("a clean end without done", streamed(says("He")), "cut", "without done", "He"),
                ("a closed connection between two chunks", part, "cut", "in the middle", "He"),
                ("a closed connection within a chunk", part + b"20\r\n{\"mess", "cut", "in the middle", "He"),
                ("a closed connection within a line", part + chunk(b'{"message":{"con'), "cut", "", "He"),
                ("a whole answer that breaks off", whole(done(text="He" * 99))[:300], "cut", "", ""),
                ("a reset after text", after(part, reset), "cut", "reset", "He"),
                ("a reset within a line", after(part + chunk(b'{"mess'), reset), "cut", "reset", "He"),
                ("done that is not true", streamed(says("He"), says("", done="true"), says("", done=1)), "cut", "done", "He"),
                ("an empty body", streamed(), "cut", "without done", ""),
                ("a body of no length", whole(b""), "cut", "without done", ""),
                ("nothing but empty lines", whole(b"\n\n \r\n"), "cut", "without done", ""),
                ("a refusal in two layers", whole(json.dumps(NESTED).encode(), 400), "refused",
                 "request (1282 tokens) exceeds the context", ""),
                ("a refusal by the runner", head(400, "application/json") + chunk(b'{"error":"too long"}') + chunk(b""),
                 "refused", "too long", ""),
                ("an unknown model", whole(b'{"error":"model \'m\' not found"}', 404), "refused", "model 'm' not found", ""),
                ("a refusal without words", whole(b"", 403), "refused", "HTTP 403", ""),
                ("a refusal in plain words", whole(b"404 page not found", 404), "refused", "404 page not found", ""),
                ("given up while loading", whole(b'{"error":"request canceled"}', 499), "refused", "canceled", ""),
                ("a refusal that breaks off", head(400, framing="Content-Length: 99") + b'{"err', "refused", "HTTP 400", ""),
                ("a server error", whole(b'{"error":"runner has unexpectedly stopped"}', 500), "error", "stopped", ""),
                ("a full queue", whole(b'{"error":"server busy, please try again.  maximum"}', 503), "error",
                 "server busy, please try again. maximum", ""),
                ("a server error without words", whole(b"", 502), "error", "HTTP 502", ""),
                ("a server error that says done", whole(done(text="He"), 500), "error", "", ""),
                ("another place", whole(b"", 302), "error", "HTTP 302", ""),
                ("no content", b"HTTP/1.1 204 No\r\n\r\n", "error", "HTTP 204", ""),
                ("plain text", whole(b"Ollama is running"), "error", "not a line of Ollama's: Ollama is running", ""),
                ("a page", whole(b"<html>\n<p>hello\n"), "error", "an HTML page", ""),
                ("a proxy's page", whole(b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n</html>\r\n", 502), "error",
                 "HTTP 502, an HTML page with the title '502 Bad Gateway'", ""),
                ("a page that forbids", whole(b"<!doctype html><h1>No</h1>", 403), "refused", "HTTP 403, an HTML page", ""),
                ("text in the middle", streamed(says("He"), b"oops\n", done()), "error", "not a line of Ollama's: oops", "He"),
                ("JSON that is no object", streamed(b"[1]\n"), "error", "not a line of Ollama's: [1]", ""),
                ("broken JSON in a line of its own", streamed(b'{"a":\n', done()), "error", "not a line", ""),
                ("bytes that are no text", streamed(b'{"response":"\xff"}\n', done()), "error", "not a line", ""),
                ("JSON nested too deep", streamed(b"[" * 99999 + b"\n"), "error", "not a line", ""),
                ("another machine", streamed(says("He", remote_host="https://example.com"), done()), "error",
                 "another machine (remote_host", ""),
                ("another machine's model", streamed(says("He", remote_model="x"), done()), "error", "remote_model", ""),
                ("garbage instead of HTTP", b"SSH-2.0-OpenSSH\r\n", "error", "SSH-2.0-OpenSSH", ""),
                ("garbage instead of a chunk", head() + b"zz\r\nabc", "cut", "", ""),
                ("closed without a byte", b"", "error", "closed the connection", ""),
                ("reset without a byte", after(b"", reset), "error", "reset", "")):
            with self.subTest(why):
                if word == "reset" and not support.resets_arrive():
                    self.skipTest(support.NO_RESETS)
                self.check(made(answer), outcome, word, text)

    def check(self, found: dict, outcome: str, word: str | None, text: str) -> None:
        self.assertEqual(found["outcome"], outcome, found["error"])
        self.assertEqual(found["answer"], text)
        if word is None:
            self.assertIsNone(found["error"])
        else:
            self.assertIn(word, found["error"])
        if outcome in ("ok", "length", "empty"):
            self.assertIsNotNone(found["done_ns"])
        else:
            self.assertEqual([found[name] for name in ("done_ns", "done_reason", *http_call.COUNTS)], [None] * 9)
        record = support.record("call", **found)
        self.assertEqual(schema.problems(record, "call"), [])
        json_text.dumps(record)

    def test_waiting_that_is_in_vain(self):
        part = head() + chunk(says("He"))
        for why, answer, limits, outcome, text in (
                ("not one byte", silent(), TimeLimits(2, 0.15, 5), "timeout", ""),
                ("a status line that breaks off", silent(b"HTTP/1.1 20"), TimeLimits(2, 0.15, 5), "timeout", ""),
                ("headers and then nothing", silent(head()), TimeLimits(2, 5, 0.15), "stalled", ""),
                ("silence between two chunks", silent(part), TimeLimits(2, 5, 0.15), "stalled", "He"),
                ("silence within a line", silent(part + chunk(b'{"mess')), TimeLimits(2, 5, 0.15), "stalled", "He"),
                ("silence within a refusal", silent(head(400) + chunk(b'{"er')), TimeLimits(2, 5, 0.15), "refused", ""),
                ("silence after done", silent(head() + chunk(done(text="He"))), TimeLimits(2, 5, 0.15), "ok", "He")):
            with self.subTest(why):
                began = time.perf_counter()
                found = made(answer, limits)
                self.assertEqual((found["outcome"], found["answer"]), (outcome, text))
                self.assertTrue(0.14 < time.perf_counter() - began < 3)
                self.assertGreater(found["end_ns"], 140_000_000)
                self.assertTrue(found["error"] or outcome == "ok")

    def test_a_first_byte_may_take_longer_than_a_silence_may_last(self):
        def answer(connection, request):
            time.sleep(0.3)
            connection.sendall(streamed(says("He"), done()))
        self.assertEqual(made(answer, TimeLimits(2, 5, 0.1))["outcome"], "ok")

    def test_nothing_that_listens(self):
        came, = http_call.run(endpoint_at(support.closed_port()), [ChatRequest("/api/chat", BODY)], Stop())
        found = http_call.record_fields(came)
        self.assertEqual(found["outcome"], "error")
        self.assertIn("refused", found["error"])
        for name in ("connect_ns", "sent_ns", "headers_ns", "http_status", "first_chunk_ns", "done_ns"):
            self.assertIsNone(found[name], name)
        self.assertEqual((found["end_ns"], found["chunks"], found["gaps_us"]), (0, 0, []))
        self.assertEqual(schema.problems(support.record("call", **found), "call"), [])

    def test_what_a_server_says_about_its_machine_does_not_pass(self):
        found = made(whole(b'{"error":"open /root/.ollama/models/x: no such file"}', 500))
        self.assertEqual(found["error"], "open <path>: no such file")


class Understanding(unittest.TestCase):
    def test_a_line_belongs_to_the_piece_that_ended_it(self):
        data = says("He") + says("llo") + done()
        first, second = len(says("He")), len(says("He") + says("llo"))
        found = folded((10, data[:5]), (20, data[5:first - 1]), (30, data[first - 1:first + 3]), (40, data[first + 3:second]),
                       (50, data[second:-1]), (60, data[-1:]))
        self.assertEqual([found[name] for name in ("first_chunk_ns", "first_text_ns", "last_text_ns", "done_ns")],
                         [30_000_000, 30_000_000, 40_000_000, 60_000_000])
        self.assertEqual((found["gaps_us"], found["chunks"]), ([10_000], 3))

    def test_any_way_of_cutting_the_bytes_gives_the_same_text(self):
        data = says("\u65e5\u672c") + says("\U0001f600 \u00e9\u2028") + says('"\\\n') + done()
        data = json.dumps(json.loads(says("x")), ensure_ascii=False).encode("utf-8") + b"\n" + data.replace(b"\\u00e9",
                                                                                                          b"\xc3\xa9")
        dice = random.Random(3)
        for _ in range(200):
            cuts = sorted(dice.sample(range(1, len(data)), dice.randint(0, 20)))
            pieces = [(n, data[a:b]) for n, (a, b) in enumerate(zip([0] + cuts, cuts + [len(data)]))]
            found = folded(*pieces)
            self.assertEqual((found["outcome"], found["answer"]), ("ok", 'x\u65e5\u672c\U0001f600 \u00e9\u2028"\\\n'))

    def test_several_lines_in_one_piece_have_one_stamp(self):
        found = folded((10, says("a") + says("b") + says("c")), (30, says("d") + done()))
        self.assertEqual((found["answer"], found["chunks"], found["text_chunks"]), ("abcd", 5, 4))
        self.assertEqual(found["gaps_us"], [0, 0, 20_000])

    def test_only_a_line_feed_ends_a_line(self):
        for mark in ("\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c", "\x7f"):
            raw = json.dumps({"response": f"a{mark}b", "done": True}, ensure_ascii=False).encode("utf-8")
            for control in (b"\x0b", b"\x0c", b"\x1c"):     # JSON wants these escaped
                raw = raw.replace(control, b"\\u%04x" % control[0])
            with self.subTest(ascii(mark)):
                self.assertEqual(folded((1, raw))["answer"], f"a{mark}b")
        self.assertEqual(folded((1, says("a\rb").replace(b"\n", b"\r\n")), (2, done()))["answer"], "a\rb")
        self.assertEqual(len(http_call.lines([(1, b"a\rb\x0bc\x85d\ne")])), 2)

    def test_the_first_chunk_may_be_empty_and_is_not_the_first_text(self):
        empty = b'{"response":"","thinking":"","done":false}\n'
        found = folded((10, empty), (20, says("")), (30, says("a")), (50, says("b")), (60, done()))
        self.assertEqual([found[name] // 10 ** 6 for name in
                          ("first_chunk_ns", "first_text_ns", "first_answer_ns", "last_text_ns", "done_ns")],
                         [10, 30, 30, 50, 60])
        self.assertEqual((found["chunks"], found["text_chunks"], found["gaps_us"]), (5, 2, [20_000]))

    def test_thinking_comes_before_the_answer(self):
        def think(text: str, answer: str = "") -> bytes:
            return json.dumps({"message": {"content": answer, "thinking": text}, "done": False}).encode() + b"\n"
        found = folded((10, think("Hm")), (20, think(", so")), (30, think(".", "So ")), (40, says("be it")), (50, done()))
        self.assertEqual((found["thinking"], found["answer"]), ("Hm, so.", "So be it"))
        self.assertEqual((found["text_chunks"], found["thinking_chunks"], found["chunks"]), (4, 3, 5))
        self.assertEqual((found["first_text_ns"], found["first_answer_ns"]), (10_000_000, 30_000_000))
        self.assertEqual(found["gaps_us"], [10_000] * 3)
        alone = folded((10, think("Hm")), (20, done("length")))
        self.assertEqual((alone["outcome"], alone["first_answer_ns"], alone["first_text_ns"]), ("length", None, 10_000_000))

    def test_generate_is_understood_like_chat(self):
        found = folded((10, b'{"response":"","thinking":"Hm","done":false}\n'), (20, b'{"response":"He","done":false}\n'),
                       (30, b'{"response":"llo","done":true,"done_reason":"stop","eval_count":3,"context":[1,2]}'))
        self.assertEqual((found["thinking"], found["answer"], found["outcome"]), ("Hm", "Hello", "ok"))

    def test_text_of_the_wrong_kind_is_no_text(self):
        for value in (5, ["a"], {"a": 1}, True, None, 1.5):
            line = json.dumps({"message": {"content": value, "thinking": value}, "response": value}).encode() + b"\n"
            with self.subTest(value):
                found = folded((10, line), (20, json.dumps({"message": value, "done": True}).encode()))
                self.assertEqual((found["outcome"], found["text_chunks"], found["thinking_chunks"], found["answer"]),
                                 ("empty", 0, 0, ""))

    def test_gaps_add_up_to_the_whole(self):
        dice = random.Random(5)
        for _ in range(100):
            stamps = sorted(dice.randrange(10 ** 10) for _ in range(dice.randint(2, 300)))
            gaps = http_call.gaps_us(stamps)
            self.assertEqual(len(gaps), len(stamps) - 1)
            self.assertLessEqual(abs(sum(gaps) - (stamps[-1] - stamps[0]) / 1000), 1)
            self.assertGreaterEqual(min(gaps), 0)
        self.assertEqual((http_call.gaps_us([]), http_call.gaps_us([7])), ([], []))
        self.assertEqual(http_call.gaps_us([0, 1499, 1500, 2499, 2500]), [1, 1, 0, 1])

    def test_halves_of_a_surrogate_pair_find_each_other_or_are_replaced(self):
        for first, second, text in (("\\ud83d", "\\ude00", "\U0001f600"), ("a\\ud83d", "b", "a\ufffdb"),
                                    ("\\ude00", "\\ud83d", "\ufffd\ufffd"), ("\\ud83d\\ude00", "\\ud83d", "\U0001f600\ufffd")):
            with self.subTest(text):
                lines = [says("@").replace(b"@", half.encode()) for half in (first, second)]
                found = folded((1, lines[0]), (2, lines[1]), (3, done()))
                self.assertEqual(found["answer"], text)
                found["answer"].encode("utf-8")

    def test_counts_are_taken_as_they_come_and_absent_ones_are_null(self):
        found = folded((1, says("a")), (2, done(prompt_eval_cached_count=0)))
        self.assertEqual([found[name] for name in http_call.COUNTS], [900, 10, 59, 200, 0, 3, 400])
        found = folded((1, says("a")), (2, b'{"done":true}'))
        self.assertEqual([found[name] for name in http_call.COUNTS], [None] * 7)
        self.assertIsNone(found["done_reason"])

    def test_a_count_that_is_none_is_null(self):
        for value in (-1, 1.5, 3.0, True, False, "3", None, [], 2 ** 63, 10 ** 400, float("nan"), float("inf"), 1e300):
            with self.subTest(str(value)[:20]):
                found = folded((1, says("a")), (2, done(eval_count=value, total_duration=value)))
                self.assertEqual((found["eval_tokens"], found["total_ns"], found["prompt_tokens"]), (None, None, 59))
                self.assertEqual(found["outcome"], "ok")
        self.assertEqual(folded((2, done(eval_count=2 ** 63 - 1)))["eval_tokens"], 2 ** 63 - 1)
        self.assertIsNone(folded((2, done(done_reason=5)))["done_reason"])

    def test_a_huge_line_in_small_pieces_is_read_quickly(self):
        line = done(text="x" * 10 ** 6, context=list(range(200000)))
        began = time.thread_time()
        found = folded(*[(n, line[n * 1000:(n + 1) * 1000]) for n in range(len(line) // 1000 + 1)])
        self.assertLess(time.thread_time() - began, 3)
        self.assertEqual((found["outcome"], len(found["answer"])), ("ok", 10 ** 6))
        self.assertEqual(made(streamed(says("a"), line))["answer"], "a" + "x" * 10 ** 6)


class Stamps(unittest.TestCase):
    def test_stamps_of_a_real_stream_are_never_early_and_stand_in_order(self):
        sent: list = []

        def answer(connection, request):
            time.sleep(0.03)
            connection_says = [head() + chunk(says("a"))] + [chunk(says("b"))] * 5 + [chunk(done()) + chunk(b"")]
            for data in connection_says:
                sent.append(time.perf_counter_ns())
                connection.sendall(data)
                time.sleep(0.02)
        with listener(answer) as server:
            came, = http_call.run(endpoint_at(server.port), [ChatRequest("/api/chat", BODY)], Stop())
        found = http_call.record_fields(came)
        moments = [found[name] for name in ("sent_ns", "headers_ns", "first_chunk_ns", "first_text_ns", "last_text_ns",
                                            "done_ns", "end_ns")]
        self.assertEqual(moments, sorted(moments))
        self.assertEqual(found["headers_ns"], found["first_chunk_ns"])
        for moment, now in ((found["first_text_ns"], sent[0]), (found["last_text_ns"], sent[5]), (found["done_ns"], sent[6])):
            self.assertGreaterEqual(moment, now - came.started_ns)
        self.assertEqual(len(found["gaps_us"]), 5)
        self.assertGreater(min(found["gaps_us"][1:]), 0)
        self.assertGreater(found["connect_ns"], 0)


class Several(unittest.TestCase):
    def test_all_requests_leave_at_one_moment(self):
        spreads = []
        with listener(after(b"", lambda connection: connection.sendall(streamed(says("a"), done())))) as server:
            for _ in range(3):
                arrivals = http_call.run(endpoint_at(server.port), [ChatRequest("/api/chat", b'{"n":%d}' % n) for n in range(8)],
                                     Stop())
                starts = [came.started_ns for came in arrivals]
                spreads.append(max(starts) - min(starts))
                self.assertEqual([http_call.record_fields(came)["outcome"] for came in arrivals], ["ok"] * 8)
            bodies = {request.partition(b"\r\n\r\n")[2] for request in server.requests}
        self.assertEqual(len(bodies), 8)
        self.assertLess(min(spreads), 20_000_000)

    def test_arrivals_stand_in_the_order_of_the_requests(self):
        def answer(connection, request):
            number = json.loads(request.partition(b"\r\n\r\n")[2])["n"]
            time.sleep(0.03 * (4 - number))
            connection.sendall(streamed(says(str(number)), done()))
        with listener(answer) as server:
            arrivals = http_call.run(endpoint_at(server.port), [ChatRequest("/api/chat", b'{"n":%d}' % n) for n in range(4)], Stop())
        self.assertEqual([http_call.record_fields(came)["answer"] for came in arrivals], list("0123"))

    def test_one_that_cannot_connect_does_not_hold_the_others(self):
        closed = support.closed_port()

        class Astray(Endpoint):
            """Whose path /astray leads to a port on which nothing listens."""
            def connection(self, path, *rest):
                return endpoint_at(closed).connection(path, *rest) if path == "/astray" else super().connection(path, *rest)
        with listener(streamed(says("a"), done())) as server:
            here = Astray(ServerAddress("http", "127.0.0.1", server.port), LIMITS)
            for paths in (("/astray", "/a", "/b"), ("/a", "/b", "/astray"), ("/astray", "/astray")):
                with self.subTest(paths):
                    began = time.perf_counter()
                    arrivals = http_call.run(here, [ChatRequest(path, BODY) for path in paths], Stop())
                    self.assertEqual([http_call.record_fields(came)["outcome"] for came in arrivals],
                                     ["error" if path == "/astray" else "ok" for path in paths])
                    self.assertLess(time.perf_counter() - began, 3)

    def test_a_tick_tells_how_much_has_come(self):
        told: list = []

        def answer(connection, request):
            connection.sendall(head() + chunk(says("a")))
            time.sleep(0.3)
            connection.sendall(chunk(says("b")))
            time.sleep(0.25)
            connection.sendall(chunk(done()) + chunk(b""))
        with listener(answer) as server:
            http_call.run(endpoint_at(server.port), [ChatRequest("/api/chat", BODY)], Stop(), told.append)
        self.assertEqual(told, sorted(told))
        self.assertIn(1, told)
        self.assertLessEqual(set(told), {0, 1, 2, 3})


class Stopping(unittest.TestCase):
    def broken_off(self, answer, before_s: float = 0.15, count: int = 1) -> tuple:
        """(records, seconds from the order to the end)."""
        stop, began = Stop(), []

        def order():
            began.append(time.perf_counter())
            stop.break_off()
        with listener(answer) as server:
            timer = threading.Timer(before_s, order)
            timer.start()
            arrivals = http_call.run(endpoint_at(server.port, TimeLimits(5, 30, 30)), [ChatRequest("/api/chat", BODY)] * count, stop)
            took = time.perf_counter() - began[0]
            timer.join()
        self.assertTrue(stop.soon and stop.now)
        return [http_call.record_fields(came) for came in arrivals], took

    def test_a_call_that_is_broken_off_ends_at_once(self):
        for why, answer, count, text in (("before the first byte", silent(), 1, ""),
                                         ("within the stream", silent(head() + chunk(says("He"))), 1, "He"),
                                         ("within a line", silent(head() + chunk(says("He")) + chunk(b'{"m')), 1, "He"),
                                         ("several", silent(head() + chunk(says("He"))), 4, "He")):
            with self.subTest(why):
                records, took = self.broken_off(answer, count=count)
                self.assertEqual([(found["outcome"], found["answer"], found["error"]) for found in records],
                                 [("interrupted", text, None)] * count)
                self.assertLess(took, 1.5)
                self.assertEqual(schema.problems(support.record("call", **records[0]), "call"), [])

    def test_a_call_that_was_done_stays_done(self):
        records, _ = self.broken_off(silent(head() + chunk(done(text="He"))))
        self.assertEqual((records[0]["outcome"], records[0]["answer"]), ("ok", "He"))

    def test_an_order_that_came_before_the_calls_stops_them(self):
        stop = Stop()
        stop.break_off()
        with listener(silent()) as server:
            arrivals = http_call.run(endpoint_at(server.port), [ChatRequest("/api/chat", BODY)] * 3, stop)
            self.assertEqual([http_call.record_fields(came)["outcome"] for came in arrivals], ["interrupted"] * 3)
            self.assertEqual([request for request in server.requests if request], [])

    def test_a_sleep_ends_when_a_stop_is_asked_for(self):
        stop = Stop()
        began = time.perf_counter()
        stop.sleep(0.05)
        self.assertGreaterEqual(time.perf_counter() - began, 0.045)
        threading.Timer(0.1, lambda: setattr(stop, "soon", True)).start()
        began = time.perf_counter()
        stop.sleep(30)
        self.assertLess(time.perf_counter() - began, 5)


class Collector(unittest.TestCase):
    def setUp(self):
        self.addCleanup(gc.enable)

    def test_it_is_off_while_a_stream_runs_and_as_it_was_afterwards(self):
        seen: list = []

        def answer(connection, request):
            seen.append(gc.isenabled())
            connection.sendall(streamed(says("a"), done()))
        for before in (True, False):
            with self.subTest(before):
                gc.enable() if before else gc.disable()
                made(answer)
                self.assertEqual((seen.pop(), gc.isenabled()), (False, before))

    def test_it_is_as_it_was_after_an_error(self):
        gc.enable()
        with listener(silent()) as server, contextlib.suppress(ZeroDivisionError):
            http_call.run(endpoint_at(server.port, TimeLimits(1, 0.5, 1)), [ChatRequest("/api/chat", BODY)], Stop(), lambda chunks: 1 // 0)
        self.assertTrue(gc.isenabled())


if __name__ == "__main__":
    unittest.main()

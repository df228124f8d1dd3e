"""The response parser: the same bytes give the same response however they are cut, and whatever is not HTTP is told."""
from __future__ import annotations

import random
import unittest

import support

from measure import response_parser
from measure.response_parser import ResponseParser
from support import chunk, head, whole


def parsed(*pieces: bytes, closed: bool = False) -> tuple:
    """(status, body, whether it is complete, problem)."""
    parser = ResponseParser()
    body = b"".join(parser.feed(piece) for piece in pieces)
    if closed:
        parser.end()
    return parser.status, body, parser.is_complete, parser.problem


class Framing(unittest.TestCase):
    def test_a_body_ends_where_its_framing_says(self):
        chunked = head() + chunk(b"one\n") + chunk(b"two\n")
        for why, data, body, complete in (
                ("chunks", chunked + chunk(b""), b"one\ntwo\n", True),
                ("chunks without the last one", chunked, b"one\ntwo\n", False),
                ("trailers", chunked + b"0\r\nX-Sum: 1\r\n\r\n", b"one\ntwo\n", True),
                ("extensions", head() + b"4;a=b\r\none\n\r\n000;last\r\n\r\n", b"one\n", True),
                ("capital digits and blanks", head() + b"0A \r\n0123456789\r\n0\r\n\r\n", b"0123456789", True),
                ("bare line feeds", head().replace(b"\r\n", b"\n") + b"4\none\n\n0\n\n", b"one\n", True),
                ("bytes after the end", chunked + chunk(b"") + b"HTTP/1.1 200 OK\r\n\r\n", b"one\ntwo\n", True),
                ("a length", whole(b"one\n"), b"one\n", True),
                ("a length that is not reached", whole(b"one\n")[:-1], b"one", False),
                ("bytes after a length", whole(b"one\n") + b"two\n", b"one\n", True),
                ("a length of nothing", whole(b""), b"", True),
                ("no length", b"HTTP/1.0 200 OK\r\n\r\none\n", b"one\n", False),
                ("no content", b"HTTP/1.1 204 None\r\n\r\n", b"", True),
                ("a length that is none", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\none\n", b"one\n", False),
                ("continue first", b"HTTP/1.1 100 Continue\r\n\r\n" * 3000 + whole(b"one\n"), b"one\n", True)):
            with self.subTest(why):
                self.assertEqual(parsed(data), (204 if why == "no content" else 200, body, complete, None))

    def test_any_way_of_cutting_the_bytes_gives_the_same_response(self):
        dice = random.Random(7)
        for data in (head() + chunk(b"one\n") + chunk(b"\r\n0\r\n\r\n") + chunk(b"x" * 300) + b"0\r\nX: y\r\n\r\n",
                     b"HTTP/1.1 100 Continue\r\n\r\n" + whole(b"0123456789" * 9)):
            expected = parsed(data)
            for _ in range(200):
                cuts = sorted(dice.sample(range(1, len(data)), dice.randint(0, 12)))
                self.assertEqual(parsed(*[data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)])]), expected)
            self.assertEqual(parsed(*[data[n:n + 1] for n in range(len(data))]), expected)

    def test_the_first_of_several_headers_counts_and_case_does_not(self):
        parser = ResponseParser()
        parser.feed(b"HTTP/1.1 302 Found\r\nLOCATION: a\r\nlocation: b\r\nno colon\r\nEmpty:\r\n\r\n")
        self.assertEqual((parser.status, parser.headers), (302, {"location": "a", "empty": ""}))


class Problems(unittest.TestCase):
    def test_what_is_not_a_response_is_a_problem(self):
        for data, word in (
                (b"SSH-2.0-OpenSSH\r\n", "not an HTTP response: SSH-2.0-OpenSSH"), (b"\x00\x01", "not an HTTP"), (b"\n" * 9, "not"),
                (b"HTTP/1.1 abc\r\n\r\n", "not an HTTP"), (b"HTTP/2 200\r\n", "not"), (b"HTTP/1.1 999 X\r\n", "not"),
                (b"HTTP/1.1 200 OK\r\nX: " + b"y" * response_parser.MAX_HEAD_BYTES, "headers without an end"),
                (head() + b"zz\r\n", "not the size of a chunk: zz"), (head() + b"-5\r\nabc", "size of a chunk"),
                (head() + b"0x5\r\nabc", "size of a chunk"), (head() + b"1" * 5000, "a chunk without a size"),
                (head() + b"1" * 50 + b"\r\n", "size of a chunk")):
            with self.subTest(data[:60]):
                self.assertIn(word, parsed(data)[3])
                self.assertEqual(parsed(data, chunk(b"more"))[1], b"")

    def test_what_came_before_a_problem_is_kept(self):
        self.assertEqual(parsed(head() + chunk(b"one\n") + b"zz\r\n")[:2], (200, b"one\n"))

    def test_a_connection_that_is_closed_completes_only_a_response_without_a_length(self):
        for data, word in ((b"", "without a response"), (b"HTTP/1.1 20", "within the headers"), (head()[:-2], "within the headers"),
                           (head(), "in the middle"), (head() + chunk(b"one"), "in the middle"), (head() + b"5\r\non", "in the middle"),
                           (whole(b"one")[:-1], "in the middle"), (whole(b"one"), None), (head() + chunk(b""), None),
                           (b"HTTP/1.0 200 OK\r\n\r\none", None)):
            with self.subTest(data[-20:]):
                _, _, complete, problem = parsed(data, closed=True)
                self.assertEqual(complete, word is None)
                self.assertIn(word or "", problem or "")


if __name__ == "__main__":
    unittest.main()

"""Scrub: no path, address or name of a machine passes; what tells the reason does."""
from __future__ import annotations

import time
import unittest

import support

from base.scrub import MAX_CHARACTERS, scrub


class Scrub(unittest.TestCase):
    def test_what_tells_whose_machine_it_is_is_replaced(self):
        for text, left in {
            "open /root/.ollama/models/blobs/sha256-1f: no such file": "open <path>: no such file",
            "in /home/ana maria/x y/z.gguf": "in <path>",
            "see ~/models/a.gguf": "see <path>",
            'file="/Users/ana/m"': 'file="<path>"',
            r"open C:\Users\Ana Maria\models\a.gguf failed": "open <path> failed",
            r"C:\\Users\\ana\\x": "<path>",
            "C:/Users/ana/x": "C:<path>",
            r"\\nas\ana maria\x gone": "<path> gone",
            "POST http://192.168.1.5:11434/api/chat": "POST <url>",
            "proxy https://ana:pw@host.example/x?key=1 said no": "proxy <url> said no",
            "dial tcp 10.0.0.7:443: refused": "dial tcp <address>: refused",
            "from 192.168.178.20": "from <address>",
            "fe80::1 is down": "<address> is down",
            "[fe80::1%eth0]:11434 is down": "<address> is down",
            "[2001:db8::5]:443 is down": "<address> is down",
            "2001:db8:0:0:0:0:0:5 is down": "<address> is down",
            "on aa:bb:cc:dd:ee:0f": "on <address>",
            "on AA-BB-CC-DD-EE-0F": "on <address>",
            "lookup anas-mac.local: no such host": "lookup <host>: no such host",
            "lookup db.ana.internal: no such host": "lookup <host>: no such host",
            "mail ana.b@mail.example.org now": "mail <e-mail> now",
            "Authorization: Bearer abc.def": "Authorization: <secret>",
            "authorization: bearer abc.def": "authorization: <secret>",
            "key sk-abcdefgh1234 is wrong": "key <secret> is wrong",
            "key github_pat_abcdefgh1234 is wrong": "key <secret> is wrong",
        }.items():
            with self.subTest(text):
                self.assertEqual(scrub(text), left)

    def test_what_tells_the_reason_stays(self):
        for text in (
                "model 'llama3.2:1b' not found", "llama-server process has terminated: exit status 1",
                "server busy, please try again. maximum pending requests exceeded", "POST /api/chat answers HTTP 500",
                "the /v1/chat/completions path", "127.0.0.1:11434 refused", "took 12:34:56, 3/4 done, n/a", "std::vector",
                "at 2026-01-02T03:04:05Z", "version 0.33.0-rc2", "token repeat limit reached", "std::out_of_range",
                'option "num_ctx" must be of type integer', "request (1282 tokens) exceeds (512 tokens)"):
            with self.subTest(text):
                self.assertEqual(scrub(text), text)

    def test_the_result_is_one_line_that_a_terminal_and_a_file_can_take(self):
        for text in ("a\nb\r\nc\td", "a\u2028b\u0085c", "a\x1bb\x00c", "a\ud800b\u202ec"):
            with self.subTest(ascii(text)):
                self.assertRegex(scrub(text), r"\Aa b c( d)?\Z")
                scrub(text).encode("utf-8")

    def test_it_is_short_and_quickly_there_whatever_comes(self):
        for text in ("a." * 10000, "/ " * 10000, "\\" * 10000, "a@" * 10000, "1:" * 10000, "::" * 10000, "a-b." * 10000,
                     "/a b" * 10000, "[a:" * 10000, "C:\\" + "a " * 10000, "x" * 10 ** 7):
            with self.subTest(text[:4]):
                began = time.thread_time()
                self.assertLessEqual(len(scrub(text)), MAX_CHARACTERS)
                self.assertLess(time.thread_time() - began, 2)


if __name__ == "__main__":
    unittest.main()

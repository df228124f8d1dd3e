"""Remote calls: what comes from a hostile process is a value, or the end of the connection."""
from __future__ import annotations

import io
import unittest

import support  # noqa: F401  (puts the harness on the path)

from derive.code_runner import rpc


class Messages(unittest.TestCase):
    """What the test process accepts from a hostile untrusted process."""

    def channel(self, said: bytes, limit_bytes: int = 10_000) -> rpc.Channel:
        return rpc.Channel(io.BytesIO(said), -1, limit_bytes, None, lambda line, number, called: rpc.Proxy(line, number))

    def test_plain_values_come_back_as_they_were(self):
        from decimal import Decimal
        from fractions import Fraction
        line = self.channel(b"")
        for value in (None, True, False, 0, -1, 2 ** 63, -2 ** 100, 1.5, -0.0, float("inf"), "", "\udc80\u2028", [],
                      (1, [2, (3,)]), {1: {"a": (None,)}, (1, 2): 0}, {1, 2}, frozenset((3,)), Fraction(1, 3),
                      Fraction(2 ** 80, 3), Decimal("1.10"), {True: 1}, {"mine": [0, "x"]}):
            with self.subTest(value=value):
                found = line.unpack(line.pack(value))
                self.assertEqual((found, type(found), repr(found)), (value, type(value), repr(value)))

    def test_a_malformed_value_is_never_unpacked(self):
        for bad in ('[1]', '{"list": 1}', '{"x": 1}', '{}', '{"int": "0x1", "list": []}', '{"yours": 0}', '{"yours": -1}',
                    '{"dict": [[{"list": []}, 1]]}', '{"set": [{"list": []}]}', '{"mine": 1}', '{"fraction": [1, 0]}',
                    '{"float": "1e5"}', '{"decimal": "abc"}', '{"int": "0x' + "f" * 9000 + '"}', '{"yours": null}'):
            line = self.channel(b'["ok", ' + bad.encode() + b"]\n")
            with self.subTest(bad[:40]), self.assertRaises(rpc.ConnectionLost), rpc.lost_on_error():
                line.unpack(line.receive()[1])

    def test_a_malformed_message_is_never_an_answer(self):
        for bad in (b"", b"\n", b"[]\n", b"1\n", b"[1]\n", b"{}\n", b"nonsense\n", b"[\"ok\", NaN]\n", b"[\"ok\", 1\n",
                    b"[" * 5000 + b"\n", b"[\"ok\", " + b"9" * 5000 + b"]\n", b"\xff\n"):
            with self.subTest(bad[:20]), self.assertRaises(rpc.ConnectionLost) as caught:
                self.channel(bad).receive()
            self.assertEqual(caught.exception.reason, "crashed")
        with self.assertRaises(rpc.ConnectionLost) as caught:
            self.channel(b'["' + b"x" * 20_000 + b'"]\n').receive()
        self.assertEqual(caught.exception.reason, "output")

    def test_an_exception_is_caught_by_every_built_in_name_it_goes_by_and_by_no_other(self):
        class Mine(KeyError, ZeroDivisionError):
            pass
        for problem, caught_by in ((ValueError("x"), ValueError), (Mine("x"), KeyError), (Mine("x"), ZeroDivisionError),
                                   (UnicodeDecodeError("utf-8", b"", 0, 1, "x"), ValueError), (OSError(2, "x"), OSError)):
            _, names, text = rpc.exception_message(problem)
            with self.subTest(problem=problem), self.assertRaises(caught_by) as caught:
                raise rpc.remote_exception(names, text)
            self.assertEqual(str(caught.exception), str(problem))
        for names in (["SystemExit"], ["BaseException"], ["print"], [], ["Lost"], ["KeyboardInterrupt", "object"]):
            found = rpc.remote_exception(names, "")
            self.assertIsInstance(found, Exception)
            self.assertNotIsInstance(found, (ValueError, SystemExit, rpc.ConnectionLost))


if __name__ == "__main__":
    unittest.main()

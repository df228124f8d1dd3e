"""The instrument: the arithmetic of its errors on stamps made by hand, and one measurement of the real thing."""
from __future__ import annotations

import json
import subprocess
import unittest
from unittest import mock

import support

from base import records, schema
from base.errors import BROKEN, UserError
from self_test import timing_floor
from measure import http_call

US = 1000


def heard(*stamps_us: float) -> http_call.StreamResult:
    """A stream whose lines came at these moments."""
    return http_call.StreamResult([(int(now * US), b'{"x":1}\n') for now in stamps_us])


def sent(received_us: float, *offsets_us: float) -> dict:
    """The fake server's row: when it had the request, and when each line left after that."""
    return {"received_ns": int(received_us * US), "sent_ns": [int(offset * US) for offset in offsets_us]}


def truth(*rows: dict) -> dict:
    return {f"{number:018d}": row for number, row in enumerate(rows, 1)}


class Ranks(unittest.TestCase):
    def test_the_smallest_value_that_so_many_do_not_exceed(self):
        hundred = list(range(1, 101))
        for values, share, found in (
                ([5.0], 0.5, 5.0), ([5.0], 0.99, 5.0), ([5.0], 1.0, 5.0), ([1, 2], 0.5, 1), ([1, 2, 3], 0.5, 2),
                ([1, 2, 3, 4], 0.5, 2), (hundred, 0.5, 50), (hundred, 0.99, 99), (hundred, 1.0, 100), (hundred, 0.001, 1),
                (list(range(1, 201)), 0.99, 198), (list(range(1, 12)), 0.99, 11), ([3, 1, 2], 1.0, 3),
                ([-7.0, -5.0, 4.0], 0.5, -5.0), ([1.26], 1.0, 1.3)):
            with self.subTest(values=values[:4], share=share):
                self.assertEqual(timing_floor.nearest_rank(values, share), found)

    def test_of_nothing_it_is_zero(self):
        self.assertEqual(timing_floor.nearest_rank([], 0.5), 0.0)

    def test_the_values_are_left_as_they_were(self):
        values = [3, 1, 2]
        timing_floor.nearest_rank(values, 0.5)
        self.assertEqual(values, [3, 1, 2])

    def test_steps_lie_between_neighbours(self):
        for stamps, between in (([], []), ([7], []), ([7, 9], [2]), ([7, 9, 9, 20], [2, 0, 11])):
            with self.subTest(stamps):
                self.assertEqual(timing_floor.steps(stamps), between)


class Compare(unittest.TestCase):
    def compare(self, came: list, rows: dict, streams: int = 1, cpu_s: float = 0.0) -> dict:
        found = timing_floor.compare(came, rows, streams, cpu_s)
        self.assertEqual(schema.problems(found, "floor"), [])
        self.assertEqual(list(found), [field.name for field in records.RECORDS["floor"]])
        return found

    def test_what_is_heard_at_once_has_no_error(self):
        found = self.compare([heard(110, 210, 310)], truth(sent(100, 10, 110, 210)))
        self.assertEqual({name: value for name, value in found.items() if "error" in name and value}, {})
        self.assertEqual((found["streams"], found["chunks"]), (1, 3))

    def test_a_constant_lateness_shows_in_the_first_text_alone(self):
        found = self.compare([heard(135, 235, 335)], truth(sent(100, 10, 110, 210)))
        self.assertEqual((found["ttft_error_us_p50"], found["ttft_error_us_max"], found["gap_error_us_max"]), (25, 25, 0))

    def test_a_late_chunk_spoils_the_gap_before_it_and_the_one_behind_it(self):
        found = self.compare([heard(110, 217, 310, 410)], truth(sent(100, 10, 110, 210, 310)))
        self.assertEqual((found["gap_error_us_p50"], found["gap_error_us_p99"], found["gap_error_us_max"]), (7, 7, 7))
        found = self.compare([heard(110, 210, 310, 413)], truth(sent(100, 10, 110, 210, 310)))
        self.assertEqual((found["gap_error_us_p50"], found["gap_error_us_max"]), (0, 3))

    def test_errors_of_gaps_have_no_sign_and_those_of_the_first_text_have(self):
        found = self.compare([heard(108, 205)], truth(sent(100, 10, 110)))
        self.assertEqual((found["ttft_error_us_max"], found["gap_error_us_max"]), (-2, 3))

    def test_each_stream_is_compared_with_the_row_of_its_own_number(self):
        rows = truth(sent(100, 10, 20), sent(500, 10, 20), sent(900, 10, 20))
        found = self.compare([heard(111, 121), heard(515, 525), heard(912, 922)], rows, streams=3)
        self.assertEqual((found["ttft_error_us_p50"], found["ttft_error_us_max"], found["chunks"]), (2, 5, 6))
        swapped = self.compare([heard(515, 525), heard(111, 121), heard(912, 922)], rows, streams=3)
        self.assertGreater(swapped["ttft_error_us_max"], 400)

    def test_lines_that_come_in_one_piece_share_its_moment(self):
        came = http_call.StreamResult([(110 * US, b'{"x":1}\n{"x"'), (330 * US, b':2}\n{"x":3}\n')])
        found = self.compare([came], truth(sent(100, 10, 110, 210)))
        self.assertEqual((found["chunks"], found["gap_error_us_max"], found["gap_error_us_p50"]), (3, 120, 100))

    def test_processor_time_is_for_each_chunk(self):
        for cpu_s, each in ((0.003, 1000.0), (0.0, 0.0), (0.0001, 33.3)):
            with self.subTest(cpu_s):
                self.assertEqual(self.compare([heard(110, 210, 310)], truth(sent(100, 10, 110, 210)), 1,
                                              cpu_s)["cpu_us_per_chunk"], each)
        self.assertEqual(self.compare([], {}, 1, 0.5)["chunks"], 0)


class Real(unittest.TestCase):
    def test_the_floor_is_a_record_and_is_measured_from_every_stream(self):
        found = timing_floor.floor(streams=2, calls=2, chunks=20, gap_ms=0.5)
        self.assertEqual(schema.problems(found, "floor"), [])
        self.assertEqual((found["streams"], found["chunks"]), (2, 2 * 2 * 21))     # 20 with text, one that says done
        self.assertGreater(found["cpu_us_per_chunk"], 0)
        self.assertGreater(found["ttft_error_us_p50"], 0)
        self.assertLess(found["ttft_error_us_p50"], 50_000)     # how much less is for the benchmark to say

    def test_the_stub_ends_with_the_block_even_if_that_fails(self):
        started, real = [], subprocess.Popen

        def popen(*words: object, **more: object) -> subprocess.Popen:
            started.append(real(*words, **more))
            return started[-1]
        with mock.patch.object(timing_floor.subprocess, "Popen", popen), self.assertRaises(ZeroDivisionError):
            with timing_floor.fake_server() as endpoint:
                self.assertTrue(endpoint.target.is_loopback)
                raise ZeroDivisionError
        self.assertEqual([process.poll() is not None for process in started], [True])

    def test_a_stub_that_does_not_start_is_told(self):
        with mock.patch.object(timing_floor, "SERVER", support.HARNESS / "no-such-folder"), \
                mock.patch.object(timing_floor.subprocess, "Popen", quiet(subprocess.Popen)), \
                self.assertRaises(UserError) as caught:
            with timing_floor.fake_server():
                self.fail("it started")
        self.assertEqual(caught.exception.exit_code, BROKEN)
        self.assertIn("did not start", str(caught.exception))


def quiet(popen: type) -> object:
    """The same, but what the process complains of is not shown among the tests."""
    return lambda *words, **more: popen(*words, **more, stderr=subprocess.DEVNULL)


class Requests(unittest.TestCase):
    def test_a_request_carries_its_number_where_the_stub_s_log_looks_for_it(self):
        request = timing_floor._request({"model": "floor:latest", "messages": ["old"], "options": {"num_predict": 4}}, 17)
        body = json.loads(request.body)
        self.assertEqual(body["messages"], [{"role": "user", "content": "000000000000000017\n\nFloor."}])
        self.assertEqual((body["model"], body["options"], request.endpoint), ("floor:latest", {"num_predict": 4}, "/api/chat"))


if __name__ == "__main__":
    unittest.main()

"""The checks of one call: whatever a real server was seen to do passes them, as it was recorded."""
from __future__ import annotations

import json
import unittest

import support

from base.ledger_records import CallRecord, typed
from judge import call_checks
from measure import http_call

RECORDINGS = support.ROOT / "tests" / "recordings"


def exchanges() -> list:
    """(file, request, response) of every recorded exchange with a model."""
    found = []
    for path in sorted(RECORDINGS.glob("*/*.json")):
        recording = json.loads(path.read_bytes())
        if not recording.get("trimmed"):
            found += [(f"{path.parent.name}/{path.name}", one["request"], one["response"]) for one in recording["exchanges"]
                      if one["request"]["path"] in ("/api/chat", "/api/generate")]
    return found


def as_call(request: dict, response: dict) -> CallRecord:
    """The record that the exchange would have left."""
    pieces = [(at_us * 1000, text.encode("utf-8")) for at_us, text in response["pieces"]]
    headers_ns = response["head_us"] * 1000 if "head_us" in response else None
    came = http_call.StreamResult(pieces, "end", None, response["status"], 1000, 0, 100, headers_ns, response["end_us"] * 1000)
    options = request["body"].get("options") if isinstance(request["body"], dict) else None
    return typed(support.record("call", role="measured", item="x", options={"num_ctx": 4096, "num_predict": 4096, **(options or {})},
                                **http_call.record_fields(came)))


class RealServers(unittest.TestCase):
    def test_no_exchange_of_any_version_contradicts_itself(self):
        recorded = exchanges()
        self.assertGreater(len(recorded), 150)
        outcomes = set()
        for name, request, response in recorded:
            call = as_call(request, response)
            outcomes.add(call.outcome)
            with self.subTest(recording=name):
                self.assertEqual(list(call_checks.problems(call)), [])
        self.assertLessEqual({"ok", "length", "empty", "refused", "error", "cut"}, outcomes)


class Outcomes(unittest.TestCase):
    def test_every_way_in_which_a_call_can_end_passes(self):
        for outcome, fields in (
                ("timeout", {"error": "no answer within the time limit"}), ("error", {"error": "nothing listens there"}),
                ("error", {"error": "x", "http_status": 503}), ("refused", {"error": "x", "http_status": 404}),
                ("stalled", {"error": "x", "http_status": 200}), ("cut", {"error": "x", "http_status": 200}),
                ("interrupted", {}), ("interrupted", {"http_status": 200})):
            with self.subTest(outcome=outcome, fields=fields):
                call = typed(support.record("call", role="measured", item="x", outcome=outcome, **fields))
                self.assertEqual(list(call_checks.problems(call)), [])

    def test_no_outcome_passes_for_another(self):
        done = as_call(*exchanges()[0][1:])
        for outcome in ("ok", "length", "empty", "refused", "error", "cut", "timeout", "stalled", "interrupted"):
            if outcome != done.outcome:
                with self.subTest(outcome=outcome):
                    self.assertTrue(list(call_checks.outcome(done._replace(outcome=outcome))))


if __name__ == "__main__":
    unittest.main()

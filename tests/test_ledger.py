"""The ledger: a chain of lines that is only ever appended to, and of which every change is seen."""
from __future__ import annotations

import contextlib
import hashlib
import json
import pathlib
import tempfile
import tracemalloc
import unittest
from unittest import mock

import ledgers
import support

from base import files, json_text, ledger, ledger_reader, run_folder
from base.errors import UserError
from base.ledger_records import CallRecord, MetaRecord
from support import record


def chained(records: list) -> bytes:
    """The records as a ledger's bytes, seq and prev filled in by hand."""
    prev, lines = None, []
    for seq, fields in enumerate(records):
        line = json.dumps({**fields, "seq": seq, "prev": prev}, separators=(",", ":")).encode("ascii")
        prev = hashlib.sha256(line).hexdigest()
        lines.append(line + b"\n")
    return b"".join(lines)


class InFolder(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = pathlib.Path(made.name)
        self.path = self.folder / run_folder.LEDGER

    def write(self, *kinds: str) -> list:
        """A ledger of plainest records; its lines."""
        with contextlib.closing(ledger.Writer(self.folder)) as writer:
            for kind in kinds:
                writer.append(plain(kind))
        return self.path.read_bytes().splitlines(keepends=True)


def plain(kind: str, **changes: object) -> dict:
    """A record as a session hands it over: seq and prev are the writer's."""
    return {name: value for name, value in record(kind, **changes).items() if name not in ("seq", "prev")}


class Write(InFolder):
    def test_each_line_names_its_number_and_the_hash_of_the_line_before(self):
        lines = self.write("meta", "call", "skipped", "footer")
        self.assertEqual(b"".join(lines), self.path.read_bytes())
        prev = None
        for seq, line in enumerate(lines):
            self.assertTrue(line.endswith(b"\n") and line.isascii())
            found = json.loads(line)
            self.assertEqual((found["seq"], found["prev"]), (seq, prev))
            self.assertEqual(list(found)[:3], ["type", "seq", "prev"])
            prev = hashlib.sha256(line[:-1]).hexdigest()

    def test_what_append_returns_is_what_read_yields(self):
        with contextlib.closing(ledger.Writer(self.folder)) as writer:
            written = [writer.append(plain("meta")), writer.append(plain("call", answer="\u00e9\u2028\n\U0001f600")),
                       writer.append(plain("footer"))]
        self.assertEqual(ledgers.lines(self.path), written)

    def test_a_record_that_the_schema_refuses_is_never_written(self):
        with contextlib.closing(ledger.Writer(self.folder)) as writer:
            writer.append(plain("meta"))
            for wrong in (plain("call", outcome="fine"), plain("call", extra=1), plain("call", repeat=True),
                          plain("call", total_ns=2 ** 70), {"type": "call"}, plain("call", start_ns=-1)):
                with self.assertRaisesRegex(ValueError, "the schema refuses"):
                    writer.append(wrong)
            with self.assertRaises(ValueError):
                writer.append(plain("call", options={"temperature": float("nan")}))
            writer.append(plain("call"))
        self.assertEqual([record.seq for record in ledger_reader.read(self.path)], [0, 1])

    def test_after_a_full_disk_the_chain_goes_on_where_it_was(self):
        with contextlib.closing(ledger.Writer(self.folder)) as writer:
            writer.append(plain("meta"))
            with mock.patch("base.files.os.write", lambda number, data: 5):
                self.assertRaises(UserError, writer.append, plain("call"))
            writer.append(plain("call"))
        self.assertEqual(len(list(ledger_reader.read(self.path))), 2)

    def test_a_second_writer_is_refused(self):
        with contextlib.closing(ledger.Writer(self.folder)):
            self.assertRaises(UserError, ledger.Writer, self.folder)


class Read(InFolder):
    def refused(self, data: bytes, place: int | None, word: str) -> None:
        self.path.write_bytes(data)
        with self.assertRaises(UserError) as caught:
            list(ledger_reader.read(self.path))
        where = str(self.path) if place is None else f"{self.path}:{place}"
        self.assertTrue(str(caught.exception).startswith(f"{where}: "), str(caught.exception))
        self.assertIn(word, str(caught.exception))
        self.assertIn("; ", str(caught.exception))

    def test_a_broken_ledger_is_refused_with_file_and_line(self):
        meta, call, skipped, footer = self.write("meta", "call", "skipped", "footer")
        good = meta + call + skipped + footer
        for why, data, place, word in (
                ("empty", b"", None, "empty"),
                ("torn", good[:-10], 4, "ends early"),
                ("torn just before the line feed", good[:-1], 4, "ends early"),
                ("edited", meta + call.replace(b'"answer":""', b'"answer":"x"') + skipped + footer, 3, "chain is broken"),
                ("a line is missing", meta + skipped + footer, 2, "out of order"),
                ("the first is missing", call + skipped + footer, 1, "out of order"),
                ("reordered", meta + skipped + call + footer, 2, "out of order"),
                ("a line twice", meta + call + call, 3, "out of order"),
                ("two metas", meta + meta, 2, "out of order"),
                ("an empty line", meta + b"\n" + call, 2, "not JSON"),
                ("foreign JSON", b'{"event":"x"}\n', 1, "not a record of a ledger"),
                ("JSON that is no object", b"[1]\n", 1, "not a record of a ledger"),
                ("another record of ours", json_text.dumps(record("cut")).encode() + b"\n", 1, "not a record of a ledger"),
                ("a type that is a list", b'{"type":["meta"]}\n', 1, "not a record of a ledger"),
                ("a type that is an object", b'{"type":{}}\n', 1, "not a record of a ledger"),
                ("text", b"hello\n", 1, "not JSON"),
                ("binary", b"\x7fELF\x02\x01\xff\xfe\n" + bytes(range(256)), 1, "printable ASCII"),
                ("zeroes after a power cut", meta + b"\x00" * 512 + b"\n", 2, "printable ASCII"),
                ("a control character above ASCII's blank", meta + call.replace(b'"answer":""', b'"answer":"\x7f"'), 2, "printable ASCII"),
                ("a number that JSON does not have", meta + call.replace(b'"fill":null', b'"fill":NaN'), 2, "NaN"),
                ("a number that is infinite", meta + call.replace(b'"fill":null', b'"fill":1e999'), 2, "too large"),
                ("a key twice", meta.replace(b'{"type"', b'{"seq":0,"type"'), 1, "twice"),
                ("a newer format", meta.replace(b'"ledger-1.1"', b'"ledger-1.2"'), 1, "git pull"),
                ("a newer format with new fields", meta.replace(b'"ledger-1.1"', b'"ledger-2.0","new":0'), 1, "git pull"),
                ("no format", meta.replace(b'"schema":"ledger-1.1",', b""), 1, "schema: missing"),
                ("a wrong value", meta + call.replace(b'"repeat":1', b'"repeat":-1'), 2, "repeat: not a count"),
                ("a missing field", meta + call.replace(b'"repeat":1,', b""), 2, "repeat: missing"),
                ("a wrong first hash", meta.replace(b'"prev":null', b'"prev":"' + b"0" * 64 + b'"'), 1, "chain is broken"),
                ("Windows line ends", good.replace(b"\n", b"\r\n"), 1, "printable ASCII"),
                ("a byte-order mark", b"\xef\xbb\xbf" + good, 1, "printable ASCII"),
        ):
            with self.subTest(why):
                self.refused(data, place, word)

    def test_what_only_the_checker_wants_exact_is_a_problem_for_it_alone(self):
        lines = b"".join(self.write("meta", "footer")).replace(b'"type":"meta",', b'"type": "meta",', 1)
        self.path.write_bytes(lines)
        for is_exact, codes in ((False, []), (True, ["canonical"])):
            with self.subTest(is_exact=is_exact):
                line = next(iter(ledger_reader.LedgerReader(self.path, is_exact=is_exact)))
                self.assertEqual(([problem.code for problem in line.problems], type(line.record)), (codes, MetaRecord))

    def test_a_key_twice_is_found_beside_a_blank_that_hides_it_from_a_count(self):
        meta = self.write("meta")[0].replace(b'{"type":"meta"', b'{"type" :"meta","seq":0', 1)
        self.refused(meta, 1, "twice")

    def test_what_stands_before_the_break_was_yielded(self):
        lines = self.write("meta", "call", "footer")
        self.path.write_bytes(b"".join(lines)[:-5])
        seen = []
        with self.assertRaises(UserError):
            for record_ in ledger_reader.read(self.path):
                seen.append(type(record_))
        self.assertEqual(seen, [MetaRecord, CallRecord])

    def test_a_hand_made_chain_is_taken(self):
        self.path.write_bytes(chained([record("meta"), record("call"), record("call"), record("footer")]))
        self.assertEqual([record["type"] for record in ledgers.lines(self.path)], ["meta", "call", "call", "footer"])

    def test_a_file_that_is_not_there_is_explained(self):
        with self.assertRaisesRegex(UserError, "No such file|cannot find"):
            list(ledger_reader.read(self.path))

    def test_a_line_may_be_just_as_long_as_the_limit(self):
        longest = max(len(line) for line in self.write("meta", "call"))
        with mock.patch("base.ledger_reader.MAX_LINE_BYTES", longest):
            self.assertEqual(len(list(ledger_reader.read(self.path))), 2)
        with mock.patch("base.ledger_reader.MAX_LINE_BYTES", longest - 1):
            self.assertRaises(UserError, list, ledger_reader.read(self.path))

    def test_an_over_long_line_is_refused_without_filling_the_memory(self):
        with open(self.path, "wb") as out:
            out.truncate(500_000_000)       # zeroes that take no room on the disk
        with mock.patch("base.ledger_reader.MAX_LINE_BYTES", 2 ** 20):
            for look in (lambda: list(ledger_reader.read(self.path)), lambda: ledger.tail(self.path)):
                tracemalloc.start()
                try:
                    with self.assertRaisesRegex(UserError, "a line of more than 1048576 bytes"):
                        look()
                    self.assertLess(tracemalloc.get_traced_memory()[1], 2 ** 23)
                finally:
                    tracemalloc.stop()


class Resume(InFolder):
    def test_a_tail_holds_the_whole_records_and_what_comes_after(self):
        lines = self.write("meta", "call", "footer")
        whole = b"".join(lines)
        for torn in (b"", b"x", b'{"type":"call"', b"\x00" * 4096, lines[1][:-1]):
            with self.subTest(torn[:20]):
                self.path.write_bytes(whole + torn)
                found = ledger.tail(self.path)
                self.assertEqual([one["type"] for one in found.records], ["meta", "call", "footer"])
                self.assertEqual((found.whole_bytes, found.torn), (len(whole), torn))
                self.assertEqual(found.last_sha256, hashlib.sha256(lines[-1][:-1]).hexdigest())
                self.assertEqual(found.last_line, lines[-1])

    def test_a_tail_of_nothing_and_of_a_torn_first_line(self):
        for data in (b"", b'{"type":"me'):
            with self.subTest(data):
                self.path.write_bytes(data)
                found = ledger.tail(self.path)
                self.assertEqual((found.records, found.whole_bytes, found.last_sha256, found.torn), ([], 0, None, data))

    def test_a_tail_refuses_what_is_broken_before_the_end(self):
        meta, call, footer = self.write("meta", "call", "footer")
        for why, data, place in (("edited", meta + call.replace(b'"wave":null', b'"wave":0') + footer, 3),
                                 ("reordered", meta + footer + call, 2), ("foreign", b"hello\n", 1)):
            with self.subTest(why):
                self.path.write_bytes(data)
                with self.assertRaisesRegex(UserError, f"{run_folder.LEDGER}:{place}: "):
                    ledger.tail(self.path)

    def test_following_cuts_only_when_the_next_record_is_written(self):
        lines = self.write("meta", "call")
        torn = b'{"type":"call","se'
        self.path.write_bytes(b"".join(lines) + torn)
        found = ledger.tail(self.path)
        with contextlib.closing(ledger.Writer(self.folder)) as writer:
            writer.follow(found, found.torn)
            self.assertTrue(self.path.read_bytes().endswith(torn))
            with self.assertRaises(ValueError):
                writer.append(plain("call", outcome="fine"))
            self.assertTrue(self.path.read_bytes().endswith(torn))
            first = writer.append(plain("call"))
            second = writer.append(plain("footer"))
        self.assertEqual(first["cut"], {"size_bytes": len(torn), "sha256": hashlib.sha256(torn).hexdigest()})
        self.assertIsNone(second["cut"])
        self.assertEqual([record.seq for record in ledger_reader.read(self.path)], [0, 1, 2, 3])
        self.assertTrue(self.path.read_bytes().startswith(b"".join(lines)))

    def test_a_footer_and_a_torn_end_go_together(self):
        meta, call, footer = self.write("meta", "call", "footer")
        self.path.write_bytes(meta + call + footer + b"torn")
        found = ledger.tail(self.path)
        removed = found.drop_last() + found.torn
        self.assertEqual(removed, footer + b"torn")
        with contextlib.closing(ledger.Writer(self.folder)) as writer:
            writer.follow(found, removed)
            written = writer.append(plain("skipped"))
        self.assertEqual(written["cut"], {"size_bytes": len(removed), "sha256": hashlib.sha256(removed).hexdigest()})
        self.assertEqual([record["type"] for record in ledgers.lines(self.path)], ["meta", "call", "skipped"])
        self.assertTrue(self.path.read_bytes().startswith(meta + call))

    def test_following_a_whole_end_cuts_nothing(self):
        lines = self.write("meta", "call")
        with contextlib.closing(ledger.Writer(self.folder)) as writer:
            writer.follow(ledger.tail(self.path), b"")
            self.assertIsNone(writer.append(plain("call"))["cut"])
        self.assertTrue(self.path.read_bytes().startswith(b"".join(lines)))
        self.assertEqual(len(list(ledger_reader.read(self.path))), 3)

    def test_a_torn_first_line_is_cut_by_the_new_first_line(self):
        self.path.write_bytes(b'{"type":"meta"')
        found = ledger.tail(self.path)
        with contextlib.closing(ledger.Writer(self.folder)) as writer:
            writer.follow(found, found.torn)
            writer.append(plain("meta"))
        first, = ledger_reader.read(self.path)
        self.assertEqual(first.cut["size_bytes"], 14)

    def test_a_cut_that_could_not_be_followed_by_its_record_is_told_by_the_next(self):
        self.write("meta")
        torn = b"torn"
        with open(self.path, "ab") as out:
            out.write(torn)
        found = ledger.tail(self.path)
        with contextlib.closing(ledger.Writer(self.folder)) as writer:
            writer.follow(found, found.torn)
            with mock.patch.object(files.Appender, "append", side_effect=UserError("full")):
                self.assertRaises(UserError, writer.append, plain("call"))
            self.assertEqual(writer.append(plain("call"))["cut"]["size_bytes"], len(torn))
        self.assertEqual(len(list(ledger_reader.read(self.path))), 2)


if __name__ == "__main__":
    unittest.main()

"""The database: it holds what the catalogue holds, says what its columns mean, and answers what a visitor asks."""
from __future__ import annotations

import contextlib
import pathlib
import sqlite3
import tempfile
import unittest

import showcase
import support      # noqa: F401  (puts the harness on the path)

from publish import catalogue, database, database_rows, sample_queries, sql_schema

EXPECTED = {        # what the planted truth makes of the questions: what must hold of the rows that come
    "Which model is best for 8 GB?": lambda rows: rows == sorted(rows, key=lambda row: (not row["comparable_runs"], -row["answers_low"])) and rows[0]["memory_bytes"] < 8e9,
    "Which models have no better and faster one beside them on this machine?":
        lambda rows: [row["answers"] for row in rows] == sorted(row["answers"] for row in rows),
    "What does a full context cost?": lambda rows: all(0 < row["context_cost"] < 0.5 for row in rows) and rows[0]["fill"] == 0.25 and {"context-edge", "context-edge-32k"} <= {row["phase"] for row in rows},
    "Which quantization is faster here?": lambda rows: [row["quantization"] for row in rows] == ["Q4_K_M", "Q8_0"],
    "How much do several calls at once bring?": lambda rows: rows[1]["tok_s"] > rows[0]["tok_s"] and rows[0]["parallelism"] == 1,
    "Which machine runs this model fastest?": lambda rows: rows[0]["decode_tok_s"] > 5 * rows[-1]["decode_tok_s"],
    "How long until the first word of a long prompt?": lambda rows: rows[0]["prompt_tokens"] == 41 and rows[1]["ttft_ms"] > rows[0]["ttft_ms"],
    "How close does it come to what the memory allows?": lambda rows: all(0.3 < row["bound_share"] < 0.8 for row in rows),
    "Does the machine slow down while it works?": lambda rows: {"clean", "throttled", "drifting"} <= {row["verdict"] for row in rows},
    "What went wrong, and how often?": lambda rows: {"timeout", "skipped: context-too-small"} <= {row["what"] for row in rows},
    "What is known from one run alone?": lambda rows: {row["runs"] for row in rows} == {1},
    "Does thinking pay?": lambda rows: all(-1 <= row["difference_low"] <= row["difference"] <= row["difference_high"] <= 1 for row in rows)
        and {row["phase"] for row in rows} == {"small-eval-thinking"} and rows[0]["time_to_correct_thinking_ms"] == 8100,
    "How large a context does each machine serve?": lambda rows: {row["num_ctx"] for row in rows} == {32_768},
    "From which context on does a part leave the accelerator?": lambda rows: [row["num_ctx"] for row in rows[:3]] == [8192, 16_384, 32_768]
        and all((row["offload_share"] < 1) == (row["num_ctx"] == 32_768) for row in rows),
    "What does an answer cost in energy?": lambda rows: {row["device_tag"] for row in rows} == {"rtx-4090-pc"},
}


@contextlib.contextmanager
def opened(data: bytes):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "catalogue.sqlite"
        path.write_bytes(data)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection


def data_of(document: dict, is_backwards: bool = False) -> bytes:
    """The file of a catalogue, from an index to which its runs and cells were added in this order or backwards."""
    step = -1 if is_backwards else 1
    with tempfile.TemporaryDirectory() as folder:
        index = pathlib.Path(folder) / "index.sqlite"
        with contextlib.closing(sqlite3.connect(index, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            connection.execute("CREATE TABLE run (folder TEXT PRIMARY KEY, run_id TEXT)")
            database_rows.create(connection)
            for run in document["runs"][::step]:
                connection.execute("INSERT INTO run VALUES (?, ?)", (run["folder"], run["run_id"]))
                database_rows.put_run(connection, database_rows.of_run(run))
            for cell in document["cells"][::step]:
                database_rows.put_cell(connection, cell["cell_id"], database_rows.of_cell(cell))
            database_rows.number_variants(connection)
            for run in document["runs"][:3] if is_backwards else ():      # runs that are made again
                database_rows.remove_run(connection, run["folder"])
                database_rows.put_run(connection, database_rows.of_run(run))
            database_rows.number_variants(connection)
            connection.execute("COMMIT")
        return b"".join(database.pieces(document, index))


class WithDatabase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = showcase.whole()[0]
        cls.data = data_of(cls.document)
        cls.keep = contextlib.ExitStack()
        cls.db = cls.keep.enter_context(opened(cls.data))

    @classmethod
    def tearDownClass(cls):
        cls.keep.close()

    def one(self, sql: str, *values: object) -> object:
        return self.db.execute(sql, values).fetchone()[0]


class Database(WithDatabase):
    def test_it_is_whole_and_every_reference_leads_somewhere(self):
        self.assertEqual(self.one("PRAGMA integrity_check"), "ok")
        self.assertEqual(self.db.execute("PRAGMA foreign_key_check").fetchall(), [])

    def test_the_same_catalogue_gives_the_same_bytes_in_whatever_order_its_runs_came(self):
        self.assertEqual(data_of(self.document), self.data)
        self.assertEqual(data_of(self.document, is_backwards=True), self.data)

    def test_it_holds_what_the_catalogue_holds(self):
        variants = [variant for cell in self.document["cells"] for variant in cell["variants"]]
        spreads = sum(spread is not None for variant in variants for phase in variant["phases"] for group in phase["groups"]
                      for spread in group["figures"].values())
        for table, wanted in (("run", len(self.document["runs"])), ("cell", len(self.document["cells"])), ("variant", len(variants)),
                              ("device", len(self.document["devices"])), ("model", len(self.document["models"])), ("figure", spreads)):
            with self.subTest(table):
                self.assertEqual(self.one(f"SELECT count(*) FROM {table}"), wanted)
        self.assertEqual(self.one("SELECT sum(n) FROM outcome"), sum(variant["calls"] for variant in variants))
        for cell in self.document["cells"][:5]:
            found = self.db.execute("SELECT decode_tok_s, decode_tok_s_runs FROM headline WHERE cell_id = ? AND digest = ?",
                                    (cell["cell_id"], cell["variants"][0]["digest"])).fetchone()
            stat = cell["variants"][0]["headline"]["decode_tok_s"]["over_runs"]
            self.assertEqual(tuple(found), (stat["median"], stat["n"]))

    def test_every_column_and_every_view_says_what_it_is(self):
        documented = {tuple(row) for row in self.db.execute("SELECT table_name, name FROM field WHERE says <> ''")}
        names = [row[0] for row in self.db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
        self.assertGreater(len(names), 15)
        for name in names:
            self.assertIn((name, ""), documented)
            if name not in sql_schema.VIEWS:
                for column in self.db.execute(f"PRAGMA table_info({name})"):
                    self.assertIn((name, column["name"]), documented)

    def test_searches_by_key_use_an_index(self):
        for sql in ("SELECT * FROM figure WHERE variant_id = 1 AND phase = 'small-eval'", "SELECT * FROM run_model WHERE variant_id = 1",
                    "SELECT * FROM cell WHERE device_tag = 'x'", "SELECT * FROM run WHERE device_tag = 'x'"):
            with self.subTest(sql):
                self.assertIn("INDEX", " ".join(row["detail"] for row in self.db.execute(f"EXPLAIN QUERY PLAN {sql}")))

    def test_it_says_that_it_is_synthetic(self):
        self.assertEqual(self.one("SELECT synthetic FROM catalogue"), 1)

    def test_an_empty_catalogue_makes_a_database_too(self):
        with opened(data_of(catalogue.document([], [], [], False))) as empty:
            self.assertEqual(empty.execute("SELECT count(*) FROM run").fetchone()[0], 0)
            for question in sample_queries.QUERIES:
                self.assertEqual(empty.execute(question.sql, question.parameters).fetchall(), [])

    def test_a_strangers_text_is_a_value_and_no_query(self):
        text = "'); DROP TABLE run; --\x00\ud800"
        row = {**self.document["runs"][0], "notes": [], "harness_version": text}
        with opened(data_of({**self.document, "runs": [row, *self.document["runs"][1:]]})) as db:
            self.assertEqual(db.execute("SELECT count(*) FROM run").fetchone()[0], len(self.document["runs"]))


class Questions(WithDatabase):
    def test_each_question_is_answered_as_the_planted_truth_wants(self):
        self.assertEqual({question.title for question in sample_queries.QUERIES}, set(EXPECTED))
        self.assertGreaterEqual(len(EXPECTED), 10)
        for question in sample_queries.QUERIES:
            with self.subTest(question.title):
                rows = self.db.execute(question.sql, question.parameters).fetchall()
                self.assertTrue(rows)
                self.assertTrue(EXPECTED[question.title](rows), [tuple(row) for row in rows[:5]])

    def test_of_models_for_a_memory_those_without_a_comparable_run_come_last(self):
        question = sample_queries.QUERIES[0]
        best = self.db.execute(question.sql, question.parameters).fetchone()
        runs = [{**run, "site_grade": "archive-only"} if run["device_tag"] == best["device_tag"] else run for run in self.document["runs"]]
        with opened(data_of({**self.document, "runs": runs})) as db:
            rows = db.execute(question.sql, question.parameters).fetchall()
        self.assertEqual([row["comparable_runs"] > 0 for row in rows], sorted((row["comparable_runs"] > 0 for row in rows), reverse=True))
        self.assertEqual({row["comparable_runs"] for row in rows if row["device_tag"] == best["device_tag"]}, {0})

    def test_no_answer_has_a_rate_without_its_runs_or_answers(self):
        for question in sample_queries.QUERIES:
            columns = {column[0] for column in self.db.execute(question.sql, question.parameters).description}
            if any(name.endswith(("tok_s", "_ms", "_j_per_tok")) for name in columns):
                with self.subTest(question.title):
                    self.assertTrue(any(name == "runs" or name.endswith("_runs") for name in columns))

    def test_the_questions_are_in_the_database_itself(self):
        found = self.db.execute("SELECT title, sql FROM question ORDER BY number").fetchall()
        self.assertEqual([tuple(row) for row in found], [(question.title, question.sql) for question in sample_queries.QUERIES])


if __name__ == "__main__":
    unittest.main()

"""The tables and views of catalogue.sqlite, each column with its meaning; most are generated from base/records."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Container, List

from publish.table_columns import INTEGER, REAL, TEXT, columns


@dataclass(frozen=True)
class Table:
    """`columns` are (name, type, meaning)."""
    description: str    # what a row is
    columns: tuple
    constraints: tuple = ()     # the primary key first
    is_by_key: bool = False     # stored in the order of the primary key, in whatever order rows are added

    def statement(self, name: str, is_alone: bool = False) -> str:
        """Creates it; `is_alone`: without the tables that it refers to."""
        parts = [f'"{column}" {kind}' for column, kind, _ in self.columns] + list(self.constraints[:1] if is_alone else self.constraints)
        return f'CREATE TABLE "{name}" ({", ".join(parts)}){" WITHOUT ROWID" if self.is_by_key else ""}'


VARIANT, PHASE = ("variant_id", INTEGER, "whose"), ("phase", TEXT, "which suite")
RUN, COUNT = ("run_id", TEXT, "whose"), ("n", INTEGER, "how many")
OF_VARIANT, OF_RUN = "FOREIGN KEY (variant_id) REFERENCES variant", "FOREIGN KEY (run_id) REFERENCES run"
GROUP = (
    ("item", TEXT, "null: all items of the pass or level"),
    ("pass", TEXT, "first or last, of the frozen prompts"),
    ("level", INTEGER, "calls at once"),
    ("fill", REAL, "share of the fillable context"),
)
SPREAD = (
    *((name, REAL, "over runs") for name in ("median", "q1", "q3")),
    ("low", REAL, "lower end of the median's 95 % interval over runs"),
    ("high", REAL, "its upper end"),
    ("runs", INTEGER, "n of the above"),
    *((f"call_{name}", REAL, "over all calls") for name in ("median", "q1", "q3", "min", "max")),
    ("calls", INTEGER, "n of the above"),
)
TABLES = {
    "catalogue": Table("this catalogue", (*columns("catalogue"), *columns("catalogue_totals"))),
    "field": Table("what a column is, or a table or view where it names no column",
                   (("table_name", TEXT, "whose"), ("name", TEXT, "the column's, or empty"), ("says", TEXT, "its meaning")),
                   ("PRIMARY KEY (table_name, name)",)),
    "question": Table("a query to begin with",
                      (("number", INTEGER, "from 1"), ("title", TEXT, "in words"), ("sql", TEXT, "to run"),
                       ("says", TEXT, "how to read the answer"), ("parameters", TEXT, "JSON: values for what the query asks for")),
                      ("PRIMARY KEY (number)",)),
    "device": Table("a machine", tuple(columns("device")), ("PRIMARY KEY (device_tag)",)),
    "model": Table("a model by name and tag", tuple(columns("catalogue_model")), ("PRIMARY KEY (model)",)),
    "cell": Table("a model on a device", tuple(columns("cell")),
                  ("PRIMARY KEY (cell_id)", "FOREIGN KEY (device_tag) REFERENCES device", "FOREIGN KEY (model) REFERENCES model")),
    "variant": Table("a digest of a cell, with what tables and rankings show",
                     (VARIANT, ("cell_id", TEXT, "its cell"), *columns("variant")),
                     ("PRIMARY KEY (variant_id)", "UNIQUE (cell_id, digest)", "FOREIGN KEY (cell_id) REFERENCES cell")),
    "figure": Table("a figure of calls that may share a median",
                    (VARIANT, PHASE, *GROUP, ("figure", TEXT, "which; its unit ends its name"), *SPREAD), (OF_VARIANT,)),
    "level": Table("calls that were sent together; _calls count waves",
                   (VARIANT, PHASE, ("models", TEXT, "whose, joined by ` + `"), *columns("cell_level")), (OF_VARIANT,)),
    "quality": Table("answers and the verdicts on them", (VARIANT, PHASE, *columns("cell_quality")),
                     ("PRIMARY KEY (variant_id, phase)", OF_VARIANT)),
    "ladder": Table("how large a context the device serves of a variant", (VARIANT, *columns("cell_ladder")), ("PRIMARY KEY (variant_id)", OF_VARIANT)),
    "thinking": Table("thinking against plain, and what it takes", (VARIANT, PHASE, *columns("cell_thinking")),
                      ("PRIMARY KEY (variant_id, phase)", OF_VARIANT)),
    "rung": Table("context-edge in one context", (VARIANT, PHASE, *columns("cell_rung")), ("PRIMARY KEY (variant_id, phase)", OF_VARIANT)),
    "outcome": Table("what became of calls", (VARIANT, PHASE, ("outcome", TEXT, "of measured calls"), COUNT),
                     ("PRIMARY KEY (variant_id, phase, outcome)", OF_VARIANT)),
    "skip": Table("calls that were not made", (VARIANT, PHASE, ("reason", TEXT, "why"), COUNT),
                  ("PRIMARY KEY (variant_id, phase, reason)", OF_VARIANT)),
    "run": Table("a run that is shown",
                 (*columns("catalogue_run"), ("unmet_condition", TEXT, "first condition not met for the next grade"),
                  ("unmet_observed", TEXT, "what was seen instead")),
                 ("PRIMARY KEY (run_id)", "FOREIGN KEY (device_tag) REFERENCES device"), is_by_key=True),
    "run_model": Table("a model of a run", (RUN, ("variant_id", INTEGER, "what it counts in"), *columns("run_model")),
                       ("PRIMARY KEY (run_id, cell_id)", OF_RUN, OF_VARIANT), is_by_key=True),
    "run_warning": Table("a warning about a run", (RUN, ("code", TEXT, "what it is about"), COUNT),
                         ("PRIMARY KEY (run_id, code)", OF_RUN), is_by_key=True),
}
VIEWS = {       # name: (what a row is, the query)
    "headline": ("a variant beside its device and model", """\
SELECT v.*, c.device_tag, c.model, c.page, d.label AS device_label, d.memory_class_gb, d.model_memory_bytes,
  d.model_memory_kind, d.bandwidth_gb_s
FROM variant v JOIN cell c USING (cell_id) JOIN device d USING (device_tag)"""),
    "prompt_curve": ("time to first token against prompt length", """\
SELECT t.variant_id, c.device_tag, c.model, t.phase, t.item, p.median AS prompt_tokens, t.median AS ttft_ms, t.q1, t.q3,
  t.runs, t.calls
FROM figure t
JOIN figure p ON p.variant_id = t.variant_id AND p.phase = t.phase AND p.item = t.item AND p.pass IS t.pass
  AND p.fill IS t.fill AND p.figure = 'prompt_tokens'
JOIN variant v ON v.variant_id = t.variant_id JOIN cell c USING (cell_id)
WHERE t.figure = 'ttft_ms' AND t.item IS NOT NULL AND t.phase <> 'context-append' AND (t.pass IS NULL OR t.pass = 'first')"""),
    "context_curve": ("decode against context depth", """\
SELECT f.variant_id, c.device_tag, c.model, f.phase, f.item, f.fill, p.median AS prompt_tokens, f.median AS decode_tok_s, f.q1, f.q3,
  f.runs, f.calls
FROM figure f
LEFT JOIN figure p ON p.variant_id = f.variant_id AND p.phase = f.phase AND p.item = f.item AND p.fill IS f.fill
  AND p.figure = 'prompt_tokens'
JOIN variant v ON v.variant_id = f.variant_id JOIN cell c USING (cell_id)
WHERE f.figure = 'decode_tok_s' AND f.fill IS NOT NULL"""),
    "concurrency_curve": ("throughput against calls at once", """\
SELECT l.variant_id, c.device_tag, c.model, l.phase, l.models, l.level, l.tok_s, l.tok_s_q1, l.tok_s_q3, l.tok_s_runs,
  l.tok_s_calls, l.parallelism, l.serialised, l.failed
FROM level l JOIN variant v USING (variant_id) JOIN cell c USING (cell_id)"""),
}
INDICES = (("cell", "device_tag"), ("cell", "model"), ("figure", "variant_id, phase, figure"), ("level", "variant_id, phase"),
           ("run", "device_tag"), ("run", "started_at"), ("run_model", "variant_id"), ("variant", "memory_bytes"))


def index_statements(tables: Container[str], prefix: str = "") -> List[str]:
    """Create the indices of these tables, whose names begin with `prefix`."""
    return [f'CREATE INDEX "{prefix}{table}_by_{columns.replace(", ", "_")}" ON "{prefix}{table}" ({columns})'
            for table, columns in INDICES if table in tables]

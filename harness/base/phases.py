"""The phases: their names, in running order, and what kind of work each one is."""
from __future__ import annotations

FROZEN, SMALL_EVAL, PYTHON_TASKS = "frozen-prompts", "small-eval", "python-tasks"
PARALLEL_SAME, PARALLEL_MIXED = "parallel-same", "parallel-mixed"
CONTEXT_APPEND, CONTEXT_EDGE = "context-append", "context-edge"

KINDS = {
    FROZEN: "anchor",               # asked first and again last, to show drift
    SMALL_EVAL: "questions",
    PYTHON_TASKS: "questions",
    PARALLEL_SAME: "parallel",      # asked in waves, at each level of concurrency
    CONTEXT_APPEND: "context",      # its prompts are filled with generated material
    CONTEXT_EDGE: "context",
    PARALLEL_MIXED: "parallel",     # needs several models, and so comes after all work with a single one
}
PHASES = tuple(KINDS)
CONTEXT_PHASES = tuple(phase for phase, kind in KINDS.items() if kind == "context")

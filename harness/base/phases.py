"""The phases: their names, in running order, and what kind of work each one is.

The seven plain phases are what `--phases all` means. Thinking phases ask the items of a plain phase again with
thinking on; rungs ask those of context-edge in larger contexts. Both are planned only on request, and their figures are
never mixed with those of a plain phase.
"""
from __future__ import annotations

FROZEN, SMALL_EVAL, PYTHON_TASKS = "frozen-prompts", "small-eval", "python-tasks"
PARALLEL_SAME, PARALLEL_MIXED = "parallel-same", "parallel-mixed"
CONTEXT_APPEND, CONTEXT_EDGE = "context-append", "context-edge"

_PLAIN_KINDS = {
    FROZEN: "anchor",               # asked first and again last, to show drift
    SMALL_EVAL: "questions",
    PYTHON_TASKS: "questions",
    PARALLEL_SAME: "parallel",      # asked in waves, at each level of concurrency
    CONTEXT_APPEND: "context",      # its prompts are filled with generated material
    CONTEXT_EDGE: "context",
    PARALLEL_MIXED: "parallel",     # needs several models, and so comes after all work with a single one
}
PHASES = tuple(_PLAIN_KINDS)

RUNG_CONTEXTS = {f"{CONTEXT_EDGE}-{size}k": 1024 * size for size in (16, 32, 64, 128, 256)}     # phase: its num_ctx
RUNG_PHASES = tuple(RUNG_CONTEXTS)
_THINKING = {f"{phase}-thinking": phase for phase in (SMALL_EVAL, PYTHON_TASKS, PARALLEL_SAME)}
THINKING_PHASES = tuple(_THINKING)

_SUITE_PHASES = {**_THINKING, **dict.fromkeys(RUNG_PHASES, CONTEXT_EDGE)}
KINDS = {phase: _PLAIN_KINDS[_SUITE_PHASES.get(phase, phase)] for phase in PHASES + RUNG_PHASES + THINKING_PHASES}
CONTEXT_PHASES = tuple(phase for phase, kind in KINDS.items() if kind == "context")


def suite_phase(phase: str) -> str:
    """The plain phase whose suite, items and graders a phase uses."""
    return _SUITE_PHASES.get(phase, phase)

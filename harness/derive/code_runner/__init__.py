"""The two processes behind code grading, one with the tests and one with the code, and the isolation around the latter."""

# Explained in derive/code_grading; defined here so that checking a run does not import ctypes.
REASONS = ("passed", "no-code", "syntax-error", "no-entry", "wrong", "exception", "timeout", "memory", "output",
           "crashed", "not-run")

"""Exam: the two processes behind the sandbox, one that holds the tests and one that runs the code, and the fence."""

# What a verdict may say; explained in derive/code_grading. It is here so that checking a run needs no ctypes.
REASONS = ("passed", "no-code", "syntax-error", "no-entry", "wrong", "exception", "timeout", "memory", "output",
           "crashed", "not-run")

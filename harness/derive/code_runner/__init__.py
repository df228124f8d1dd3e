"""Exam: the two processes behind the sandbox, one that holds the tests and one that runs the code, and the fence."""

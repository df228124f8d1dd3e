"""One valid run, made by a script, and the mutants of it that the checker must refuse, one rule each."""
import support  # noqa: F401  (puts the harness on the path)

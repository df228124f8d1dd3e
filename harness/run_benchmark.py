#!/usr/bin/env python3
"""Measure local models through an Ollama server. The code is in commands/; this file starts it, and every Python can parse it."""
import sys

from base import console        # a Python that is too old ends here, with one line
from commands import run_benchmark

if __name__ == "__main__":
    raise SystemExit(console.guarded(run_benchmark.main))
sys.modules[__name__] = run_benchmark     # whoever imports this file gets the code

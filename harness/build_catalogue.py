#!/usr/bin/env python3
"""Build the catalogue from submissions/. The code is in commands/; this file starts it, and every Python can parse it."""
import sys

from base import console        # a Python that is too old ends here, with one line
from commands import build_catalogue

if __name__ == "__main__":
    raise SystemExit(console.guarded(build_catalogue.main))
sys.modules[__name__] = build_catalogue     # whoever imports this file gets the code

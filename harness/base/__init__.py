"""Base: shared by all rooms: records, files, the ledger, names and the console.

Every script imports this room first, so this file, like the scripts, is written so that Python 2.7 can parse it.
"""
import os
import sys

OLDEST = (3, 9)

if sys.version_info < OLDEST:       # before any module that an older Python cannot parse
    os.write(2, ("error: Python %d.%d: this harness needs %d.%d or newer; run it with a newer python3\n"
                 % (sys.version_info[:2] + OLDEST)).encode("ascii"))
    raise SystemExit(2)

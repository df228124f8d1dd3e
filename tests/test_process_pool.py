"""The process pool: how its workers end."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import unittest

import support

from publish import process_pool

MAIN = """
import functools, sys, time
sys.path.insert(0, sys.argv[1])
from publish import process_pool
if __name__ == "__main__":
    with process_pool.worker_pool(2) as run_all:
        for worker in run_all(functools.partial(eval, "__import__('os').getpid()"), [{}] * process_pool.MIN_TASKS):
            print(worker, flush=True)
        time.sleep(600)
"""


@unittest.skipIf(sys.platform == "win32", "os.kill(pid, 0) ends a process there")
class Workers(unittest.TestCase):
    def test_the_workers_of_a_main_process_that_is_killed_end(self):
        main = subprocess.Popen([*support.PYTHON, "-c", MAIN, str(support.HARNESS)], stdout=subprocess.PIPE)
        self.addCleanup(main.stdout.close)
        workers = {int(main.stdout.readline()) for _ in range(process_pool.MIN_TASKS)}
        self.assertNotIn(main.pid, workers)
        main.kill()
        main.wait()
        last = time.monotonic() + 60
        while any(map(support.is_alive, workers)) and time.monotonic() < last:
            time.sleep(0.05)
        survivors = list(filter(support.is_alive, workers))
        for worker in survivors:
            os.kill(worker, signal.SIGKILL)
        self.assertEqual(survivors, [])


if __name__ == "__main__":
    unittest.main()

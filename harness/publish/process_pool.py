"""Workers: as many processes as there are cores, where the platform has them; else this one alone. Results come in order."""
from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import itertools
import multiprocessing
import os
import signal
from typing import Callable, Iterable, Iterator

AHEAD = 8           # tasks for each process that wait while it works
FEW = 8             # tasks that are not worth the start of processes


def cores() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1


@contextlib.contextmanager
def crew(jobs: int) -> Iterator[Callable[[Callable, Iterable], Iterator]]:
    """`work(function, tasks)` gives a result for each task; processes are started when there is first work for them."""
    started: list = []

    def work(function: Callable, tasks: Iterable) -> Iterator:
        coming = iter(tasks)
        first = list(itertools.islice(coming, FEW))
        if jobs > 1 and len(first) == FEW and not started:
            started.append(_pool(jobs))
        if jobs < 2 or len(first) < FEW or started[0] is None:
            return map(function, itertools.chain(first, coming))
        return _in_order(started[0], function, itertools.chain(first, coming), AHEAD * jobs)
    try:
        yield work
    finally:
        if started and started[0] is not None:
            started[0].shutdown(cancel_futures=True)


def _in_order(pool: concurrent.futures.ProcessPoolExecutor, function: Callable, tasks: Iterable, ahead: int) -> Iterator:
    """Results in the order of the tasks, of which only so many are under way: their number must not fill the memory."""
    waiting: collections.deque = collections.deque()
    for task in tasks:
        waiting.append(pool.submit(function, task))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _pool(jobs: int) -> concurrent.futures.ProcessPoolExecutor | None:
    """None where there are no semaphores to share, or too few, as on Android. Spawned on every system, so that all are alike."""
    try:
        from multiprocessing import synchronize     # noqa: F401  (raises where there are none)
        return concurrent.futures.ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _ignore_interrupts)
    except (ImportError, OSError, RuntimeError):
        return None     # nothing is started before the first task, so this is the platform's word and no failure of ours


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of the terminal; the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

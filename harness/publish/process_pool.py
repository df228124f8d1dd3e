"""Process pool: one worker for each core where the platform supports it, else this process alone; results come in order."""
from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import itertools
import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Callable, Deque, Iterable, Iterator, List, Optional, Protocol, TypeVar

if TYPE_CHECKING:
    import multiprocessing.process

T = TypeVar("T")
R = TypeVar("R")
QUEUED_PER_WORKER = 8
MIN_TASKS = 8       # fewer are not worth the start of processes


class RunAll(Protocol):
    """Runs a function for each task, by all workers."""
    def __call__(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]: ...


def cores() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1


@contextlib.contextmanager
def worker_pool(jobs: int) -> Iterator[RunAll]:
    """Yields `run_all(function, tasks)`, which gives a result for each task. Workers are started when first needed."""
    started: List[Optional[concurrent.futures.ProcessPoolExecutor]] = []

    def run_all(function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        remaining = iter(tasks)
        first = list(itertools.islice(remaining, MIN_TASKS))
        if jobs > 1 and len(first) == MIN_TASKS and not started:
            started.append(_pool(jobs))
        pool = started[0] if started and len(first) == MIN_TASKS else None
        if pool is None:
            return map(function, itertools.chain(first, remaining))
        return _in_order(pool, function, itertools.chain(first, remaining), QUEUED_PER_WORKER * jobs)
    try:
        yield run_all
    finally:
        if started and started[0] is not None:
            started[0].shutdown(cancel_futures=True)


@contextlib.contextmanager
def background(function: Callable[..., R], *arguments: Any) -> Iterator[Callable[[], R]]:
    """Yields a function that waits for the result. For what waits for another process, the disk or SQLite."""
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        yield executor.submit(function, *arguments).result


def by_threads(function: Callable[[T], None], tasks: Iterable[T], count: int) -> None:
    """Run a function that waits for the disk for each task, so many at a time."""
    with concurrent.futures.ThreadPoolExecutor(count) as executor:
        collections.deque(executor.map(function, tasks), maxlen=0)


def _in_order(pool: concurrent.futures.ProcessPoolExecutor, function: Callable[[T], R], tasks: Iterable[T], ahead: int) -> Iterator[R]:
    """Results in the order of the tasks; at most `ahead` tasks are submitted at a time, to bound memory."""
    waiting: Deque[concurrent.futures.Future[R]] = collections.deque()
    for task in tasks:
        waiting.append(pool.submit(function, task))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _pool(jobs: int) -> concurrent.futures.ProcessPoolExecutor | None:
    """None where there are no shared semaphores, as on Android. The start method is spawn on every system."""
    try:
        import multiprocessing          # small builds need neither
        from multiprocessing import synchronize     # noqa: F401  (raises where there are none)
        return concurrent.futures.ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _follow_main)
    except (ImportError, OSError, RuntimeError):
        return None     # no worker has started yet, so this comes from the platform


def _follow_main() -> None:
    """In a worker: Ctrl-C, which reaches every process of the terminal, is for the main process; with that, a worker ends."""
    import multiprocessing
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_after, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_after(main: multiprocessing.process.BaseProcess) -> None:
    """A main process that is killed cannot stop its workers, and they would wait for tasks forever."""
    main.join()
    signal.raise_signal(signal.SIGTERM)

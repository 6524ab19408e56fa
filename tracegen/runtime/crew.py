"""Crews on one machine: this process alone, or several. The one on a cluster is ``cluster/ray.py``."""

import os
import signal
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from multiprocessing import get_context, parent_process
from threading import Thread

import psutil

from tracegen.errors import ActorLost
from tracegen.protocols import Item, Result

PROCESS_BYTES = 1024**3
"""What a process is reckoned to need (docs/benchmarks/corpus.md)."""
TRIES = 3
"""Rounds in which processes die and no item is done."""


class Alone:
    """This process."""

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Generator[Result, None, None]:
        for item in items:
            yield work(item)


class Pool:
    """Processes of this machine. They end with this one, however it ends."""

    def __init__(self, processes: int | None = None) -> None:
        """``processes``: None for as many as there are cores and free memory for."""
        self._processes = processes or _room()

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Generator[Result, None, None]:
        if min(self._processes, len(items)) < 2:  # starting a process takes a second
            yield from Alone().each(work, items)
            return
        left, barren = dict(enumerate(items)), 0
        while left:
            before = len(left)
            try:
                with closing(self._round(work, dict(left))) as results:
                    for number, result in results:
                        del left[number]
                        yield result
            except BrokenProcessPool as error:
                barren = barren + 1 if len(left) == before else 0
                if barren == TRIES:
                    hint = "is there memory enough? where.build_processes: 1 does without processes of their own"
                    raise ActorLost(f"worker processes died {TRIES} times without a result", hint=hint) from error

    def _round(
        self, work: Callable[[Item], Result], items: Mapping[int, Item]
    ) -> Generator[tuple[int, Result], None, None]:
        # Not forked: other threads of ours may hold locks.
        context = get_context("spawn")
        processes = min(self._processes, len(items))
        with ProcessPoolExecutor(processes, mp_context=context, initializer=_follow_the_parent) as pool:
            numbers = {pool.submit(work, item): number for number, item in items.items()}
            try:
                for future in as_completed(numbers):
                    yield numbers[future], future.result()
            finally:
                # The pool's own thread cancels. Done here, it would meet that thread where a worker has just died.
                pool.shutdown(cancel_futures=True)


def _room() -> int:
    return max(1, min(len(os.sched_getaffinity(0)), int(psutil.virtual_memory().available) // PROCESS_BYTES))


def _follow_the_parent() -> None:
    # Ctrl-C is for the parent, which hands out no more work then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    # An executor's workers would wait for work for ever when their parent is killed.
    if parent := parent_process():
        parent.join()
        os._exit(1)

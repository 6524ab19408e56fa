"""Lets several drivers work on one store, one call at a time, in an order that the test draws."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tracegen.protocols import Store
from tracegen.store.faulty import FaultyStore


class Turnstile:
    """``turns`` names who makes the next call; when it is used up, all take turns."""

    def __init__(self, turns: Sequence[int], *, drivers: int) -> None:
        self._turns = turns
        self._go = [threading.Semaphore(0) for _ in range(drivers)]
        self._stopped = threading.Semaphore(0)
        self._working = set(range(drivers))

    def view(self, store: Store, driver: int) -> FaultyStore:
        """The store as that driver sees it."""

        def wait(_verb: str, _key: str) -> None:
            self._stopped.release()
            self._go[driver].acquire()

        return FaultyStore(store, before=wait)

    def run(self, actions: Sequence[Callable[[], object]]) -> None:
        """All actions, to their ends. Raises the first error of any."""
        with ThreadPoolExecutor(len(actions)) as pool:
            futures = []
            for driver, act in enumerate(actions):
                futures.append(pool.submit(self._work, driver, act))
                self._stopped.acquire()
            turns = iter(self._turns)
            while self._working:
                turn = next(turns, None)
                for driver in [turn] if turn in self._working else sorted(self._working):
                    self._go[driver].release()
                    self._stopped.acquire()
        for future in futures:
            future.result()

    def _work(self, driver: int, act: Callable[[], object]) -> None:
        try:
            act()
        finally:
            self._working.discard(driver)
            self._stopped.release()

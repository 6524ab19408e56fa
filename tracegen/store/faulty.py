"""A store that fails as it is told: a double for tests of what must survive. Its faults are data."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Literal, TypeVar

from tracegen.errors import StoreError
from tracegen.protocols import Store, StoredObject

Verb = Literal["get", "put", "list", "delete", "any"]

T = TypeVar("T")


class Crashed(Exception):  # noqa: N818  # it stands for the death of a process, not for an error
    """The process that used the store has died; every later call of it dies as well."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at the nth call of a verb, counted from 1; ``put`` counts both kinds of write."""

    verb: Verb
    nth: int
    what: Literal["crash", "error"] = "crash"
    when: Literal["before", "after"] = "before"
    """An ``after`` takes effect in the store, and its caller never hears of it."""


class FaultyStore:
    """Another store, seen through faults. ``before`` is called ahead of every call: to wait, or to let others act."""

    def __init__(
        self, store: Store, faults: Sequence[Fault] = (), *, before: Callable[[str, str], None] | None = None
    ) -> None:
        self.store = store
        self.uri = store.uri
        self.calls: Counter[str] = Counter()
        self._faults = tuple(faults)
        self._before = before
        self._crashed = False
        self._lock = Lock()

    def get(self, key: str) -> bytes:
        return self._through("get", key, lambda: self.store.get(key))

    def put(self, key: str, data: bytes) -> None:
        self._through("put", key, lambda: self.store.put(key, data))

    def put_if_absent(self, key: str, data: bytes) -> bool:
        return self._through("put", key, lambda: self.store.put_if_absent(key, data))

    def list(self, prefix: str) -> Iterator[StoredObject]:
        return iter(self._through("list", prefix, lambda: [*self.store.list(prefix)]))

    def delete(self, key: str) -> None:
        self._through("delete", key, lambda: self.store.delete(key))

    def _through(self, verb: Verb, key: str, call: Callable[[], T]) -> T:
        if self._before is not None:
            self._before(verb, key)
        fault = self._next_fault(verb)
        if fault is None:
            return call()
        if fault.when == "after":
            call()
        self._crashed = self._crashed or fault.what == "crash"
        raise (Crashed if fault.what == "crash" else StoreError)(f"{fault.what} {fault.when} {verb} {key}")

    def _next_fault(self, verb: Verb) -> Fault | None:
        with self._lock:
            if self._crashed:
                return Fault(verb, 0)
            self.calls[verb] += 1
            self.calls["any"] += 1
            due = (
                fault for fault in self._faults if self.calls[fault.verb] == fault.nth and fault.verb in (verb, "any")
            )
            return next(due, None)

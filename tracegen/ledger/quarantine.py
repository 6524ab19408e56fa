"""Attempts that were given up: one small object each, with the evidence. It decides nothing; the scheduler does.

``ledger/quarantine/<attempt_id>.json`` is written by the driver before the attempt's shard can settle. Taking the
object away is all there is to requeueing: the next start of the run hands the attempt out again, if its shard is open.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import TypeAdapter

from tracegen.errors import StoreError, boundary
from tracegen.protocols import Store
from tracegen.scheduling.state import Poisoned, Trouble
from tracegen.types import Domain

QUARANTINE = "ledger/quarantine/"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One attempt that no replica could complete."""

    attempt_id: str
    prompt_id: str
    shard_id: str
    domain: Domain
    epoch: int
    """Which driver gave it up."""
    at_s: float
    """Unix time."""
    tries: int
    """How often it came back without a completion."""
    deaths: int
    """How often a replica died with it in hand."""
    troubles: tuple[Trouble, ...]
    """The latest ones: when, in which replica, what was said."""


_JSON = TypeAdapter(Quarantined)


def evidence(poisoned: Poisoned, *, epoch: int, at_s: float) -> Quarantined:
    """What is kept of an attempt that the scheduler has given up."""
    attempt_id, prompt_id, shard_id, domain, tries, deaths, troubles = poisoned
    return Quarantined(attempt_id, prompt_id, shard_id, domain, epoch, at_s, tries, deaths, troubles)


def write(store: Store, item: Quarantined) -> None:
    store.put(_key(item.attempt_id), _JSON.dump_json(item, indent=2))


def quarantined(store: Store) -> Iterator[Quarantined]:
    """Every attempt in quarantine, by attempt id."""
    for found in store.list(QUARANTINE):
        with boundary(StoreError, f"{store.uri}/{found.key} is damaged", hint="delete it to requeue its attempt"):
            yield _JSON.validate_json(store.get(found.key))


def requeue(store: Store, attempt_id: str) -> None:
    """Take an attempt out of quarantine."""
    store.delete(_key(attempt_id))


def _key(attempt_id: str) -> str:
    return f"{QUARANTINE}{attempt_id}.json"

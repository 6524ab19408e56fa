"""Who drives a run: at most one driver at a time, told apart by epochs. It starts, stops and writes no run itself.

``owner/<epoch>.json`` is made with put-if-absent, so that every epoch has one owner. Its owner writes
``owner/<epoch>.beat.json`` again and again. A claim waits until the newest owner is known to be dead: at once if it
ended cleanly or if its process is gone from this machine, else when its beat did not change for ``ttl_s`` as seen
from here; clocks of two machines are never compared. An owner that was superseded learns it from ``still_owner``.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from tracegen.errors import Fenced, RunConflict, StoreError, boundary
from tracegen.ledger.process import Process, is_running
from tracegen.protocols import Store

logger = logging.getLogger(__name__)

_FOLDER = "owner/"
_OWNER = re.compile(r"owner/(\d{8})\.json")
_BEATS_PER_TTL = 4
_LOOKS_PER_TTL = 12


@dataclass(frozen=True, slots=True)
class Owner:
    """One driver of a run."""

    process: Process
    started_at_s: float
    """Unix time, for people."""
    closed: bool = False
    """It ended by itself: the next driver need not wait."""

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.started_at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"process {self.process.pid} on {self.process.host}, started {since}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Told while a claim watches another owner, so that a person sees why nothing happens."""

    owner: Owner
    left_s: float


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to drive a run, until a newer claim."""

    store: Store
    run_id: str
    epoch: int
    owner: Owner
    ttl_s: float

    def beat(self, beats: int) -> None:
        """Show that this driver lives. Raises Fenced when it does not own the run any more."""
        still_owner(self.store, self.epoch)
        self.store.put(_beat_key(self.epoch), json.dumps({"epoch": self.epoch, "beat": beats}).encode())

    def release(self) -> None:
        """End cleanly: the next driver starts at once."""
        self.store.put(_owner_key(self.epoch), _dump(replace(self.owner, closed=True)))

    async def keep(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Beat until cancelled. Raises Fenced when another driver has taken over."""
        beats = 1
        while True:
            await sleep(self.ttl_s / _BEATS_PER_TTL)
            beats += 1
            try:
                await asyncio.to_thread(self.beat, beats)
            except StoreError as error:
                # Not the end: only a newer owner is, and the next beat looks for one.
                logger.warning("heartbeat of epoch %d failed: %s", self.epoch, error)


def claim(
    store: Store,
    run_id: str,
    who: Owner,
    *,
    ttl_s: float = 30.0,
    sleep: Callable[[float], None] = time.sleep,
    on_wait: Callable[[Waiting], None] = lambda _: None,
) -> Claim:
    """Become the run's driver. Raises RunConflict, naming the owner, while another driver lives."""
    while True:
        epoch = newest_epoch(store)
        if epoch:
            _wait_for_death(store, run_id, epoch, who, _Watch(ttl_s, sleep, on_wait))
        if store.put_if_absent(_owner_key(epoch + 1), _dump(who)):
            made = Claim(store, run_id, epoch + 1, who, ttl_s)
            made.beat(1)
            return made


def still_owner(store: Store, epoch: int) -> None:
    """Raises Fenced when a newer driver owns the run. Epochs have no gaps, so one read tells."""
    try:
        newer = _owner(store, epoch + 1)
    except KeyError:
        return
    raise Fenced(f"another driver owns this run now: {newer}", hint="this one stops; nothing it wrote is lost")


def newest_epoch(store: Store) -> int:
    """Epoch of the newest owner, 0 where there was none."""
    found = (_OWNER.fullmatch(item.key) for item in store.list(_FOLDER))
    return max((int(match[1]) for match in found if match), default=0)


@dataclass(frozen=True, slots=True)
class _Watch:
    ttl_s: float
    sleep: Callable[[float], None]
    on_wait: Callable[[Waiting], None]


def _wait_for_death(store: Store, run_id: str, epoch: int, who: Owner, watch: _Watch) -> None:
    owner = _owner(store, epoch)
    running = False if owner.closed else is_running(owner.process, seen_from=who.process)
    if running is None and not _falls_silent(store, epoch, owner, watch):
        running = True
    if running:
        raise RunConflict(
            f"run {run_id} is being driven by {owner}",
            hint=f"wait for it, or stop it: a dead driver is replaced at once from its own machine, "
            f"from another one after {watch.ttl_s:g} s",
        )


def _falls_silent(store: Store, epoch: int, owner: Owner, watch: _Watch) -> bool:
    """The owner's beat did not change for ``ttl_s``, by our clock alone."""
    first = _beat(store, epoch)
    step_s = watch.ttl_s / _LOOKS_PER_TTL
    for look in range(_LOOKS_PER_TTL):
        watch.on_wait(Waiting(owner, watch.ttl_s - look * step_s))
        watch.sleep(step_s)
        if _owner(store, epoch).closed:
            return True
        if _beat(store, epoch) != first:
            return False
    return True


def _owner(store: Store, epoch: int) -> Owner:
    data = store.get(_owner_key(epoch))
    with boundary(StoreError, f"{store.uri}/{_owner_key(epoch)} is damaged"):
        found = json.loads(data)
        return Owner(Process(**found.pop("process")), **found)


def _dump(owner: Owner) -> bytes:
    return json.dumps(asdict(owner), indent=1).encode()


def _beat(store: Store, epoch: int) -> bytes:
    try:
        return store.get(_beat_key(epoch))
    except KeyError:
        return b""


def _owner_key(epoch: int) -> str:
    return f"{_FOLDER}{epoch:08d}.json"


def _beat_key(epoch: int) -> str:
    return f"{_FOLDER}{epoch:08d}.beat.json"

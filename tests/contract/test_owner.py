"""One driver per run, whatever dies, sleeps or starts at the same time."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rows import completion, judgement
from tests.turnstile import Turnstile
from tracegen.errors import Fenced, RunConflict, StoreError
from tracegen.ledger.journal import Journal, JournalLimits
from tracegen.ledger.owner import Claim, Owner, Waiting, claim, newest_epoch, still_owner
from tracegen.ledger.process import Process, is_running, this_process
from tracegen.ledger.settle import settle, sweep
from tracegen.protocols import Store
from tracegen.store import MemoryStore
from tracegen.store.faulty import Fault, FaultyStore

HERE = Owner(this_process(os.getpid()), 1_700_000_000.0)


def elsewhere(host: str = "other", pid: int = 7) -> Owner:
    return Owner(Process(host, f"boot-{host}", "pid:[1]", pid, 99), 1_700_000_000.0)


def no_sleep(_seconds: float) -> None:
    pass


def take(store: Store, who: Owner, sleep: Callable[[float], None] = no_sleep) -> Claim:
    return claim(store, "demo-1", who, ttl_s=30, sleep=sleep)


def test_the_first_claim_is_epoch_one(store: Store) -> None:
    made = take(store, HERE)
    assert made.epoch == newest_epoch(store) == 1
    still_owner(store, 1)


def test_a_driver_that_lives_on_this_machine_is_named_at_once(store: Store) -> None:
    take(store, HERE)
    with pytest.raises(RunConflict) as caught:
        take(store, HERE, sleep=lambda _: pytest.fail("waited"))
    assert f"run demo-1 is being driven by process {os.getpid()} on {HERE.process.host}, " in str(caught.value)
    assert "started 2023-11-14 22:13:20 UTC; wait for it, or stop it" in str(caught.value)
    assert "after 30 s" in str(caught.value)
    assert caught.value.exit_code == 2


def test_after_a_clean_end_the_next_starts_at_once(store: Store) -> None:
    take(store, elsewhere()).release()
    assert take(store, HERE, sleep=lambda _: pytest.fail("waited")).epoch == 2


def test_a_driver_killed_on_this_machine_is_taken_over_at_once(store: Store) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    take(store, Owner(this_process(process.pid), 0.0))
    with pytest.raises(RunConflict, match=f"process {process.pid} on"):
        take(store, HERE)
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and nobody has buried it yet
    assert take(store, HERE, sleep=lambda _: pytest.fail("waited")).epoch == 2
    process.communicate()


def test_a_number_that_another_process_has_now_is_not_that_driver(store: Store) -> None:
    take(store, replace(HERE, process=replace(HERE.process, start_ticks=HERE.process.start_ticks - 1)))
    assert take(store, HERE, sleep=lambda _: pytest.fail("waited")).epoch == 2


def test_a_silent_driver_elsewhere_is_taken_over_after_the_ttl(store: Store) -> None:
    take(store, elsewhere())
    slept: list[float] = []
    told: list[Waiting] = []
    made = claim(store, "demo-1", HERE, ttl_s=30, sleep=slept.append, on_wait=told.append)
    assert made.epoch == 2
    assert sum(slept) == pytest.approx(30)
    assert [round(waiting.left_s, 1) for waiting in told[:3]] == [30, 27.5, 25]
    assert told[0].owner == elsewhere()


def test_a_beating_driver_elsewhere_is_named(store: Store) -> None:
    first = take(store, elsewhere("gpu-7"))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            first.beat(2)

    with pytest.raises(RunConflict, match="process 7 on gpu-7"):
        take(store, HERE, sleep)
    assert len(slept) == 3


def test_a_driver_elsewhere_that_ends_while_it_is_watched(store: Store) -> None:
    first = take(store, elsewhere())
    assert take(store, HERE, lambda _: first.release()).epoch == 2


def test_what_cannot_be_told_from_here() -> None:
    here = HERE.process
    assert is_running(here, seen_from=here) is True
    for other in (
        replace(here, host="other"),
        replace(here, boot_id="other"),
        replace(here, boot_id=""),
        replace(here, pid_namespace="other"),
    ):
        assert is_running(other, seen_from=here) is None
    assert is_running(replace(here, pid=2**22 + 1), seen_from=here) is False


def test_a_paused_driver_is_fenced_at_its_next_beat(store: Store) -> None:
    paused = take(store, elsewhere())
    made = take(store, HERE)
    with pytest.raises(Fenced, match=rf"another driver owns this run now: process {os.getpid()} on") as caught:
        paused.beat(2)
    assert caught.value.exit_code == 3
    paused.release()  # does no harm
    made.beat(2)
    with pytest.raises(RunConflict):
        take(store, HERE)


async def test_keeping_a_claim_beats_until_fenced() -> None:
    store = FaultyStore(MemoryStore(), [Fault("put", 5, "error")])
    made = take(store, elsewhere())
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            take(store, HERE)

    with pytest.raises(Fenced):
        await made.keep(sleep)
    assert pauses == [7.5] * 6


async def test_a_paused_driver_that_wakes_adds_no_duplicate() -> None:
    store = MemoryStore()
    limits = JournalLimits(linger_s=0)
    old = take(store, elsewhere())
    old_journal = Journal(store, epoch=old.epoch, recorder_id="r0", limits=limits)
    await old_journal.append([completion(0)])
    new = take(store, HERE)
    new_journal = Journal(store, epoch=new.epoch, recorder_id="r0", limits=limits)
    rows = [completion(0), completion(1, epoch=2)]
    await new_journal.append(rows[1:])
    await new_journal.append_judgements([judgement(row) for row in rows])
    settle(store, "s", "v1")
    await old_journal.append([completion(1, text="late"), completion(2)])
    with pytest.raises(Fenced):
        still_owner(store, old.epoch)
    settle(store, "s", "v1")  # and even if it had not asked
    sweep(store, "v1")
    from tests.contract.test_ledger import plain_glob

    assert plain_glob(store) == [*rows, completion(2)]


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2), max_size=60), st.booleans())
def test_of_drivers_that_start_at_once_one_wins(turns: list[int], after_another: bool) -> None:
    store = MemoryStore()
    if after_another:
        take(store, elsewhere("dead")).release()
    turnstile = Turnstile(turns, drivers=3)
    won: list[Claim] = []

    def start(driver: int) -> None:
        with suppress(RunConflict):
            won.append(take(turnstile.view(store, driver), HERE))

    turnstile.run([lambda n=n: start(n) for n in range(3)])
    assert [made.epoch for made in won] == [2 if after_another else 1]


async def test_a_damaged_owner_is_named() -> None:
    store = MemoryStore()
    store.put("owner/00000001.json", b"{")
    with pytest.raises(StoreError, match=r"owner/00000001.json is damaged"):
        await asyncio.to_thread(take, store, HERE)

"""The journal: group commit, back-pressure, and failures that stay with their rows."""

import asyncio
import threading
import time

import pytest

from tests.rows import completion, judgement
from tracegen.errors import StoreError
from tracegen.ledger.journal import Journal, JournalLimits, journal_objects, replay
from tracegen.ledger.layout import JournalObject, check_name, parse_journal_key, parse_settled_key, verdicts_key
from tracegen.store import MemoryStore
from tracegen.store.faulty import Fault, FaultyStore


def journal(store: FaultyStore | MemoryStore, **limits: float) -> Journal:
    return Journal(store, epoch=1, recorder_id="r0", limits=JournalLimits(**limits))  # type: ignore[arg-type]


async def test_rows_that_come_together_are_one_write_per_shard_and_kind() -> None:
    store = FaultyStore(MemoryStore())
    rows = [completion(number, shard_id=f"s{number % 2}") for number in range(20)]
    made = journal(store, linger_s=0.05)
    async with asyncio.TaskGroup() as group:
        for row in rows:
            group.create_task(made.append([row]))
        group.create_task(made.append_judgements([judgement(row) for row in rows]))
    assert store.calls["put"] == 4
    assert [len(replay(store, shard)[kind]) for shard in ("s0", "s1") for kind in (0, 1)] == [10] * 4


async def test_append_waits_no_longer_than_it_must() -> None:
    store = MemoryStore()
    made = journal(store, linger_s=0.1)
    started = time.monotonic()
    await made.append([completion()])
    assert 0.1 <= time.monotonic() - started < 0.5
    assert len(replay(store, "s")[0]) == 1


async def test_enough_bytes_are_written_at_once() -> None:
    made = journal(MemoryStore(), linger_s=60, flush_bytes=10_000)
    first = asyncio.create_task(made.append([completion(0, shard_id="other")]))
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await made.append([completion(1, text="x" * 10_000)])
        await first


async def test_flush_and_close_do_not_linger() -> None:
    store = MemoryStore()
    made = journal(store, linger_s=60)
    task = asyncio.create_task(made.append([completion()]))
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await made.flush()
        await task
    await made.close()
    await made.close()
    with pytest.raises(StoreError, match="closed"):
        await made.append([completion(1)])


async def test_a_failed_write_is_told_to_its_rows_only() -> None:
    inner = MemoryStore()

    def refuse(verb: str, key: str) -> None:
        if verb == "put" and "/bad/" in key:
            raise StoreError("no")

    made = journal(FaultyStore(inner, before=refuse), linger_s=0.02)
    good, bad = (
        asyncio.create_task(made.append([completion(n, shard_id=shard)])) for n, shard in enumerate(("good", "bad"))
    )
    await good
    with pytest.raises(StoreError, match="no"):
        await bad
    await made.append([completion(2, shard_id="good")])
    assert [len(replay(inner, shard)[0]) for shard in ("good", "bad")] == [2, 0]


async def test_a_write_that_was_done_and_not_heard_of_is_one_row_when_repeated() -> None:
    inner = MemoryStore()
    made = journal(FaultyStore(inner, [Fault("put", 1, "error", "after")]), linger_s=0)
    with pytest.raises(StoreError):
        await made.append([completion()])
    await made.append([completion()])
    assert len(journal_objects(inner, "s")) == 2
    assert replay(inner, "s")[0] == [completion()]


async def test_an_append_that_is_cancelled_leaves_the_others_alone() -> None:
    store = MemoryStore()
    made = journal(store, linger_s=0.05)
    given_up, kept = (asyncio.create_task(made.append([completion(number)])) for number in range(2))
    await asyncio.sleep(0.01)
    given_up.cancel()
    await kept
    assert completion(1) in replay(store, "s")[0]


async def test_what_is_held_in_memory_is_bounded_and_the_loop_goes_on() -> None:
    gate = threading.Event()
    store = FaultyStore(MemoryStore(), before=lambda verb, _: gate.wait() if verb == "put" else None)
    made = journal(store, linger_s=0, held_bytes=5_000, writers=2)
    rows = [completion(number, text="x" * 1000) for number in range(40)]
    task = asyncio.create_task(made.append(rows))
    for _ in range(20):
        await asyncio.sleep(0.005)  # the event loop is free although every writer is stuck
    assert made.held_bytes <= 5_000
    assert not task.done()
    gate.set()
    await task
    assert made.held_bytes == 0
    assert len(replay(store, "s")[0]) == 40


async def test_a_row_larger_than_the_bound_is_taken_alone() -> None:
    store = MemoryStore()
    await journal(store, linger_s=0, held_bytes=100).append([completion(n, text="x" * 1000) for n in range(3)])
    assert len(replay(store, "s")[0]) == 3


def test_names_are_read_back() -> None:
    made = JournalObject("math-00ff", 3, "recorder-1-abc", 12, "judgements")
    assert parse_journal_key(made.key) == made
    assert parse_journal_key("ledger/journal/s/settling.00000000.json") is None
    assert parse_settled_key("ledger/completions/math-00000001.parquet") == ("math-00000001", 0)
    assert parse_settled_key("ledger/completions/math-1.00000002.parquet") == ("math-1", 2)
    assert verdicts_key("math-1.logic-1", "s", 1) == "ledger/verdicts/math-1.logic-1/s.00000001.parquet"


@pytest.mark.parametrize("name", ["", "a/b", "a.b", ".", "-a", "ä"])
def test_names_that_could_not_be_read_back_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        check_name(name)

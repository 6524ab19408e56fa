"""The ledger's promises, after any crash and with two drivers at once."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rows import completion, judgement
from tests.turnstile import Turnstile
from tracegen.errors import StoreError
from tracegen.ledger.journal import Journal, JournalLimits, replay
from tracegen.ledger.layout import journal_folder
from tracegen.ledger.schema import COMPLETION, JUDGEMENT, read_parquet, table_to_completions, table_to_judgements
from tracegen.ledger.settle import open_shards, settle, settled_shards, sweep
from tracegen.protocols import Store
from tracegen.store import MemoryStore
from tracegen.store.faulty import Crashed, Fault, FaultyStore
from tracegen.types import Completion, Judgement, Outcome

AT_ONCE = JournalLimits(linger_s=0)


async def append(
    store: Store, completions: list[Completion], judgements: list[Judgement], *, epoch: int = 1, recorder: str = "r0"
) -> None:
    journal = Journal(store, epoch=epoch, recorder_id=recorder, limits=AT_ONCE)
    await journal.append(completions)
    await journal.append_judgements(judgements)
    await journal.close()


def plain_glob(store: Store) -> list[Completion]:
    """Rows as anybody sees them who reads ``ledger/completions/*.parquet``."""
    found = []
    for item in store.list("ledger/completions/"):
        found += table_to_completions(read_parquet(store.get(item.key), COMPLETION, item.key))
    return sorted(found, key=lambda row: row.attempt_id)


def verdicts(store: Store, verdict_set: str = "v1") -> list[Judgement]:
    found = []
    for item in store.list(f"ledger/verdicts/{verdict_set}/"):
        found += table_to_judgements(read_parquet(store.get(item.key), JUDGEMENT, item.key))
    return sorted(found, key=lambda row: row.attempt_id)


def everything(store: Store) -> dict[str, bytes]:
    return {item.key: store.get(item.key) for item in store.list("")}


async def test_a_settled_shard_is_its_journal_sorted(store: Store) -> None:
    rows = [completion(number) for number in (3, 1, 2)]
    await append(store, rows, [judgement(row) for row in rows])
    assert open_shards(store) == {"s"}
    assert settled_shards(store) == set()
    settle(store, "s", "v1")
    settled = read_parquet(store.get("ledger/completions/s.parquet"), COMPLETION, "s")
    assert table_to_completions(settled) == sorted(rows, key=lambda row: row.attempt_id)
    assert [row.attempt_id for row in verdicts(store)] == [row.attempt_id for row in plain_glob(store)]
    assert open_shards(store) == set()
    assert settled_shards(store) == {"s"}
    assert sorted(everything(store)) == ["ledger/completions/s.parquet", "ledger/verdicts/v1/s.parquet"]


async def test_settling_again_changes_nothing(store: Store) -> None:
    await append(store, [completion()], [judgement(completion())])
    settle(store, "s", "v1")
    before = everything(store)
    settle(store, "s", "v1")
    assert sweep(store, "v1") == ()
    assert everything(store) == before


def test_a_shard_without_rows_is_settled_too(store: Store) -> None:
    settle(store, "empty", "v1")
    assert settled_shards(store) == {"empty"}
    assert plain_glob(store) == verdicts(store) == []


async def test_replay_gives_what_was_appended(store: Store) -> None:
    rows = [completion(number) for number in range(5)]
    await append(store, rows, [judgement(row) for row in rows[:3]])
    completions, judgements = replay(store, "s")
    assert completions == rows
    assert judgements == [judgement(row) for row in rows[:3]]
    assert replay(store, "other") == ([], [])


async def test_of_two_completions_of_an_attempt_the_newer_epoch_counts() -> None:
    store = MemoryStore()
    new, old = completion(epoch=2, text="new"), completion(epoch=1, text="old")
    await append(store, [new], [], epoch=2)
    await append(store, [old, completion(1)], [judgement(old)], epoch=1)
    completions, judgements = replay(store, "s")
    assert [row.text for row in completions] == ["new", completion(1).text]
    assert judgements == []  # it judged the old text


async def test_a_newer_judgement_of_an_older_completion_counts() -> None:
    store = MemoryStore()
    row = completion(epoch=1)
    await append(store, [row], [judgement(row, outcome=Outcome.UNDECIDED)], epoch=1)
    await append(store, [], [judgement(row)], epoch=2)
    assert [found.outcome for found in replay(store, "s")[1]] == [Outcome.CORRECT]


async def test_a_damaged_journal_object_is_named(store: Store) -> None:
    await append(store, [completion()], [])
    (item,) = store.list(journal_folder("s"))
    store.put(item.key, store.get(item.key)[:-5])
    with pytest.raises(StoreError, match=f"{store.uri}/{item.key} is damaged"):
        replay(store, "s")


async def test_a_recorder_that_lives_again_overwrites_nothing(store: Store) -> None:
    for life in range(3):
        await append(store, [completion(life * 2)], [])
        await append(store, [completion(life * 2 + 1)], [])
    assert len(replay(store, "s")[0]) == 6


async def test_rows_that_come_after_the_end_are_kept_once() -> None:
    store = MemoryStore()
    await append(store, [completion(0)], [judgement(completion(0))])
    settle(store, "s", "v1")
    await append(store, [completion(0, text="again"), completion(1)], [judgement(completion(1))], recorder="late")
    assert sweep(store, "v1") == ("s",)
    assert (
        [row.attempt_id for row in plain_glob(store)]
        == [completion(n).attempt_id for n in (0, 1)]
        == [row.attempt_id for row in verdicts(store)]
    )
    assert plain_glob(store)[0].text == completion(0).text
    assert sorted(everything(store))[:2] == ["ledger/completions/s.00000001.parquet", "ledger/completions/s.parquet"]
    assert open_shards(store) == set()
    assert settled_shards(store) == {"s"}


async def test_what_was_not_judged_in_time_is_undecided_for_good() -> None:
    store = MemoryStore()
    await append(store, [completion(0), completion(1)], [judgement(completion(1))])
    settle(store, "s", "v1")
    assert [(row.outcome, row.reason) for row in verdicts(store)] == [("undecided", "unjudged"), ("correct", "equal")]
    await append(store, [completion(0, epoch=2)], [judgement(completion(0))], epoch=2)  # on another text
    sweep(store, "v1")
    assert [row.reason for row in verdicts(store)] == ["unjudged", "equal"]


async def test_an_open_shard_is_not_swept() -> None:
    store = MemoryStore()
    await append(store, [completion()], [])
    assert sweep(store, "v1") == ()
    assert open_shards(store) == {"s"}


class Life:
    """A driver that works on the shard until its store crashes; what it heard to be durable, it remembers."""

    def __init__(self, store: Store, epoch: int) -> None:
        self.store, self.epoch = store, epoch
        self.acknowledged: dict[str, str] = {}
        self.judged: set[str] = set()

    async def run(self, attempts: int) -> None:
        journal = Journal(self.store, epoch=self.epoch, recorder_id="r0", limits=AT_ONCE)
        sweep(self.store, "v1")
        if "s" in settled_shards(self.store):
            return
        completions, judgements = replay(self.store, "s")
        done, judged = {row.attempt_id for row in completions}, {row.attempt_id for row in judgements}
        for row in completions:
            if row.attempt_id not in judged:
                await self._judge(journal, row)
        for number in range(attempts):
            row = completion(number, epoch=self.epoch, text=f"epoch {self.epoch}")
            if row.attempt_id not in done:
                await journal.append([row])
                self.acknowledged[row.attempt_id] = row.text
                await self._judge(journal, row)
        settle(self.store, "s", "v1")

    async def _judge(self, journal: Journal, row: Completion) -> None:
        await journal.append_judgements([judgement(row, detail=row.text)])
        self.judged.add(row.attempt_id)


def check(store: Store, acknowledged: dict[str, str]) -> None:
    """What must hold at every instant."""
    seen = {row.attempt_id: row for row in plain_glob(store)}
    assert len(seen) == len(plain_glob(store)), "an attempt twice under a plain glob"
    assert len({row.attempt_id for row in verdicts(store)}) == len(verdicts(store)), "a verdict twice"
    replayed = {row.attempt_id: row for row in replay(store, "s")[0]}
    for attempt_id, text in acknowledged.items():
        row = seen.get(attempt_id) or replayed.get(attempt_id)
        assert row is not None, "an acknowledged completion was lost"
        assert row.text == text, "an acknowledged completion was generated again"


async def crash_and_resume(crashes: list[Fault], attempts: int) -> None:
    store = MemoryStore()
    acknowledged: dict[str, str] = {}
    for epoch, fault in enumerate([*crashes, None], start=1):
        life = Life(FaultyStore(store, [fault] if fault else []), epoch)
        try:
            await life.run(attempts)
        except Crashed:
            assert fault is not None
        assert not life.acknowledged.keys() & acknowledged.keys(), "an acknowledged completion was generated again"
        acknowledged |= life.acknowledged
        check(store, acknowledged)
    assert len(plain_glob(store)) == len(verdicts(store)) == attempts
    assert [row.detail for row in verdicts(store)] == [row.text for row in plain_glob(store)], "another text judged"
    assert [key for key in everything(store) if "journal" in key] == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, 40))
async def test_a_crash_at_any_call_loses_and_doubles_nothing(nth: int, when: str) -> None:
    await crash_and_resume([Fault("any", nth, "crash", when)], attempts=3)


@settings(max_examples=60)
@given(
    st.lists(
        st.builds(Fault, st.just("any"), st.integers(1, 40), st.just("crash"), st.sampled_from(["before", "after"])),
        max_size=5,
    ),
    st.integers(0, 4),
)
def test_any_number_of_crashes_lose_and_double_nothing(crashes: list[Fault], attempts: int) -> None:
    asyncio.run(crash_and_resume(crashes, attempts))


def fill(store: Store, epoch: int, numbers: range) -> None:
    rows = [completion(number, epoch=epoch, text=f"epoch {epoch}") for number in numbers]
    asyncio.run(
        append(store, rows, [judgement(row, detail=row.text) for row in rows], epoch=epoch, recorder=f"r{epoch}")
    )


@pytest.mark.parametrize("late", [False, True], ids=["", "with late rows"])
@pytest.mark.parametrize("nth", range(1, 24))
def test_another_driver_that_settles_in_between_doubles_nothing(nth: int, late: bool) -> None:
    """Before the nth call of a paused driver, the new one settles the whole shard, and maybe more rows come in."""
    store = MemoryStore()
    fill(store, 1, range(4))
    calls = 0

    def other_driver(_verb: str, _key: str) -> None:
        nonlocal calls
        calls += 1
        if calls == nth:
            fill(store, 2, range(2, 7))
            settle(store, "s", "v1")
            if late:
                fill(store, 1, range(6, 9))

    paused = FaultyStore(store, before=other_driver)
    settle(paused, "s", "v1")
    if calls < nth:
        other_driver("", "")
        settle(paused, "s", "v1")
    sweep(store, "v1")
    ids = [row.attempt_id for row in plain_glob(store)]
    assert sorted(ids) == [completion(n).attempt_id for n in range(9 if late else 7)] or calls < nth
    assert len(set(ids)) == len(ids)
    texts = {row.attempt_id: row.text for row in plain_glob(store)}
    assert {row.attempt_id: row.detail for row in verdicts(store)} == texts
    assert [key for key in everything(store) if "journal" in key] == []


@settings(max_examples=80)
@given(st.lists(st.integers(0, 2), min_size=10, max_size=120))
def test_drivers_that_settle_at_once_double_nothing(turns: list[int]) -> None:
    """Three drivers settle the same shard; who makes the next call on the store is drawn."""
    store = MemoryStore()
    fill(store, 1, range(4))
    turnstile = Turnstile(turns, drivers=3)
    actions = [
        lambda view: settle(view, "s", "v1"),
        lambda view: settle(view, "s", "v1"),
        lambda view: (fill(view, 2, range(3, 6)), settle(view, "s", "v1")),
    ]
    turnstile.run([lambda n=n, act=act: act(turnstile.view(store, n)) for n, act in enumerate(actions)])
    sweep(store, "v1")
    rows = plain_glob(store)
    assert sorted(row.attempt_id for row in rows) == [completion(n).attempt_id for n in range(6)]
    assert [row.attempt_id for row in verdicts(store)] == [row.attempt_id for row in rows]
    for row, verdict in zip(rows, verdicts(store), strict=True):
        # One that settles between another's completion and its verdict finds no verdict.
        assert verdict.detail == row.text or (row.epoch == 2 and verdict.reason == "unjudged")
    assert [key for key in everything(store) if "journal" in key] == []

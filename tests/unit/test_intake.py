"""What is on its way to the ledger is bounded, however slow the ledger is."""

import asyncio
from collections.abc import Mapping, Sequence

from tracegen.protocols import Exchange, Finished, Payload, PoolHealth, RecorderPort, Replay, VerifierPort
from tracegen.recipe import Rejection
from tracegen.runtime.intake import MAX_TOKENS, UNSETTLED_PER_RECORDER, Quarantine, Recording
from tracegen.runtime.shelf import Shelf
from tracegen.runtime.supervised import Supervised
from tracegen.scheduling.scheduler import Scheduler
from tracegen.types import (
    AnswerReference,
    Attempt,
    Domain,
    FinishReason,
    Judgement,
    Outcome,
    Prompt,
    Reference,
    ShardEntry,
)

IDS = tuple("abcd")


class SlowRecorder:
    """Keeps everybody waiting until it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def append(self, payload: Payload) -> None:
        await self.go.wait()

    async def append_judgements(self, judgements: Sequence[Judgement]) -> None: ...

    async def settle(self, shard_id: str) -> None:
        await self.go.wait()

    async def replay(self, shard_id: str) -> tuple[Replay, Payload]:
        raise NotImplementedError

    async def recall(self, shard_id: str, attempt_ids: Sequence[str]) -> tuple[tuple[str, ...], Payload]:
        raise NotImplementedError

    async def close(self) -> None: ...


class Agrees:
    """A verifier pool that finds everything right, once it is let."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.go = asyncio.Event()
        if at_once:
            self.go.set()

    async def expect(self, references: Sequence[Reference]) -> None: ...

    async def prove(self) -> None: ...

    async def health(self) -> PoolHealth:
        return PoolHealth(1, 0.0, 0, 0)

    async def judge(
        self, payload: Payload, references: Mapping[str, Reference], questions: Mapping[str, str] | None = None
    ) -> Sequence[Judgement]:
        await self.go.wait()
        return [
            Judgement(Attempt(one, 0).attempt_id, one, "s", 1, Outcome.CORRECT, "equal", "", "v/1", 1, 0.0)
            for one in references
        ]

    async def close(self) -> None: ...


def load(_: str) -> list[Prompt]:
    return [Prompt(one, Domain.MATH, one, AnswerReference(answer="1"), "source", one, "") for one in IDS]


def finished(prompt_id: str, tokens: int) -> Exchange:
    one = Finished(Attempt(prompt_id, 0).attempt_id, "s", FinishReason.STOP, 1, tokens)
    return Exchange((one,), (), 0, tokens)


def intake_of(scheduler: Scheduler, shelf: Shelf, slow: SlowRecorder, tasks: asyncio.TaskGroup) -> Recording:
    async def recorder() -> RecorderPort:
        return slow

    async def verifiers() -> VerifierPort:
        return Agrees()

    recorders, pools = [Supervised("recorder", recorder)], [Supervised("verifiers", verifiers)]
    return Recording(scheduler, shelf, recorders, pools, tasks, Quarantine(lambda _: None, lambda: 0.0))


async def test_replicas_wait_while_too_many_tokens_are_on_their_way() -> None:
    entry, rules = ShardEntry("s", Domain.MATH, len(IDS), "a"), Rejection(keep=1, max_attempts=1)
    scheduler, shelf, slow = Scheduler([entry], rules), Shelf(load), SlowRecorder()

    async with asyncio.TaskGroup() as tasks:
        intake = intake_of(scheduler, shelf, slow, tasks)
        assert scheduler.next_shard(1) == "s"
        scheduler.open(entry, await shelf.take("s"))
        assert len(scheduler.lease("r", len(IDS))) == len(IDS)
        await intake.take_in(finished("a", MAX_TOKENS - 10), Payload([]))
        await intake.take_in(finished("b", 10), Payload([]))
        third = tasks.create_task(intake.take_in(finished("c", 1), Payload([])))
        await asyncio.sleep(0.05)
        assert not third.done()
        slow.go.set()
        await third
        # One batch alone is let through, whatever its size.
        await intake.take_in(finished("d", 2 * MAX_TOKENS), Payload([]))
        await intake.done.wait()
    assert scheduler.done
    [domain] = scheduler.domains
    assert domain.accepted == len(IDS)


async def test_no_shard_is_opened_while_many_wait_to_be_settled_and_nothing_is_kept_of_those_that_are() -> None:
    entries = [ShardEntry(f"s{n}", Domain.MATH, 1) for n in range(2 * UNSETTLED_PER_RECORDER)]
    scheduler, slow = Scheduler(entries, Rejection(keep=1, max_attempts=1)), SlowRecorder()
    shelf = Shelf(lambda one: [Prompt(one, Domain.MATH, one, AnswerReference(answer="1"), "source", one, "")])
    async with asyncio.TaskGroup() as tasks:
        intake = intake_of(scheduler, shelf, slow, tasks)
        for entry in entries:
            if intake.behind:
                break
            assert scheduler.next_shard(1) == entry.shard_id
            scheduler.open(entry, await shelf.take(entry.shard_id))
            [handout] = scheduler.lease("r", 1)
            scheduler.finished(Finished(handout.attempt.attempt_id, entry.shard_id, FinishReason.STOP, 1, 1))
            scheduler.judged(handout.attempt.attempt_id, Outcome.CORRECT)
            intake.advance()
        assert (scheduler.open_shards, len(shelf)) == (UNSETTLED_PER_RECORDER,) * 2
        slow.go.set()
    assert not intake.behind
    assert scheduler.open_shards == len(shelf) == 0


async def test_replicas_go_on_while_verifiers_are_slow() -> None:
    """Each of many exchanges is taken in at once, though not one verdict has come: only memory sets a bound."""
    ids = [f"{number:04d}" for number in range(1000)]
    entry, rules = ShardEntry("s", Domain.MATH, len(ids), ids[0]), Rejection(keep=1, max_attempts=1)
    prompts = [Prompt(one, Domain.MATH, one, AnswerReference(answer="1"), "source", one, "") for one in ids]
    scheduler, shelf = Scheduler([entry], rules), Shelf(lambda _: prompts)
    quick, slow = SlowRecorder(), Agrees(at_once=False)
    quick.go.set()

    async def recorder() -> RecorderPort:
        return quick

    async def verifiers() -> VerifierPort:
        return slow

    async with asyncio.TaskGroup() as tasks:
        recorders, pools = [Supervised("recorder", recorder)], [Supervised("verifiers", verifiers)]
        intake = Recording(scheduler, shelf, recorders, pools, tasks, Quarantine(lambda _: None, lambda: 0.0))
        assert scheduler.next_shard(1) == "s"
        scheduler.open(entry, await shelf.take("s"))
        scheduler.lease("r", len(ids))
        async with asyncio.timeout(10):
            for one in ids:
                await intake.take_in(finished(one, 8_000), Payload([]))
        assert scheduler.domains[0].accepted == 0
        slow.go.set()
        await intake.done.wait()
    assert scheduler.domains[0].accepted == len(ids)

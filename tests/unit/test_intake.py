"""What is on its way to the ledger is bounded, however slow the ledger is."""

import asyncio
from collections.abc import Mapping, Sequence

from tracegen.protocols import Exchange, Finished, Payload, RecorderPort, Replay, VerifierPort
from tracegen.recipe import Rejection
from tracegen.runtime.intake import MAX_TOKENS, Quarantine, Recording
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

    async def settle(self, shard_id: str) -> None: ...

    async def replay(self, shard_id: str) -> tuple[Replay, Payload]:
        raise NotImplementedError

    async def recall(self, shard_id: str, attempt_ids: Sequence[str]) -> tuple[tuple[str, ...], Payload]:
        raise NotImplementedError

    async def close(self) -> None: ...


class Agrees:
    """A verifier pool that finds everything right."""

    async def judge(
        self, payload: Payload, references: Mapping[str, Reference], questions: Mapping[str, str] | None = None
    ) -> Sequence[Judgement]:
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


async def test_replicas_wait_while_too_many_tokens_are_on_their_way() -> None:
    entry, rules = ShardEntry("s", Domain.MATH, len(IDS), "a"), Rejection(keep=1, max_attempts=1)
    scheduler, shelf, slow = Scheduler([entry], rules), Shelf(load), SlowRecorder()

    async def recorder() -> RecorderPort:
        return slow

    async def verifiers() -> VerifierPort:
        return Agrees()

    async with asyncio.TaskGroup() as tasks:
        recorders, pools = [Supervised("recorder", recorder)], [Supervised("verifiers", verifiers)]
        intake = Recording(scheduler, shelf, recorders, pools, tasks, Quarantine(lambda _: None, lambda: 0.0))
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

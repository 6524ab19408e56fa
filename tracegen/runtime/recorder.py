"""A recorder: writes the ledger of one run. A plain class; where it runs is the cluster's affair."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tracegen.ledger.journal import Journal, JournalLimits, replay
from tracegen.ledger.owner import still_owner
from tracegen.ledger.settle import settle
from tracegen.protocols import Payload, Replay, Store
from tracegen.runtime.replica import described
from tracegen.types import Completion, Judgement


@dataclass(frozen=True, slots=True)
class RecorderSpec:
    """What a recorder needs to know; picklable."""

    store: Store
    """Rooted at the run."""
    epoch: int
    verdict_set: str
    linger_s: float
    distrusted: int = 0
    """The newest epoch whose verifiers had drifted: what it judged in shards that are open is judged again."""


class Recorder:
    """See :class:`tracegen.protocols.RecorderPort`. Payloads are lists of completions."""

    def __init__(self, spec: RecorderSpec, recorder_id: str) -> None:
        self._spec = spec
        limits = JournalLimits(linger_s=spec.linger_s)
        self._journal = Journal(spec.store, epoch=spec.epoch, recorder_id=recorder_id, limits=limits)

    async def append(self, payload: Payload) -> None:
        await self._journal.append(_completions(payload))

    async def append_judgements(self, judgements: Sequence[Judgement]) -> None:
        await self._journal.append_judgements(judgements)

    async def settle(self, shard_id: str) -> None:
        await asyncio.to_thread(still_owner, self._spec.store, self._spec.epoch)
        await asyncio.to_thread(settle, self._spec.store, shard_id, self._spec.verdict_set)

    async def replay(self, shard_id: str) -> tuple[Replay, Payload]:
        spec = self._spec
        completions, judgements = await asyncio.to_thread(replay, spec.store, shard_id, spec.distrusted)
        judged = {judgement.attempt_id for judgement in judgements}
        unjudged = [completion for completion in completions if completion.attempt_id not in judged]
        found = Replay(
            finished=tuple(described(completion) for completion in completions),
            judgements=tuple(judgements),
            unjudged=tuple(completion.attempt_id for completion in unjudged),
        )
        return found, Payload(unjudged)

    async def recall(self, shard_id: str, attempt_ids: Sequence[str]) -> tuple[tuple[str, ...], Payload]:
        completions, _ = await asyncio.to_thread(replay, self._spec.store, shard_id)
        wanted = frozenset(attempt_ids)
        found = [completion for completion in completions if completion.attempt_id in wanted]
        return tuple(completion.attempt_id for completion in found), Payload(found)

    async def close(self) -> None:
        await self._journal.close()


def _completions(payload: Payload) -> list[Completion]:
    if not isinstance(payload, list):
        msg = f"a recorder takes lists of completions, not {type(payload).__name__}"
        raise TypeError(msg)
    return payload

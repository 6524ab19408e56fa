"""The open shards' prompts: read when a shard is opened, forgotten when it is settled."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from tracegen.protocols import Lease
from tracegen.scheduling.scheduler import Handout
from tracegen.types import Prompt, Reference

SHOWN_OF_A_KIND = 8


class Shelf:
    """Prompts of open shards by id; bounded by what is open."""

    def __init__(self, load: Callable[[str], Sequence[Prompt]], *, for_judge: bool = False) -> None:
        self._load = load
        self._for_judge = for_judge
        self._prompts: dict[str, Prompt] = {}
        self._shards: dict[str, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self._prompts)

    async def take(self, shard_id: str) -> dict[str, str]:
        """Read a shard's prompts; returns the group of each id: prompts of one group share a prior."""
        prompts = await asyncio.to_thread(self._load, shard_id)
        self._prompts.update((prompt.prompt_id, prompt) for prompt in prompts)
        self._shards[shard_id] = tuple(prompt.prompt_id for prompt in prompts)
        return {prompt.prompt_id: prompt.group for prompt in prompts}

    def some_references(self, shard_id: str) -> list[Reference]:
        """What attempts of an open shard will be judged against: the first few of each kind."""
        kinds: Counter[str] = Counter()
        found = []
        for prompt_id in self._shards[shard_id]:
            reference = self._prompts[prompt_id].reference
            kinds[reference.kind] += 1
            if kinds[reference.kind] <= SHOWN_OF_A_KIND:
                found.append(reference)
        return found

    def drop(self, shard_id: str) -> None:
        for prompt_id in self._shards.pop(shard_id):
            del self._prompts[prompt_id]

    def lease(self, handout: Handout) -> Lease:
        """A handout, with the prompt's text."""
        return Lease(self._prompts[handout.attempt.prompt_id], handout.attempt.index, handout.shard_id, handout.tries)

    def references(self, attempt_ids: Iterable[str]) -> Mapping[str, Reference]:
        """What these attempts are judged against, by prompt id."""
        wanted = {attempt_id.partition(".")[0] for attempt_id in attempt_ids}
        return {prompt_id: self._prompts[prompt_id].reference for prompt_id in wanted}

    def questions(self, attempt_ids: Iterable[str]) -> Mapping[str, str] | None:
        """What these attempts answer, by prompt id, for a judge; None where there is none."""
        if not self._for_judge:
            return None
        wanted = {attempt_id.partition(".")[0] for attempt_id in attempt_ids}
        return {prompt_id: self._prompts[prompt_id].text for prompt_id in wanted}

"""A teacher replica: hosts one engine and keeps its slots busy. A plain class; the cluster decides where it runs."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tracegen.canary.asking import ask
from tracegen.canary.findings import unfaithful
from tracegen.canary.running import Running
from tracegen.chat import request
from tracegen.errors import EngineDead, EngineError, UserError, boundary
from tracegen.protocols import Engine, Exchange, Failed, Finished, Lease, Payload
from tracegen.recipe import Recipe
from tracegen.runtime.notices import Notice, no_notice
from tracegen.types import Completion, EngineIdentity, Generation, Request

GATHER_S = 0.002
"""After the first completion, wait so long for others that end with it: saves exchanges when many end at once."""
GATHER_MORE_S = 0.025
"""And so long while attempts wait here: free slots are filled from them, so waiting costs no slot anything."""


@dataclass(frozen=True, slots=True)
class ReplicaSpec:
    """What a replica needs to know; picklable."""

    recipe: Recipe
    make_engine: Callable[[], Engine]
    epoch: int
    wall_clock: Callable[[], float]
    notice: Notice = no_notice


class Replica:
    """Takes leases, gives back completions: see :class:`tracegen.protocols.ReplicaPort`."""

    def __init__(self, spec: ReplicaSpec, replica_id: str) -> None:
        self.replica_id = replica_id
        self._spec = spec
        self._engine = spec.make_engine()
        self._slots = spec.recipe.where.slots
        self._waiting: deque[Lease] = deque()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._completions: list[Completion] = []
        self._failures: list[Failed] = []
        self._arrived = asyncio.Event()
        self._hungry = asyncio.Event()
        """Set while a slot is free and nothing waits for it."""
        self._canary = Running()
        self._canary_tokens, self._canary_untold = 0, 0
        """What the canary took, and as much of it as no exchange has told of."""
        self._dead: EngineDead | None = None
        self._refused: UserError | None = None
        """What only a person can mend, as a key that the endpoint no longer takes, or an engine that lies."""

    async def start(self) -> EngineIdentity:
        await self._engine.start()
        if self._spec.recipe.where.canary.enabled:
            await ask(self._engine, self._spec.recipe, self.replica_id)
            # What the engine counted: questions that failed half-way cost tokens as well.
            self._canary_tokens = self._canary_untold = self._engine.produced_tokens
        return self._engine.identity

    async def exchange(self, leases: Sequence[Lease], wait_s: float) -> tuple[Exchange, Payload]:
        if self._refused is None:
            self._waiting.extend(leases)
            self._fill()
            await self._wait(wait_s)
        if self._dead is not None:
            raise self._dead
        if self._refused is not None and not self._completions:  # what is paid for goes first
            raise self._refused
        return self._take()

    def _fill(self) -> None:
        """Begin what waits, as far as there are slots."""
        recipe = self._spec.recipe
        while self._waiting and len(self._tasks) < self._slots:
            lease = self._waiting.popleft()
            asked = request(lease.prompt, lease.index, recipe)
            self._tasks[asked.attempt_id] = asyncio.create_task(self._attempt(lease, asked))
        if len(self._tasks) < self._slots:
            self._hungry.set()
        else:
            self._hungry.clear()

    async def _wait(self, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._arrived.wait()
        except TimeoutError:
            return
        if self._tasks:
            await asyncio.sleep(GATHER_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GATHER_MORE_S):
                await self._hungry.wait()

    async def _attempt(self, lease: Lease, asked: Request) -> None:
        started_at_s = self._spec.wall_clock()
        try:
            with boundary(EngineError, f"engine failed at {asked.attempt_id}"):
                generation = await self._engine.generate(asked)
            ended_at_s = self._spec.wall_clock()
            self._completions.append(self._completion(lease, asked, generation, started_at_s, ended_at_s))
            self._look_at(asked, generation)
        except EngineDead as error:
            self._dead = error
        except UserError as error:
            self._refused = error
        except EngineError as error:
            self._failures.append(Failed(asked.attempt_id, str(error), error.retryable))
        finally:
            del self._tasks[asked.attempt_id]
            self._arrived.set()
            if self._dead is None and self._refused is None:
                self._fill()

    def _look_at(self, asked: Request, generation: Generation) -> None:
        canary = self._spec.recipe.where.canary
        if not canary.enabled or self._refused is not None:
            return
        for finding, attempts in self._canary.see(asked, generation):
            if finding.check not in canary.off:
                also = f"its last attempts: {', '.join(attempts)}"
                self._refused = unfaithful(self.replica_id, [finding], also)

    def _completion(
        self, lease: Lease, asked: Request, generation: Generation, started_at_s: float, ended_at_s: float
    ) -> Completion:
        identity = self._engine.identity
        return Completion(
            attempt_id=asked.attempt_id,
            prompt_id=lease.prompt.prompt_id,
            index=lease.index,
            shard_id=lease.shard_id,
            domain=lease.prompt.domain,
            text=generation.text,
            prefill=asked.prefill,
            finish_reason=generation.finish_reason,
            prompt_tokens=generation.prompt_tokens,
            completion_tokens=generation.completion_tokens,
            temperature=generation.sampling.temperature,
            top_p=generation.sampling.top_p,
            max_tokens=generation.sampling.max_tokens,
            seed=asked.seed,
            engine=identity.engine,
            engine_version=identity.engine_version,
            model=identity.model,
            revision=identity.revision,
            replica_id=self.replica_id,
            epoch=self._spec.epoch,
            started_at_s=started_at_s,
            wall_s=ended_at_s - started_at_s,
        )

    def _take(self) -> tuple[Exchange, Payload]:
        completions, self._completions = self._completions, []
        failures, self._failures = self._failures, []
        self._arrived.clear()
        finished = tuple(described(completion) for completion in completions)
        in_flight, produced = len(self._tasks) + len(self._waiting), self._engine.produced_tokens - self._canary_tokens
        untold, self._canary_untold = self._canary_untold, 0
        exchange = Exchange(finished, tuple(failures), in_flight, produced, self._spec.notice(), untold)
        return exchange, Payload(completions)

    async def close(self) -> None:
        self._waiting.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._engine.close()


def described(completion: Completion) -> Finished:
    """A completion without its text."""
    return Finished(
        completion.attempt_id,
        completion.shard_id,
        completion.finish_reason,
        completion.prompt_tokens,
        completion.completion_tokens,
    )

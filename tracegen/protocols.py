"""The seams of the system: what an engine, a verifier, a store and the parts of a run promise. No implementation.

Everything that waits is ``async``; everything that thinks is a plain function.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NewType, Protocol, TypeVar, runtime_checkable

from tracegen.types import (
    EngineIdentity,
    FinishReason,
    Generation,
    Judgement,
    Prompt,
    Reference,
    Request,
    Row,
    Sampling,
    Trace,
    Verdict,
)


class Engine(Protocol):
    """Turns one request into one completion. Lives inside a replica, on one event loop."""

    @property
    def identity(self) -> EngineIdentity:
        """Known once started."""

    @property
    def produced_tokens(self) -> int:
        """Tokens produced since the start, over all requests; it grows while the engine lives (the heartbeat).

        An engine that cannot see single tokens counts a request's when it ends.
        """

    async def start(self) -> None:
        """Load the model. Raises MissingDependency, RecipeError, or EngineDead."""

    async def generate(self, request: Request) -> Generation:
        """One completion; called for many requests at once. Cancelling the call stops the request in the engine.

        Raises EngineError when this request failed and may be tried again, EngineDead when none will succeed, and
        UserError when none will until a person has mended something: the run stops.
        """

    async def close(self) -> None:
        """Free memory, threads and processes. Idempotent."""


@dataclass(frozen=True, slots=True)
class Look:
    """A prompt as an engine's model reads it."""

    text: str
    """Rendered, prefill and special tokens included."""
    token_ids: tuple[int, ...] = ()
    """Empty where they cannot be had."""
    bos_id: int | None = None
    """None where the engine does not tell, or its model has none."""
    wants_bos: bool = False
    """Whether a prompt without BOS is certainly wrong."""
    sampling: Sampling | None = None
    """The parameters that would be in effect; None where the engine does not tell."""


@runtime_checkable
class ShowsPrompts(Protocol):
    """An engine that can tell what its model reads."""

    async def look(self, request: Request) -> Look | None:
        """What would be read for this request; nothing is generated. None where the server does not tell."""


class Verifier(Protocol):
    """Judges a trace against a reference. Pure, deterministic, and picklable."""

    @property
    def name(self) -> str:
        """Name and version, as ``math/1``: a change of behaviour is a change of version."""

    @property
    def reads(self) -> frozenset[str]:
        """Kinds of reference that it understands, as ``{"answer"}``."""

    def check(self, reference: Reference) -> str:
        """Why this reference cannot be judged against, or an empty string."""

    def deadline_s(self, reference: Reference) -> float | None:
        """How long :meth:`verify` may take; None for what the pool gives every case."""

    def quick(self, reference: Reference, trace: Trace) -> Verdict | None:
        """A verdict where one can be had in microseconds without risk; None sends the case to a killable process."""

    def verify(self, reference: Reference, trace: Trace) -> Verdict:
        """The whole judgement. May be slow or hang: it is only called in a killable process."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as listed."""

    key: str
    size_bytes: int


class Store(Protocol):
    """Object storage in few verbs. Keys are ``/``-separated and relative to the store's root.

    Every write is whole or absent: no reader, and no plain glob, ever sees half an object.
    All verbs block; call them through ``asyncio.to_thread`` from a coroutine. Raises StoreError.
    """

    uri: str
    """Root as a person and DuckDB write it: an absolute path or ``s3://bucket/prefix``."""

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises KeyError when there is none."""

    def put(self, key: str, data: bytes) -> None:
        """Write or overwrite."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write if nobody has: True for the one writer that wins, False for all others.

        A writer whose first try had won without hearing of it gets True.
        """

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Objects whose key begins with ``prefix``, in key order."""

    def delete(self, key: str) -> None:
        """Remove; nothing happens when there is none."""


# --- the parts of a run, as the coordinator sees them; local objects and Ray actors both fit ---------------------

Payload = NewType("Payload", object)
"""Completions on their way: a list in one process, an object reference on Ray. Only handed on, never looked into."""


@dataclass(frozen=True, slots=True)
class Lease(Row):
    """One attempt handed to one replica."""

    prompt: Prompt
    index: int
    shard_id: str
    tries: int = 0
    """How often this attempt was handed out before and lost."""


@dataclass(frozen=True, slots=True)
class Finished(Row):
    """What the scheduler may know of a completion: everything but its text."""

    attempt_id: str
    shard_id: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Failed(Row):
    """An attempt that the engine could not complete."""

    attempt_id: str
    error: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """A replica's side of one exchange."""

    finished: tuple[Finished, ...]
    """In the same order as the payload's completions."""
    failed: tuple[Failed, ...]
    in_flight: int
    produced_tokens: int
    leaving_in_s: float | None = None
    """The replica's node will be taken away in so many seconds; None where it stays."""
    canary_tokens: int = 0
    """Completion tokens that the canary took since the last exchange; they are not among ``produced_tokens``."""


class ReplicaPort(Protocol):
    """A teacher replica."""

    replica_id: str

    async def start(self) -> EngineIdentity: ...

    async def exchange(self, leases: Sequence[Lease], wait_s: float) -> tuple[Exchange, Payload]:
        """Take new leases, give back what has finished.

        Returns as soon as anything is finished, or after ``wait_s``. Raises ActorLost or EngineDead.
        """

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class PoolHealth:
    """A verifier pool at one moment."""

    processes: int
    busy: float
    """Share of the processes' time since the last look that they worked: 0 to 1."""
    waiting: int
    """Cases that no process has taken yet."""
    probes: int
    """Probes that its processes were given so far."""


class VerifierPort(Protocol):
    """A pool of verifier processes."""

    async def expect(self, references: Sequence[Reference]) -> None:
        """References like these are to come: processes that have nothing to do pass their kinds' probes now, and all
        others before they judge on. Raises VerifierDrift.
        """

    async def prove(self) -> None:
        """Returns when what judged anything before this call has passed its probes since. Raises VerifierDrift."""

    async def health(self) -> PoolHealth:
        """For people; there is one who asks."""

    async def judge(
        self, payload: Payload, references: Mapping[str, Reference], questions: Mapping[str, str] | None = None
    ) -> Sequence[Judgement]:
        """One judgement per completion, in order; ``references`` by prompt id. Raises ActorLost or VerifierError.

        ``questions``: the prompts' texts by prompt id, where there is a generative judge.
        """

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Replay:
    """An open shard as an earlier driver left it."""

    finished: tuple[Finished, ...]
    judgements: tuple[Judgement, ...]
    unjudged: tuple[str, ...]
    """Attempt ids in the order of the payload."""


class RecorderPort(Protocol):
    """Writes the ledger."""

    async def append(self, payload: Payload) -> None:
        """Returns when every completion is durable. Raises ActorLost, StoreError or Fenced."""

    async def append_judgements(self, judgements: Sequence[Judgement]) -> None:
        """Returns when every judgement is durable."""

    async def settle(self, shard_id: str) -> None:
        """Turn a shard's journal into its settled objects. All of its rows must be durable. Idempotent."""

    async def replay(self, shard_id: str) -> tuple[Replay, Payload]:
        """What an open shard's journal holds. The payload has the completions that lack a judgement."""

    async def recall(self, shard_id: str, attempt_ids: Sequence[str]) -> tuple[tuple[str, ...], Payload]:
        """Which of these attempts an open shard's journal holds, and their completions in that order."""

    async def close(self) -> None: ...


Item = TypeVar("Item")
Result = TypeVar("Result")


class Crew(Protocol):
    """Does many independent pieces of work: in this process, in several, or on a cluster."""

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Generator[Result, None, None]:
        """The result of each item, in any order. Closed early, it begins no more of them.

        ``work`` and items must be picklable. Its errors are raised. An item whose process dies is done again elsewhere,
        so ``work`` must be repeatable; raises ActorLost when that happens again and again.
        """

"""A cluster whose parts die as they are told: a double for tests of what must survive. Its faults are data.

A loss is a kind of part and the number of a call to that kind, counted from 1 over all its parts. Without ``kill``
the port says that its part is lost, from then on; with it the part is really killed, and has to be found missing.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from tracegen.errors import ActorLost, PayloadLost
from tracegen.protocols import (
    Crew,
    Exchange,
    Lease,
    Payload,
    PoolHealth,
    RecorderPort,
    Replay,
    ReplicaPort,
    VerifierPort,
)
from tracegen.runtime.recorder import RecorderSpec
from tracegen.runtime.replica import ReplicaSpec
from tracegen.types import EngineIdentity, Judgement, Reference
from tracegen.verify.spec import HostSpec

Kind = Literal["replica", "recorder", "verifiers"]
Kill = Callable[[object], Awaitable[None]]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loss:
    """What happens at the nth call of a kind of part."""

    kind: Kind
    nth: int
    when: Literal["before", "after"] = "before"
    """An ``after`` takes effect in the part, and its caller never hears of it."""
    payload: bool = False
    """Only the payload that the part was handed is lost."""


class Starts(Protocol):
    """The cluster behind."""

    def open(self) -> None: ...

    async def start_replica(self, spec: ReplicaSpec, replica_id: str) -> ReplicaPort: ...

    async def start_recorder(self, spec: RecorderSpec, recorder_id: str) -> RecorderPort: ...

    async def start_verifiers(self, spec: HostSpec, number: int) -> VerifierPort: ...

    def crew(self) -> Crew: ...

    def nodes(self) -> Mapping[str, int]: ...

    def close(self) -> None: ...


class _Fate:
    """One part's, of the cluster's losses."""

    def __init__(self, cluster: "FaultyCluster", kind: Kind, port: object) -> None:
        self._cluster = cluster
        self._kind = kind
        self._port = port
        self._lost = False

    async def through(self, call: Callable[[], Awaitable[T]]) -> T:
        if self._lost:
            raise ActorLost(f"a {self._kind} was lost before")
        loss = self._cluster.due(self._kind)
        if loss is None:
            return await call()
        if loss.when == "after":
            await call()
        if loss.payload:
            raise PayloadLost(f"a {self._kind} was handed what is gone, call {loss.nth}")
        if self._cluster.kill is not None:
            await self._cluster.kill(self._port)
            return await call()
        self._lost = True
        raise ActorLost(f"a {self._kind} is lost {loss.when} call {loss.nth}")


class FaultyCluster:
    """Another cluster, seen through losses."""

    def __init__(self, cluster: Starts, losses: Collection[Loss], kill: Kill | None = None) -> None:
        self._cluster = cluster
        self._losses = {(loss.kind, loss.nth): loss for loss in losses}
        self.kill = kill
        self.calls: Counter[Kind] = Counter()
        self.starts: Counter[Kind] = Counter()

    def due(self, kind: Kind) -> Loss | None:
        """Count a call; the loss that comes with it."""
        self.calls[kind] += 1
        return self._losses.get((kind, self.calls[kind]))

    def open(self) -> None:
        self._cluster.open()

    async def start_replica(self, spec: ReplicaSpec, replica_id: str) -> ReplicaPort:
        self.starts["replica"] += 1
        return _Replica(self, await self._cluster.start_replica(spec, replica_id))

    async def start_recorder(self, spec: RecorderSpec, recorder_id: str) -> RecorderPort:
        self.starts["recorder"] += 1
        return _Recorder(self, await self._cluster.start_recorder(spec, recorder_id))

    async def start_verifiers(self, spec: HostSpec, number: int) -> VerifierPort:
        self.starts["verifiers"] += 1
        return _Verifiers(self, await self._cluster.start_verifiers(spec, number))

    def crew(self) -> Crew:
        return self._cluster.crew()

    def nodes(self) -> Mapping[str, int]:
        return self._cluster.nodes()

    def close(self) -> None:
        self._cluster.close()


class _Replica:
    def __init__(self, cluster: FaultyCluster, port: ReplicaPort) -> None:
        self.replica_id = port.replica_id
        self._port = port
        self._fate = _Fate(cluster, "replica", port)

    async def start(self) -> EngineIdentity:
        return await self._port.start()

    async def exchange(self, leases: Sequence[Lease], wait_s: float) -> tuple[Exchange, Payload]:
        return await self._fate.through(lambda: self._port.exchange(leases, wait_s))

    async def close(self) -> None:
        await self._port.close()


class _Recorder:
    def __init__(self, cluster: FaultyCluster, port: RecorderPort) -> None:
        self._port = port
        self._fate = _Fate(cluster, "recorder", port)

    async def append(self, payload: Payload) -> None:
        await self._fate.through(lambda: self._port.append(payload))

    async def append_judgements(self, judgements: Sequence[Judgement]) -> None:
        await self._fate.through(lambda: self._port.append_judgements(judgements))

    async def settle(self, shard_id: str) -> None:
        await self._fate.through(lambda: self._port.settle(shard_id))

    async def replay(self, shard_id: str) -> tuple[Replay, Payload]:
        return await self._fate.through(lambda: self._port.replay(shard_id))

    async def recall(self, shard_id: str, attempt_ids: Sequence[str]) -> tuple[tuple[str, ...], Payload]:
        return await self._fate.through(lambda: self._port.recall(shard_id, attempt_ids))

    async def close(self) -> None:
        await self._port.close()


class _Verifiers:
    def __init__(self, cluster: FaultyCluster, port: VerifierPort) -> None:
        self._port = port
        self._fate = _Fate(cluster, "verifiers", port)

    async def expect(self, references: Sequence[Reference]) -> None:
        await self._port.expect(references)

    async def prove(self) -> None:
        await self._port.prove()

    async def health(self) -> PoolHealth:
        return await self._port.health()

    async def judge(
        self, payload: Payload, references: Mapping[str, Reference], questions: Mapping[str, str] | None = None
    ) -> Sequence[Judgement]:
        return await self._fate.through(lambda: self._port.judge(payload, references, questions))

    async def close(self) -> None:
        await self._port.close()

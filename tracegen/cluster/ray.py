"""The parts of a run as Ray actors. With ``jobs/``, the only place that imports Ray.

Each actor is a plain class; each port below calls it and gives Ray's errors our names. A replica's exchange returns
two objects: what the coordinator may know, and the completions. The second stays a reference here: the text moves
from replica to verifier and recorder without passing through the scheduler.
"""

import asyncio
import io
import logging
import os
import pickle
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import psutil
import ray
from ray.exceptions import ObjectLostError, RayActorError, RayError, RayTaskError

from tracegen.errors import ActorLost, PayloadLost, RecipeError, TracegenError, boundary, first_line
from tracegen.protocols import (
    Crew,
    Exchange,
    Item,
    Lease,
    Payload,
    PoolHealth,
    RecorderPort,
    Replay,
    ReplicaPort,
    Result,
    VerifierPort,
)
from tracegen.recipe import Where
from tracegen.runtime.recorder import Recorder, RecorderSpec
from tracegen.runtime.replica import Replica, ReplicaSpec
from tracegen.types import EngineIdentity, Judgement, Reference
from tracegen.verify.host import VerifierHost
from tracegen.verify.spec import HostSpec

logger = logging.getLogger(__name__)

T = TypeVar("T")


async def _answer(reference: Awaitable[T], who: str) -> T:
    """Await a reply; a dead actor and an error raised inside it get our names."""
    try:
        return await reference
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, TracegenError):
            raise cause from None
        if isinstance(cause, ObjectLostError):
            raise PayloadLost(f"{who} was handed what is gone: {first_line(error)}") from error
        raise TracegenError(f"{who}: {type(cause).__name__}: {first_line(cause)}") from error
    except ObjectLostError as error:
        raise PayloadLost(f"{who} was handed what is gone: {first_line(error)}") from error
    except RayActorError as error:
        raise ActorLost(f"{who} is gone: {first_line(error)}") from error
    except RayError as error:
        # A worker that could not start, for one: the part is lost to us all the same.
        raise ActorLost(f"{who} did not answer: {type(error).__name__}: {first_line(error)}") from error


class _Part:
    """What the ports have in common."""

    def __init__(self, actor: Any, name: str) -> None:
        self._actor = actor
        self._name = name

    async def close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await _answer(self._actor.close.remote(), self._name)
        except TimeoutError as error:
            raise ActorLost(f"{self._name} did not close within {CLOSE_S:.0f} s") from error
        finally:
            ray.kill(self._actor)


CLOSE_S = 20.0


def _pack(value: object) -> bytes:
    # Ray pickles with cloudpickle, which asks Python about every object: 15 us for a completion instead of 1.
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def _unpack(packed: object) -> Any:
    return pickle.loads(cast("bytes", packed))  # noqa: S301 -- from our own actors


class ReplicaActor(Replica):
    """A replica whose values travel packed."""

    async def exchange_packed(self, leases: bytes, wait_s: float) -> tuple[bytes, bytes]:
        exchange, payload = await self.exchange(_unpack(leases), wait_s)
        return _pack(exchange), _pack(payload)


class VerifierActor(VerifierHost):
    """A verifier pool whose values travel packed."""

    async def judge_packed(self, payload: bytes, asked: bytes) -> bytes:
        return _pack(await self.judge(_unpack(payload), *_unpack(asked)))


class RecorderActor(Recorder):
    """A recorder whose values travel packed."""

    async def append_packed(self, payload: bytes) -> None:
        await self.append(_unpack(payload))

    async def append_judgements_packed(self, judgements: bytes) -> None:
        await self.append_judgements(_unpack(judgements))

    async def replay_packed(self, shard_id: str) -> tuple[bytes, bytes]:
        replay, payload = await self.replay(shard_id)
        return _pack(replay), _pack(payload)

    async def recall_packed(self, shard_id: str, attempt_ids: Sequence[str]) -> tuple[tuple[str, ...], bytes]:
        found, payload = await self.recall(shard_id, attempt_ids)
        return found, _pack(payload)


class RayReplica(_Part):
    """A replica in an actor of its own."""

    def __init__(self, actor: Any, replica_id: str) -> None:
        super().__init__(actor, replica_id)
        self.replica_id = replica_id

    async def start(self) -> EngineIdentity:
        return cast("EngineIdentity", await _answer(self._actor.start.remote(), self.replica_id))

    async def exchange(self, leases: Sequence[Lease], wait_s: float) -> tuple[Exchange, Payload]:
        exchange, payload = self._actor.exchange_packed.options(num_returns=2).remote(_pack(leases), wait_s)
        return cast("Exchange", _unpack(await _answer(exchange, self.replica_id))), Payload(payload)


class RayVerifiers(_Part):
    """A verifier pool in an actor of its own."""

    async def expect(self, references: Sequence[Reference]) -> None:
        await _answer(self._actor.expect.remote(references), self._name)

    async def prove(self) -> None:
        await _answer(self._actor.prove.remote(), self._name)

    async def health(self) -> PoolHealth:
        return cast("PoolHealth", await _answer(self._actor.health.remote(), self._name))

    async def judge(
        self, payload: Payload, references: Mapping[str, Reference], questions: Mapping[str, str] | None = None
    ) -> Sequence[Judgement]:
        packed = self._actor.judge_packed.remote(payload, _pack((references, questions)))
        return cast("Sequence[Judgement]", _unpack(await _answer(packed, self._name)))


class RayRecorder(_Part):
    """A recorder in an actor of its own."""

    async def append(self, payload: Payload) -> None:
        await _answer(self._actor.append_packed.remote(payload), self._name)

    async def append_judgements(self, judgements: Sequence[Judgement]) -> None:
        await _answer(self._actor.append_judgements_packed.remote(_pack(judgements)), self._name)

    async def settle(self, shard_id: str) -> None:
        await _answer(self._actor.settle.remote(shard_id), self._name)

    async def replay(self, shard_id: str) -> tuple[Replay, Payload]:
        replay, payload = self._actor.replay_packed.options(num_returns=2).remote(shard_id)
        return cast("Replay", _unpack(await _answer(replay, self._name))), Payload(payload)

    async def recall(self, shard_id: str, attempt_ids: Sequence[str]) -> tuple[tuple[str, ...], Payload]:
        found, payload = self._actor.recall_packed.options(num_returns=2).remote(shard_id, attempt_ids)
        return await _answer(found, self._name), Payload(payload)


class RayCrew:
    """Work in Ray tasks, each with a core of its own, on the cluster that we are connected to."""

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Generator[Result, None, None]:
        task = ray.remote(_worked).options(num_cpus=1, max_retries=TASK_TRIES)
        tasks = [task.remote(_pack((work, item))) for item in items]
        try:
            while tasks:
                [ready], tasks = ray.wait(tasks, num_returns=1)
                yield cast("Result", _unpack(_got(ready)))
        finally:
            for left in tasks:
                ray.cancel(left, force=True)


TASK_TRIES = 3
"""How often a task whose worker or node dies is done again elsewhere."""


def _worked(packed: bytes) -> bytes:
    work, item = _unpack(packed)
    return _pack(work(item))


def _got(task: Any) -> object:
    """What a task returned; an error raised inside it, and a lost worker, get our names."""
    try:
        return ray.get(task)
    except RayTaskError as error:
        if isinstance(error.cause, TracegenError):
            raise error.cause from None
        raise TracegenError(f"a task failed: {type(error.cause).__name__}: {first_line(error.cause)}") from error
    except RayError as error:
        raise ActorLost(f"a task was lost {TASK_TRIES + 1} times: {first_line(error)}") from error


class RayCluster:
    """A Ray cluster: the one we are told of (``RAY_ADDRESS``, or a job's own), else one started on this machine."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._ours = ExitStack()

    def open(self) -> None:
        """Connect, and check that what the recipe asks for can exist here. Raises RecipeError."""
        if not ray.is_initialized():
            self._connect()
        try:
            self._check_resources()
        except TracegenError:
            self.close()
            raise

    def _connect(self) -> None:
        options: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False, "configure_logging": True}
        address = os.environ.get("RAY_ADDRESS", "").removeprefix("local")
        if not address:
            # A cluster that lives and dies with this driver. Open to this machine only; a token would be left behind
            # in the user's home and change how later clusters start.
            os.environ.setdefault("RAY_AUTH_MODE", "disabled")
            # An engine's own processes (vLLM's workers) end with the actor that started them, however it ends.
            os.environ.setdefault("RAY_process_group_cleanup_enabled", "1")
            options |= {"address": "local", "include_dashboard": False}
            options["num_cpus"] = max(os.cpu_count() or 1, self._needed_cpus())
        # The error of an exchange stands in both of its replies; we look at one.
        os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")
        what = f"no Ray cluster at RAY_ADDRESS={address}" if address else "Ray does not start on this machine"
        hint = "correct or unset RAY_ADDRESS" if address else "use --cluster local"
        with ExitStack() as started, boundary(RecipeError, what, hint=hint):
            _knock(address)
            started.enter_context(redirect_stdout(_ToLog()))
            ray.init(**options)
            if not address:
                started.enter_context(_shepherd())
            started.callback(ray.shutdown)
            self._ours = started.pop_all()

    def _needed_cpus(self) -> int:
        where = self._where
        return int(where.replicas * where.cpus_per_replica) + where.verifier_pools + where.recorders

    def _check_resources(self) -> None:
        """Raises RecipeError when the replicas cannot be placed, and no waiting would change that."""
        wanted, nodes = self._where.replicas, [node for node in ray.nodes() if node["Alive"]]
        places = sum(_places(node["Resources"], self._where) for node in nodes)
        if places >= wanted:
            return
        if any(NODE_GROUP in node.get("Labels", {}) for node in nodes):
            # Such nodes come from an autoscaler or from Kubernetes, and nobody here can say what else may come.
            logger.warning("room for %d of %d replicas; the others wait for the cluster to grow", places, wanted)
            return
        gpus, cpus, have = self._where.gpus_per_replica, self._where.cpus_per_replica, ray.cluster_resources()
        custom = "".join(f", {amount:g} {name}" for name, amount in self._where.resources.replica.items())
        raise RecipeError(
            f"where: {wanted} replicas of {gpus} GPUs and {cpus:g} CPUs{custom} are asked for, and there is room for "
            f"{places}: this cluster has {have.get('GPU', 0):g} GPUs and {have.get('CPU', 0):g} CPUs on {len(nodes)} nodes",
            hint="lower where.replicas, gpus_per_replica or cpus_per_replica, or connect to a larger cluster",
        )

    async def start_replica(self, spec: ReplicaSpec, replica_id: str) -> ReplicaPort:
        where = self._where
        options: dict[str, Any] = {"num_cpus": where.cpus_per_replica, "num_gpus": where.gpus_per_replica}
        options |= {"resources": where.resources.replica}
        return RayReplica(_actor(ReplicaActor, options).remote(spec, replica_id), replica_id)

    async def start_recorder(self, spec: RecorderSpec, recorder_id: str) -> RecorderPort:
        options = {"num_cpus": 0, "resources": self._where.resources.recorder}
        return RayRecorder(_actor(RecorderActor, options).remote(spec, recorder_id), recorder_id)

    async def start_verifiers(self, spec: HostSpec, number: int) -> VerifierPort:
        where = self._where
        actor = _actor(VerifierActor, {"num_cpus": 0, "resources": where.resources.verifier_pool}).remote(
            spec, where.verifier_processes, memory_bytes=where.verifier_memory_bytes
        )
        name = f"verifier pool {number}"
        await _answer(actor.start.remote(), name)
        return RayVerifiers(actor, name)

    def crew(self) -> Crew:
        return RayCrew()

    def nodes(self) -> Mapping[str, int]:
        """Nodes that are alive, by the type that they were launched as; those that nobody launched are not among them.
        Raises ActorLost.
        """
        with boundary(ActorLost, "the cluster does not tell its nodes"):
            types = [node.get("Labels", {}).get(NODE_GROUP) for node in ray.nodes() if node["Alive"]]
        return Counter(name for name in types if name)

    def close(self) -> None:
        """End what was started here; a cluster, or a connection, that was there before stays."""
        self._ours.close()


class _ToLog(io.TextIOBase):
    """Ray's threads print what befalls actors on standard output, which is for results."""

    def write(self, text: str) -> int:
        if text.strip():
            logger.info("%s", text.strip())
        return len(text)


@contextmanager
def _shepherd() -> Iterator[None]:
    """Ends what Ray has started here even when this process is killed: see ``shepherd.py``."""
    flock = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            flock.append(f"{process.pid}@{process.create_time()!r}")
    program = Path(__file__).with_name("shepherd.py")
    # A session of its own: Ctrl-C is for the driver. -P: the folder of the program has a ray.py, too.
    command = [sys.executable, "-P", str(program), *flock]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):  # noqa: S603
        yield


NODE_GROUP = "ray.io/node-group"
"""Ray's label for a node of a group that can grow; ``ray up``, KubeRay and RAY_NODE_TYPE_NAME set it."""
KNOCK_S = 5.0


def _knock(address: str) -> None:
    """Raises OSError when nobody listens: ray.init waits for minutes, and cannot be interrupted."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    if parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), KNOCK_S).close()


def _places(resources: Mapping[str, float], where: Where) -> int:
    """How many replicas a node has room for: one replica lives on one node."""
    needs = {"GPU": float(where.gpus_per_replica), "CPU": where.cpus_per_replica, **where.resources.replica}
    rooms = [int(resources.get(name, 0) // need) for name, need in needs.items() if need]
    return min([where.replicas, *rooms])


def _actor(plain: type, options: Mapping[str, Any]) -> Any:
    # Ray never restarts an actor by itself: who lost it knows what to do with its work (architecture.md, scheduler).
    return ray.remote(plain).options(max_restarts=0, max_task_retries=0, max_concurrency=1000, **options)

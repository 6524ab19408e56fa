"""The composition root: a recipe and a store become a run. Reads as the story of one.

Everything that can be wrong is found first (``order.py``), before anything is written; then the run is claimed, its
prompts are settled, its parts are started, and the coordinator takes over. The same call on the same recipe resumes
where the last one stopped; on a finished run it does nothing but point at the corpus.
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from threading import Event
from typing import Protocol, TypeVar

import tracegen
from tracegen.corpus.build import BuiltCorpus, build
from tracegen.errors import MissingDependency, StoreError, VerifierDrift
from tracegen.ledger import drift, quarantine
from tracegen.ledger.owner import Claim, Owner, Waiting, claim, still_owner
from tracegen.ledger.process import this_process
from tracegen.ledger.settle import open_shards, settled_shards, sweep
from tracegen.order import Checked, Order, placed, with_prompts
from tracegen.prompts.prepare import Plan, load_shard, write_plan
from tracegen.protocols import Crew, RecorderPort, ReplicaPort, VerifierPort
from tracegen.recipe import Recipe
from tracegen.runs import RUN_KEY, STATUS_KEY, nodes_before
from tracegen.runtime.coordinator import Coordinator, Parts, Surroundings
from tracegen.runtime.crew import Alone
from tracegen.runtime.meter import Meter, counting
from tracegen.runtime.notices import FileNotice, no_notice
from tracegen.runtime.progress import RunSummary, Snapshot
from tracegen.runtime.recorder import RecorderSpec
from tracegen.runtime.replica import ReplicaSpec
from tracegen.runtime.resume import settled_counts
from tracegen.runtime.shelf import Shelf
from tracegen.runtime.stopping import until_stopped, while_kept
from tracegen.runtime.watch import Watch
from tracegen.scheduling.scheduler import Scheduler
from tracegen.scheduling.state import Poisoned
from tracegen.store import lives_in_one_process
from tracegen.verify.spec import HostSpec

logger = logging.getLogger(__name__)

RUN_SCHEMA = "tracegen/run/1"

Spec = TypeVar("Spec")
Part = TypeVar("Part")


class Cluster(Protocol):
    """Where the parts of a run live. Each ``start_*`` returns once the part is placed, not once it is ready."""

    def open(self) -> None: ...

    async def start_replica(self, spec: ReplicaSpec, replica_id: str) -> ReplicaPort: ...

    async def start_recorder(self, spec: RecorderSpec, recorder_id: str) -> RecorderPort: ...

    async def start_verifiers(self, spec: HostSpec, number: int) -> VerifierPort: ...

    def crew(self) -> Crew: ...

    def nodes(self) -> Mapping[str, int]:
        """Nodes that cost money, by type. May block. Raises ActorLost."""

    def close(self) -> None: ...


def run(order: Order, on_progress: Callable[[Snapshot], None], cluster: Cluster | None = None) -> RunSummary:
    """Carry an order out. Raises UserError before anything is spent, other TracegenErrors later.

    ``cluster`` is for those who have one already; else it is the one that the recipe names.
    """
    started_s = time.monotonic()
    place = placed(order)
    cluster = cluster or make_cluster(order.recipe)
    with ThreadPoolExecutor(1, "prompts") as beside:
        # Starting Ray takes seconds, and so may reading prompts. Ray's processes die with the thread that starts them.
        checking = beside.submit(with_prompts, order, place)
        cluster.open()
    try:
        checked = checking.result()
        return until_stopped(_carry_out(order, checked, cluster, on_progress, started_s))
    finally:
        cluster.close()


def make_cluster(recipe: Recipe) -> Cluster:
    """The cluster that the recipe names. Ray is imported only for Ray."""
    if recipe.where.cluster == "local":
        from tracegen.cluster.local import LocalCluster

        return LocalCluster(recipe.where)
    try:
        from tracegen.cluster.ray import RayCluster
    except ImportError:
        raise MissingDependency(
            "where.cluster is ray, and Ray is not installed", hint="pip install 'ray[default]', or --cluster local"
        ) from None
    return RayCluster(recipe.where)


async def _carry_out(
    order: Order, checked: Checked, cluster: Cluster, on_progress: Callable[[Snapshot], None], started_s: float
) -> RunSummary:
    mine = await _claimed(checked)
    try:
        corpus, last = await while_kept(mine.keep(), _driven(order, checked, cluster, mine, on_progress))
    finally:
        await asyncio.to_thread(_let_go, mine)
    return RunSummary(
        run_id=checked.run_id,
        store_uri=order.store_uri,
        corpus_path=corpus.path if corpus else None,
        snapshot=last,
        rows=corpus.rows if corpus else 0,
        wall_s=time.monotonic() - started_s,
        resumed=mine.epoch > 1,
    )


async def _driven(
    order: Order, checked: Checked, cluster: Cluster, mine: Claim, on_progress: Callable[[Snapshot], None]
) -> tuple[BuiltCorpus | None, Snapshot]:
    plan = await asyncio.to_thread(_settle_plan, checked)
    settled = await asyncio.to_thread(settled_shards, checked.store)
    scheduler, watch = await asyncio.to_thread(_scheduler, checked, plan, settled)
    coordinator = await asyncio.to_thread(_coordinator, checked, cluster, mine, scheduler, plan, on_progress)
    async with counting(watch.meter, cluster.nodes):
        try:
            await coordinator.run(watch)
        except VerifierDrift as error:
            await asyncio.to_thread(_distrust, mine, error)
            raise
        corpus = await _corpus(checked, cluster, watch, on_progress) if order.build else None
    last = watch.snapshot([], "done")
    on_progress(last)
    await asyncio.to_thread(_publish, mine, last)
    return corpus, last


async def _claimed(checked: Checked) -> Claim:
    """The claim on the run. Raises RunConflict. Waits where nobody can tell whether the last owner is alive."""
    me = Owner(this_process(os.getpid()), time.time())
    stopped = Event()

    def sleep(seconds: float) -> None:
        if stopped.wait(seconds):
            raise InterruptedError

    ttl_s = checked.recipe.where.claim_ttl_s
    waiting = partial(_tell_waiting, checked.run_id, ttl_s)
    try:
        return await asyncio.to_thread(
            claim, checked.store, checked.run_id, me, ttl_s=ttl_s, sleep=sleep, on_wait=waiting
        )
    finally:
        # A thread cannot be cancelled: this ends its wait.
        stopped.set()


def _tell_waiting(run_id: str, ttl_s: float, waiting: Waiting) -> None:
    if waiting.left_s >= ttl_s:  # told once, not at every look
        logger.warning("run %s: waiting %.0f s for a sign of life of %s", run_id, ttl_s, waiting.owner)


def _let_go(mine: Claim) -> None:
    try:
        mine.release()
    except StoreError as error:
        # No reason to hide how the run ended: without a release the next driver waits for our silence.
        logger.warning("the claim on run %s could not be released: %s", mine.run_id, error)


def _settle_plan(checked: Checked) -> Plan:
    described = {
        "schema": RUN_SCHEMA,
        "run_id": checked.run_id,
        "recipe": checked.recipe.model_dump(mode="json"),
        "recipe_digest": checked.recipe.digest,
        "verdict_set": checked.verdict_set,
        "tracegen_version": tracegen.__version__,
        "created_at_s": time.time(),
    }
    checked.store.put_if_absent(RUN_KEY, json.dumps(described, indent=2).encode())
    sweep(checked.store, checked.verdict_set)
    return checked.plan if isinstance(checked.plan, Plan) else write_plan(checked.store, checked.plan)


def _scheduler(checked: Checked, plan: Plan, settled: Set[str]) -> tuple[Scheduler, Watch]:
    rules = checked.recipe.rejection
    meter = Meter(nodes_before(checked.store), checked.recipe.where.plan.usd_per_node_hour, time.monotonic)
    counts = settled_counts(checked.store, checked.verdict_set, plan.shards, settled, rules.keep)
    given_up = {item.attempt_id: item.domain for item in quarantine.quarantined(checked.store)}
    scheduler = Scheduler(
        plan.shards, rules, settled=counts, quarantined=given_up, source_quotas=checked.recipe.source_quotas
    )
    return scheduler, Watch(checked.run_id, scheduler, meter, time.monotonic, time.time)


def _coordinator(
    checked: Checked,
    cluster: Cluster,
    mine: Claim,
    scheduler: Scheduler,
    plan: Plan,
    on_progress: Callable[[Snapshot], None],
) -> Coordinator:
    return Coordinator(
        scheduler,
        {shard.shard_id: shard for shard in plan.shards},
        Shelf(partial(load_shard, checked.store), for_judge=checked.judge is not None),
        open_shards(checked.store),
        _parts(checked, cluster, mine.epoch),
        Surroundings(
            time.monotonic,
            on_progress,
            partial(_publish, mine),
            partial(_quarantine, mine),
            time.time,
        ),
    )


def _parts(checked: Checked, cluster: Cluster, epoch: int) -> Parts:
    recipe, where = checked.recipe, checked.recipe.where
    notice = FileNotice(where.notice_file, time.time) if where.notice_file else no_notice
    replica = ReplicaSpec(recipe, checked.make_engine, epoch, time.time, notice)
    judges = HostSpec(recipe.verifiers, checked.judge, recipe.filters, where.isolation)
    distrusted = drift.distrusted(checked.store)
    recorder = RecorderSpec(checked.store, epoch, checked.verdict_set, where.journal_linger_s, distrusted)
    return Parts(
        replicas=[_numbered(cluster.start_replica, replica, f"replica-{n}") for n in range(where.replicas)],
        recorders=[_numbered(cluster.start_recorder, recorder, f"recorder-{n}") for n in range(where.recorders)],
        verifiers=[partial(cluster.start_verifiers, judges, n) for n in range(where.verifier_pools)],
        slots=where.slots,
        stall_s=where.stall_s,
    )


def _numbered(start: Callable[[Spec, str], Awaitable[Part]], spec: Spec, name: str) -> Callable[[], Awaitable[Part]]:
    """Starts a part under a name of its own each time, so that what a lost one still says is never taken for ours."""
    lives = count(1)

    async def begin() -> Part:
        return await start(spec, f"{name}-{next(lives)}")

    return begin


def _quarantine(mine: Claim, poisoned: Poisoned) -> None:
    still_owner(mine.store, mine.epoch)
    quarantine.write(mine.store, quarantine.evidence(poisoned, epoch=mine.epoch, at_s=time.time()))


def _distrust(mine: Claim, error: VerifierDrift) -> None:
    still_owner(mine.store, mine.epoch)
    drift.mark(mine.store, epoch=mine.epoch, why=error.message, at_s=time.time())


def _publish(mine: Claim, snapshot: Snapshot) -> None:
    """Leave a snapshot for ``tracegen status``. Raises Fenced where it is another driver's to do so."""
    still_owner(mine.store, mine.epoch)
    mine.store.put(STATUS_KEY, json.dumps(snapshot.to_json()).encode())


async def _corpus(
    checked: Checked, cluster: Cluster, watch: Watch, on_progress: Callable[[Snapshot], None]
) -> BuiltCorpus:
    on_progress(watch.snapshot([], "building"))
    crew = Alone() if lives_in_one_process(checked.store) else cluster.crew()
    stopped = Event()

    def told(made: int, of: int) -> None:
        logger.info("corpus: %d of %d files", made, of)
        if stopped.is_set():
            raise InterruptedError

    try:
        return await asyncio.to_thread(
            build, checked.store, checked.recipe, checked.verdict_set, checked.run_id, crew, told
        )
    finally:
        # A thread cannot be cancelled: this ends it with the file in hand. What is made stays made.
        stopped.set()

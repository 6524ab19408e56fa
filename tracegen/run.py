"""The composition root: a recipe and a store become a run. Reads as the story of one.

Everything that can be wrong is found first, by ``check``, before anything is written or started; then the run is
claimed, its prompts are settled, its parts are started, and the coordinator takes over. The same call on the same
recipe resumes where the last one stopped; on a finished run it does nothing but point at the corpus.
"""

import asyncio
import json
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count
from threading import Event
from typing import Protocol, TypeVar

import tracegen
from tracegen.corpus.build import BuiltCorpus, build
from tracegen.engines.options import parse_options
from tracegen.errors import MissingDependency, RecipeError, RunConflict, StoreError, StoreUnavailable
from tracegen.ledger import quarantine
from tracegen.ledger.owner import Claim, Owner, Waiting, claim, still_owner
from tracegen.ledger.process import this_process
from tracegen.ledger.settle import open_shards, settled_shards, sweep
from tracegen.prompts.prepare import Plan, Prepared, load_shard, planned, write_plan
from tracegen.protocols import Engine, RecorderPort, ReplicaPort, Store, Verifier, VerifierPort
from tracegen.recipe import Recipe
from tracegen.recipe_file import Loaded
from tracegen.registry import resolve
from tracegen.runs import RUN_KEY, STATUS_KEY
from tracegen.runtime.coordinator import Coordinator, Parts, Surroundings
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
from tracegen.store import SubStore, free_bytes, open_store, preflight
from tracegen.types import Domain, Reference
from tracegen.verify.host import build as build_verifiers
from tracegen.verify.host import verdict_set

logger = logging.getLogger(__name__)

RUN_SCHEMA = "tracegen/run/1"

Spec = TypeVar("Spec")
Part = TypeVar("Part")


class Cluster(Protocol):
    """Where the parts of a run live. Each ``start_*`` returns once the part is placed, not once it is ready."""

    def open(self) -> None: ...

    async def start_replica(self, spec: ReplicaSpec, replica_id: str) -> ReplicaPort: ...

    async def start_recorder(self, spec: RecorderSpec, recorder_id: str) -> RecorderPort: ...

    async def start_verifiers(self, verifiers: Mapping[str, str], number: int) -> VerifierPort: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for."""

    loaded: Loaded
    store_uri: str
    run_id: str = ""
    """The recipe's own where empty."""
    build: bool = True

    @property
    def recipe(self) -> Recipe:
        return self.loaded.recipe


@dataclass(frozen=True, slots=True)
class Checked:
    """An order that can be carried out. Nothing has been written for it."""

    recipe: Recipe
    run_id: str
    store: Store
    """Rooted at the run."""
    make_engine: Callable[[], Engine]
    verdict_set: str
    plan: Plan | Prepared


def run(order: Order, on_progress: Callable[[Snapshot], None], cluster: Cluster | None = None) -> RunSummary:
    """Carry an order out. Raises UserError before anything is spent, other TracegenErrors later.

    ``cluster`` is for those who have one already; else it is the one that the recipe names.
    """
    started_s = time.monotonic()
    place = _place(order)
    cluster = cluster or make_cluster(order.recipe)
    with ThreadPoolExecutor(1, "prompts") as beside:
        # Starting Ray takes seconds, and so may reading prompts. Ray's processes die with the thread that starts them.
        checking = beside.submit(_with_prompts, order, place)
        cluster.open()
    try:
        checked = checking.result()
        return until_stopped(_carry_out(order, checked, cluster, on_progress, started_s))
    finally:
        cluster.close()


# --- before anything is spent ---------------------------------------------------------------------------------------


def check(order: Order) -> Checked:
    """Find everything that is wrong with an order, and write nothing. Raises UserError."""
    return _with_prompts(order, _place(order))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the run lies and what works for it: found wrong or right in no time."""

    run_id: str
    root: Store
    make_engine: Callable[[], Engine]
    verifiers: Mapping[str, Verifier]


def _place(order: Order) -> _Place:
    recipe = order.recipe
    run_id = _usable(order.run_id or recipe.run_id)
    make_engine = _engine(recipe)
    verifiers = build_verifiers(recipe.verifiers)
    root = open_store(order.store_uri)
    preflight(root)
    _same_recipe(SubStore(root, run_id), recipe, run_id)
    return _Place(run_id, root, make_engine, verifiers)


def _with_prompts(order: Order, place: _Place) -> Checked:
    """All prompts are read here."""
    recipe, store = order.recipe, SubStore(place.root, place.run_id)
    plan = planned(store, recipe, order.loaded.base, partial(_unreadable, place.verifiers))
    _enough_space(place.root, recipe, plan)
    return Checked(recipe, place.run_id, store, place.make_engine, verdict_set(place.verifiers), plan)


def _usable(run_id: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", run_id):
        raise RecipeError(
            f"{run_id!r} cannot be a run id", hint="letters, digits, dots, dashes and underscores, 100 at most"
        )
    return run_id


def _engine(recipe: Recipe) -> Callable[[], Engine]:
    name = recipe.teacher.engine
    engine_class = resolve("engine", name)
    options = parse_options(name, engine_class, recipe.engine_options())
    engine_class.preflight(recipe.teacher, options, recipe.where.slots)
    return partial(engine_class, recipe.teacher, options, recipe.where.slots)


def _unreadable(verifiers: Mapping[str, Verifier], reference: Reference) -> str:
    """Why nobody can judge against this reference, or an empty string."""
    verifier = verifiers.get(reference.kind)
    return verifier.check(reference) if verifier else f"the recipe names no verifier for kind {reference.kind!r}"


def _same_recipe(store: Store, recipe: Recipe, run_id: str) -> None:
    try:
        found = json.loads(store.get(RUN_KEY))
    except KeyError:
        return
    if found["recipe_digest"] != recipe.digest:
        raise RunConflict(
            f"run {run_id!r} in {store.uri} was made by another recipe (digest {found['recipe_digest'][:12]}, "
            f"this one is {recipe.digest[:12]})",
            hint="leave --run-id out, or choose another",
        )


BYTES_PER_TOKEN = 4.5
"""English and LaTeX text, about."""
STORED_SHARE = 0.4
"""zstd 3 on such text keeps 0.35 to 0.45 of it (docs/benchmarks.md); ledger and corpus each hold a copy."""
EXPECTED_TOKENS = 6_000
"""Longest mean of the published mix is code's, 7,436 tokens, the mean of all 5,355 (arXiv 2501.12948v2, table 5)."""


def _enough_space(store: Store, recipe: Recipe, plan: Plan | Prepared) -> None:
    free = free_bytes(store)
    if free is None:
        return
    # Of a run that goes on, part of the text is there already; it was looked at as a whole when it began.
    text = _text_bytes(recipe, plan) if isinstance(plan, Prepared) else 0
    if free < text + recipe.where.min_free_bytes:
        raise StoreUnavailable(
            f"{store.uri} has {free / 1e9:.1f} GB free; this run may write {text / 1e9:.1f} GB and leaves "
            f"{recipe.where.min_free_bytes / 1e9:.1f} GB alone (where.min_free_bytes)",
            hint="give another --store, or ask for less (prompts, keep, quotas, token_budget)",
        )


def _text_bytes(recipe: Recipe, prepared: Prepared) -> int:
    """What ledger and corpus come to, if every second attempt is accepted."""
    rules = recipe.rejection
    prompts: Counter[Domain] = Counter()
    for shard in prepared.manifest.shards:
        prompts[shard.domain] += shard.prompts
    per_prompt = min(rules.max_attempts, 2 * rules.keep)
    attempts = sum(min(n * per_prompt, 2 * rules.quotas.get(domain, n * per_prompt)) for domain, n in prompts.items())
    tokens = attempts * min(recipe.teacher.sampling.max_tokens, EXPECTED_TOKENS)
    return int(2 * min(tokens, rules.token_budget or tokens) * BYTES_PER_TOKEN * STORED_SHARE)


def make_cluster(recipe: Recipe) -> Cluster:
    """The cluster that the recipe names. Ray is imported only for Ray."""
    if recipe.where.cluster == "local":
        from tracegen.cluster.local import LocalCluster

        return LocalCluster(recipe.where)
    try:
        from tracegen.cluster.ray import RayCluster
    except ImportError:
        raise MissingDependency(
            "where.cluster is ray, and Ray is not installed", hint="pip install 'tracegen[ray]', or --cluster local"
        ) from None
    return RayCluster(recipe.where)


# --- the run --------------------------------------------------------------------------------------------------------


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
    await coordinator.run(watch)
    corpus = await asyncio.to_thread(_corpus, order, checked, watch, on_progress)
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
    counts = settled_counts(checked.store, checked.verdict_set, plan.shards, settled, rules.keep)
    given_up = {item.attempt_id: item.domain for item in quarantine.quarantined(checked.store)}
    scheduler = Scheduler(plan.shards, rules, settled=counts, quarantined=given_up)
    return scheduler, Watch(checked.run_id, scheduler, time.monotonic, time.time)


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
        Shelf(partial(load_shard, checked.store)),
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
    where = checked.recipe.where
    notice = FileNotice(where.notice_file, time.time) if where.notice_file else no_notice
    replica = ReplicaSpec(checked.recipe, checked.make_engine, epoch, time.time, notice)
    recorder = RecorderSpec(checked.store, epoch, checked.verdict_set, where.journal_linger_s)
    return Parts(
        replicas=[_numbered(cluster.start_replica, replica, f"replica-{n}") for n in range(where.replicas)],
        recorders=[_numbered(cluster.start_recorder, recorder, f"recorder-{n}") for n in range(where.recorders)],
        verifiers=[partial(cluster.start_verifiers, checked.recipe.verifiers, n) for n in range(where.verifier_pools)],
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


def _publish(mine: Claim, snapshot: Snapshot) -> None:
    """Leave a snapshot for ``tracegen status``. Raises Fenced where it is another driver's to do so."""
    still_owner(mine.store, mine.epoch)
    mine.store.put(STATUS_KEY, json.dumps(snapshot.to_json()).encode())


def _corpus(
    order: Order, checked: Checked, watch: Watch, on_progress: Callable[[Snapshot], None]
) -> BuiltCorpus | None:
    if not order.build:
        return None
    on_progress(watch.snapshot([], "building"))
    return build(checked.store, checked.recipe, checked.verdict_set, checked.run_id)

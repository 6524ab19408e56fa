"""Runs as a store holds them: which there are, where each stands, its corpus built anew. It starts none."""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tracegen.corpus.build import BuiltCorpus
from tracegen.corpus.build import build as build_from_ledger
from tracegen.errors import StoreError, UserError, boundary, first_line
from tracegen.ledger.layout import VERDICTS
from tracegen.protocols import Crew, Store
from tracegen.recipe import Recipe
from tracegen.runtime.crew import Alone, Pool
from tracegen.runtime.progress import NodeUse, Snapshot
from tracegen.store import SubStore, hurried, lives_in_one_process, open_store

logger = logging.getLogger(__name__)

RUN_KEY = "run.json"
"""What a run is: written once, when it begins."""
STATUS_KEY = "status.json"
"""Where a run stands: written again and again by its driver."""
LOOK_S = 30.0
"""Somebody waits at a terminal: a store that does not answer is told of within this."""
SILENT_S = 60.0
"""A driver that has not written for so long is taken to be gone."""

_SNAPSHOT = TypeAdapter(Snapshot)


def runs(store_uri: str) -> Sequence[str]:
    """Run ids, newest first. Lists the whole store: name a run where there is a choice."""
    store = _looked_at(store_uri)
    keys = [found.key for found in store.list("") if found.key.count("/") == 1 and found.key.endswith(f"/{RUN_KEY}")]
    began = {key.removesuffix(f"/{RUN_KEY}"): _described(store, key)["created_at_s"] for key in keys}
    return sorted(began, key=lambda run_id: (-began[run_id], run_id))


def has_run(store_uri: str, run_id: str) -> bool:
    """Whether there is a run of exactly that id."""
    try:
        _looked_at(store_uri).get(f"{run_id}/{RUN_KEY}")
    except (KeyError, ValueError):  # no such object; not a name that a run could have
        return False
    return True


def status(store_uri: str, run_id: str, *, now_s: float | None = None) -> Snapshot:
    """The last snapshot of the run's driver; its phase is ``stopped`` where none is at work."""
    store = _looked_at(store_uri)
    try:
        data = store.get(f"{run_id}/{STATUS_KEY}")
    except KeyError:
        raise UserError(f"run {run_id} has not begun to generate", hint="the command that began it goes on") from None
    with boundary(StoreError, f"cannot read {store.uri}/{run_id}/{STATUS_KEY}"):
        snapshot = _SNAPSHOT.validate_json(data)
    age_s = (time.time() if now_s is None else now_s) - snapshot.at_s
    if snapshot.phase != "done" and age_s > SILENT_S:
        nodes = tuple(replace(use, nodes=0) for use in snapshot.nodes)
        return replace(
            snapshot,
            phase="stopped",
            in_flight=0,
            tokens_per_s=0.0,
            replicas=(),
            eta_s=None,
            verifiers=None,
            nodes=nodes,
        )
    return snapshot


def nodes_before(store: Store) -> Sequence[NodeUse]:
    """What earlier drivers of a run have seen of nodes. ``store`` is the run's own."""
    try:
        return _SNAPSHOT.validate_json(store.get(STATUS_KEY)).nodes
    except KeyError:
        return ()
    except ValidationError as error:
        logger.warning("the bill of run %s begins anew, %s is spoilt: %s", store.uri, STATUS_KEY, first_line(error))
        return ()


def build_corpus(
    store_uri: str, run_id: str, verdict_set: str = "", crew: Crew | None = None, *, processes: int | None = None
) -> BuiltCorpus:
    """The corpus of everything settled so far, by the recipe that the run was begun with; by the verdicts of its own
    set, or of one that ``tracegen judge`` has written. Raises UserError for a set that is not there.

    Its files are made by the crew; without one, by so many processes of this machine, or as many as the recipe says.
    """
    store = SubStore(open_store(store_uri), run_id)
    recipe, own_set = described_run(store)
    known = verdict_sets(store) if verdict_set else ()
    if verdict_set and verdict_set not in known:
        raise UserError(f"run {run_id} has no verdict set {verdict_set!r}", hint=f"it has: {', '.join(known)}")
    if lives_in_one_process(store):
        crew = Alone()
    crew = crew or Pool(processes or recipe.where.build_processes)
    return build_from_ledger(store, recipe, verdict_set or own_set, run_id, crew)


def newest_corpus_path(store_uri: str, run_id: str) -> str:
    """Where the corpus is that the view ``corpus`` shows. Raises UserError before the first build."""
    from tracegen.catalog import newest_corpus

    store = SubStore(open_store(store_uri), run_id)
    manifest = newest_corpus(store)
    if manifest is None:
        raise UserError(f"run {run_id} has no corpus yet", hint=f"tracegen build {run_id} makes one")
    return f"{store.uri}/corpus/{manifest.version}"


def described_run(store: Store) -> tuple[Recipe, str]:
    """The recipe that a run was begun with, and the verdict set that it writes. ``store`` is the run's own."""
    described = _described(store, RUN_KEY)
    with boundary(StoreError, f"cannot read the recipe in {store.uri}/{RUN_KEY}"):
        return Recipe.model_validate(described["recipe"]), str(described["verdict_set"])


def verdict_sets(store: Store) -> tuple[str, ...]:
    """Names of a run's verdict sets. ``store`` is the run's own."""
    names = {item.key.removeprefix(VERDICTS).partition("/")[0] for item in store.list(VERDICTS)}
    return tuple(sorted(names))


def _looked_at(store_uri: str) -> Store:
    return hurried(open_store(store_uri), LOOK_S)


def _described(store: Store, key: str) -> dict[str, Any]:
    with boundary(StoreError, f"cannot read {store.uri}/{key}"):
        described: dict[str, Any] = json.loads(store.get(key))
    return described

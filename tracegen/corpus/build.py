"""The corpus as a pure function of ledger and recipe: the same in, the same bytes out. It judges nothing.

Two passes. The first reads verdicts only and decides what is wanted and how files are cut; in the second each file is
made by itself (``part.py``), by whoever is in the crew. Prompt ids are hashes, so merging the domains by id gives files
that are sorted by id and at the same time an even mix: any file, and any prefix of a file, has the mix of the whole.

Killed and begun again, a build goes on; two at once write the same bytes.
"""

import hashlib
import json
import logging
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

from tracegen import __version__
from tracegen.corpus.card import card
from tracegen.corpus.choice import choose, lay_out
from tracegen.corpus.manifest import CorpusManifest, Yield, read_manifest
from tracegen.corpus.part import FileJob, Part, done, sweep
from tracegen.corpus.rows import Origin, Reading
from tracegen.corpus.schema import CORPUS_SCHEMA
from tracegen.corpus.settled import Settled, settled
from tracegen.prompts.prepare import Plan, load_plan
from tracegen.protocols import Crew, Store
from tracegen.recipe import Recipe
from tracegen.runtime.crew import Alone
from tracegen.types import Domain

logger = logging.getLogger(__name__)

Key = TypeVar("Key")

QUANTILES = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, slots=True)
class BuiltCorpus:
    """A corpus that is in the store."""

    version: str
    path: str
    """Its folder, as a person and DuckDB write it; the samples are ``train-*.parquet`` in it."""
    rows: int
    manifest: CorpusManifest


OnFile = Callable[[int, int], None]
"""Told how many files are made, of how many."""


def build(
    store: Store,
    recipe: Recipe,
    verdict_set: str,
    run_id: str,
    crew: Crew | None = None,
    on_file: OnFile = lambda *_: None,
) -> BuiltCorpus:
    """The corpus of everything settled so far; built already, it is returned as it is. ``store`` is the run's own.

    The crew makes the files: this process where None. It must be able to reach the store. Raises StoreError.
    """
    plan = load_plan(store)
    found = settled(store, plan, verdict_set)
    version = version_of(recipe, verdict_set, found)
    folder = f"corpus/{version}"
    try:
        manifest = read_manifest(store, f"{folder}/manifest.json")
    except KeyError:
        origin = Origin(recipe, recipe.digest, verdict_set, run_id)
        parts = _files(_jobs(store, version, found, origin), crew or Alone(), on_file)
        manifest = _manifest(version, plan, found, origin, parts)
        _remove_strays(store, folder, manifest)
        store.put(f"{folder}/README.md", card(manifest, recipe).encode())
        store.put(f"{folder}/manifest.json", (manifest.model_dump_json(indent=2) + "\n").encode())
        logger.info("corpus %s: rows=%d files=%d", version, manifest.rows, len(manifest.files))
    sweep(store, version)
    return BuiltCorpus(version, f"{store.uri}/{folder}", manifest.rows, manifest)


def version_of(recipe: Recipe, verdict_set: str, found: Settled) -> str:
    """12 hex digits that stand for everything the corpus is a function of."""
    made_of = json.dumps([CORPUS_SCHEMA, recipe.digest, verdict_set, found.objects()])
    return hashlib.sha256(made_of.encode()).hexdigest()[:12]


def _jobs(store: Store, version: str, found: Settled, origin: Origin) -> list[FileJob]:
    choice = choose(store, origin.recipe, found)
    layout = lay_out(store, origin.recipe, found, choice)
    spans = [layout.span(number) for number in range(len(layout))]
    return [
        FileJob(Reading(store, choice, origin, span), found.meeting(span), version, layout.name(number))
        for number, span in enumerate(spans)
    ]


def _files(jobs: Sequence[FileJob], crew: Crew, on_file: OnFile) -> list[Part]:
    """What is known of each file, in order."""
    parts: list[Part] = []
    with closing(crew.each(done, jobs)) as made:
        for part in made:
            parts.append(part)
            on_file(len(parts), len(jobs))
    return sorted(parts, key=lambda part: part.file.name)


def _manifest(version: str, plan: Plan, found: Settled, origin: Origin, parts: Sequence[Part]) -> CorpusManifest:
    lengths = _sum(part.lengths for part in parts)
    return CorpusManifest(
        version=version,
        run_id=origin.run_id,
        recipe_digest=origin.recipe_digest,
        verdict_set=origin.verdict_set,
        tracegen_version=__version__,
        shards=len(found.shards),
        rows=lengths.total(),
        prompt_tokens=sum(part.prompt_tokens for part in parts),
        completion_tokens=sum(length * samples for length, samples in lengths.items()),
        completion_token_quantiles=_quantiles(lengths),
        files=tuple(part.file for part in parts),
        domains={Domain(name): one for name, one in _yields(parts, "domain").items()},
        sources=_yields(parts, "source"),
        licences={entry.name: entry.licence for entry in plan.manifest.sources},
        origins={entry.name: entry.origin for entry in plan.manifest.sources},
        reasons=dict(sorted(_sum(part.reasons for part in parts).items())),
        teachers=tuple(sorted({teacher for part in parts for teacher in part.teachers})),
        verifiers=tuple(sorted({verifier for part in parts for verifier in part.verifiers})),
    )


def _remove_strays(store: Store, folder: str, manifest: CorpusManifest) -> None:
    """Files of a build that was cut off, by a version of tracegen that cut them otherwise."""
    ours = {f"{folder}/{one.name}" for one in manifest.files}
    for found in store.list(f"{folder}/train-"):
        if found.key not in ours:
            store.delete(found.key)


def _sum(counts: Iterable[Mapping[Key, int]]) -> Counter[Key]:
    total: Counter[Key] = Counter()
    for one in counts:
        total.update(one)
    return total


def _quantiles(lengths: Counter[int]) -> dict[str, int]:
    ordered = array("q", sorted(lengths.elements()))
    return {name: ordered[round(part * (len(ordered) - 1))] for name, part in QUANTILES.items()} if ordered else {}


def _yields(parts: Sequence[Part], group: str) -> dict[str, Yield]:
    names = {name for part in parts for name in part.by if name.startswith(f"{group}:")}
    return {name.partition(":")[2]: Yield(**_sum(part.by.get(name, {}) for part in parts)) for name in sorted(names)}

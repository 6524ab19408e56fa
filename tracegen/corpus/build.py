"""The corpus as a pure function of ledger and recipe: the same in, the same bytes out. It judges nothing.

Two passes. The first reads verdicts only and decides what is wanted and how files are cut; the second reads text, one
shard of each domain at a time. Prompt ids are hashes, so merging the domains by id gives files that are sorted by id
and at the same time an even mix: any file, and any prefix of a file, has the mix of the whole.
"""

import hashlib
import heapq
import json
import logging
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from tracegen import __version__
from tracegen.corpus.card import card
from tracegen.corpus.choice import Choice, choose, lay_out
from tracegen.corpus.layout import Layout
from tracegen.corpus.manifest import CorpusFile, CorpusManifest, Yield, read_manifest
from tracegen.corpus.rows import Census, Origin, Row, samples
from tracegen.corpus.schema import CORPUS_SCHEMA
from tracegen.corpus.settled import Settled, settled
from tracegen.corpus.writing import to_parquet
from tracegen.prompts.prepare import Plan, load_plan
from tracegen.protocols import Store
from tracegen.recipe import Recipe
from tracegen.types import Domain

logger = logging.getLogger(__name__)

QUANTILES = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, slots=True)
class BuiltCorpus:
    """A corpus that is in the store."""

    version: str
    path: str
    """Its folder, as a person and DuckDB write it; the samples are ``train-*.parquet`` in it."""
    rows: int
    manifest: CorpusManifest


@dataclass(slots=True)
class _Tally:
    """What is counted over the samples as they are written."""

    prompt_tokens: int = 0
    completion_tokens: "array[int]" = field(default_factory=lambda: array("q"))
    teachers: set[str] = field(default_factory=set)
    verifiers: set[str] = field(default_factory=set)

    def add(self, row: Row) -> None:
        self.prompt_tokens += row["prompt_tokens"]
        self.completion_tokens.append(row["completion_tokens"])
        revision = f"@{row['teacher_revision']}" if row["teacher_revision"] else ""
        self.teachers.add(f"{row['teacher']}{revision} ({row['engine']} {row['engine_version']})")
        self.verifiers.add(row["verifier"])

    def counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self.add(row)
            yield row

    def quantiles(self) -> dict[str, int]:
        ordered = sorted(self.completion_tokens)
        return {name: ordered[round(part * (len(ordered) - 1))] for name, part in QUANTILES.items()} if ordered else {}


def build(store: Store, recipe: Recipe, verdict_set: str, run_id: str) -> BuiltCorpus:
    """The corpus of everything settled so far; built already, it is returned as it is. ``store`` is the run's own."""
    plan = load_plan(store)
    found = settled(store, plan, verdict_set)
    version = version_of(recipe, verdict_set, found)
    folder = f"corpus/{version}"
    try:
        manifest = read_manifest(store, f"{folder}/manifest.json")
    except KeyError:
        manifest = _write(store, folder, plan, found, Origin(recipe, recipe.digest, verdict_set, run_id))
        logger.info("corpus %s: rows=%d files=%d", version, manifest.rows, len(manifest.files))
    return BuiltCorpus(version, f"{store.uri}/{folder}", manifest.rows, manifest)


def version_of(recipe: Recipe, verdict_set: str, found: Settled) -> str:
    """12 hex digits that stand for everything the corpus is a function of."""
    made_of = json.dumps([CORPUS_SCHEMA, recipe.digest, verdict_set, found.objects()])
    return hashlib.sha256(made_of.encode()).hexdigest()[:12]


def _write(store: Store, folder: str, plan: Plan, found: Settled, origin: Origin) -> CorpusManifest:
    choice = choose(store, origin.recipe, found)
    layout = lay_out(store, origin.recipe, found, choice)
    census, tally = Census(), _Tally()
    rows = _sorted_rows(store, found, choice, origin, census)
    files = tuple(_write_files(store, folder, layout, rows, origin.recipe.corpus.row_group_bytes, tally))
    manifest = CorpusManifest(
        version=folder.rpartition("/")[2],
        run_id=origin.run_id,
        recipe_digest=origin.recipe_digest,
        verdict_set=origin.verdict_set,
        tracegen_version=__version__,
        shards=len(found.shards),
        rows=len(tally.completion_tokens),
        prompt_tokens=tally.prompt_tokens,
        completion_tokens=sum(tally.completion_tokens),
        completion_token_quantiles=tally.quantiles(),
        files=files,
        domains={Domain(name): one for name, one in _yields(census, "domain").items()},
        sources=_yields(census, "source"),
        licences={entry.name: entry.licence for entry in plan.manifest.sources},
        origins={entry.name: entry.origin for entry in plan.manifest.sources},
        reasons=dict(sorted(census.reasons.items())),
        teachers=tuple(sorted(tally.teachers)),
        verifiers=tuple(sorted(tally.verifiers)),
    )
    store.put(f"{folder}/README.md", card(manifest, origin.recipe).encode())
    store.put(f"{folder}/manifest.json", (manifest.model_dump_json(indent=2) + "\n").encode())
    return manifest


def _sorted_rows(store: Store, found: Settled, choice: Choice, origin: Origin, census: Census) -> Iterator[Row]:
    # Within a lane the shards are in order of their ids, so a merge of the lanes holds one shard of each.
    streams = [
        (row for shard in shards for row in samples(store, shard, choice, origin, census)) for shards in found.lanes()
    ]
    return heapq.merge(*streams, key=lambda row: row["id"])


def _write_files(
    store: Store, folder: str, layout: Layout, rows: Iterator[Row], row_group_bytes: int, tally: _Tally
) -> Iterator[CorpusFile]:
    groups = groupby(rows, key=lambda row: layout.file_of(row["prompt_id"]))
    ahead = next(groups, None)
    for number in range(len(layout)):
        before = len(tally.completion_tokens)
        if ahead is not None and ahead[0] == number:
            data = to_parquet(tally.counted(ahead[1]), row_group_bytes)
            ahead = next(groups, None)
        else:
            data = to_parquet((), row_group_bytes)
        store.put(f"{folder}/{layout.name(number)}", data)
        size_bytes, digest = len(data), hashlib.sha256(data).hexdigest()
        del data  # the next file is made without this one in memory
        yield CorpusFile(
            name=layout.name(number),
            rows=len(tally.completion_tokens) - before,
            size_bytes=size_bytes,
            sha256=digest,
        )


def _yields(census: Census, group: str) -> dict[str, Yield]:
    found = {name.partition(":")[2]: counts for name, counts in census.by.items() if name.startswith(f"{group}:")}
    return {name: Yield(**found[name]) for name in sorted(found)}

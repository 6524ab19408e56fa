"""From prompt sources to the plan of a run: dedup, reference checks, shards; all of it before a token is spent.

``prepare`` only reads, so a bad source is refused with nothing written. ``write_plan`` writes the shards, then the
manifest that makes them the plan. ``planned`` finds the plan that an earlier start has written, or prepares one.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tracegen.errors import PromptError, RunConflict, StoreError, boundary
from tracegen.prompts.contamination import Contamination, benchmark_rows
from tracegen.prompts.dedup import Collector, Screens
from tracegen.prompts.fingerprint import fingerprint
from tracegen.prompts.left_out import KEY as LEFT_OUT_KEY
from tracegen.prompts.left_out import left_out_table
from tracegen.prompts.manifest import KEY, BenchmarkEntry, PromptManifest, SourceEntry, shard_key
from tracegen.prompts.near import NearDuplicates
from tracegen.prompts.schema import PROMPT, from_table
from tracegen.prompts.shards import cut, opening_order
from tracegen.prompts.sources import origin, rows
from tracegen.prompts.tables import as_source
from tracegen.protocols import Store
from tracegen.recipe import Preparation, PromptSource, Recipe
from tracegen.types import Domain, Prompt, Reference, Shard, ShardEntry

logger = logging.getLogger(__name__)

WRITERS = 8


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that the plan will hold; nothing is written yet."""

    manifest: PromptManifest
    tables: dict[str, pa.Table]
    """Prompts by shard id, sorted by prompt id; slices of one table. Empty once they are written."""
    left_out: pa.Table
    """A row for each new prompt that is not in the plan, and why (``left_out.py``)."""

    @property
    def prompts(self) -> int:
        return self.manifest.prompts


@dataclass(frozen=True, slots=True)
class Plan:
    """The shards of a run."""

    shards: tuple[ShardEntry, ...]
    """In the order in which they are to be opened."""
    manifest: PromptManifest

    @property
    def prompts(self) -> int:
        return self.manifest.prompts


def planned(store: Store, recipe: Recipe, base: Path, check: Callable[[Reference], str]) -> Plan | Prepared:
    """The plan that the run's store has, or all that a new one takes. Writes nothing.

    Raises RunConflict when a source has changed since the plan was made, and what :func:`prepare` raises.
    """
    try:
        found = load_plan(store)
    except KeyError:
        return prepare(recipe, base, check)
    _refuse_changed(recipe.prompts, base, found.manifest)
    return found


def prepare(recipe: Recipe, base: Path, check: Callable[[Reference], str]) -> Prepared:
    """Read every source. ``check`` says why a reference cannot be judged against, or nothing.

    Raises PromptError for a source without a usable prompt, or with a reference that cannot be judged against.
    """
    collector = Collector(check, _screens(recipe.preparation, base))
    entries = tuple(_read(source, base, collector) for source in recipe.prompts)
    tables = dict(_cut(collector.table(), recipe.prompts_per_shard, recipe.source_quotas))
    shards = opening_order(tables, recipe.seed)
    manifest = PromptManifest(
        prompts=len(collector),
        shards=tuple(
            ShardEntry(
                shard_id=shard.shard_id,
                domain=shard.domain,
                prompts=len(shard.prompt_ids),
                first_prompt_id=shard.prompt_ids[0],
                source=shard.source,
            )
            for shard in shards
        ),
        sources=entries,
        conflicts=tuple(collector.conflicts),
        unusable=tuple(collector.unusable),
        benchmarks=tuple(_benchmarks(recipe.preparation, base)),
    )
    by_shard = {shard.shard_id: table for shard, table in tables.items()}
    return Prepared(manifest, by_shard, left_out_table(collector.left_out))


def write_plan(store: Store, prepared: Prepared) -> Plan:
    """Write shards, then the manifest. Of two writers one wins, and both return the winner's plan."""
    with ThreadPoolExecutor(WRITERS) as writers:
        for _ in writers.map(lambda shard_id: _write(store, shard_id, prepared.tables[shard_id]), prepared.tables):
            pass
    if prepared.left_out.num_rows:
        store.put(LEFT_OUT_KEY, _parquet(prepared.left_out, ["reason", "source"]))
    # A run lasts for weeks, and whoever prepared it may hold on to this: its texts are in the store now.
    prepared.tables.clear()
    pa.default_memory_pool().release_unused()
    store.put_if_absent(KEY, (prepared.manifest.model_dump_json(indent=2) + "\n").encode())
    return load_plan(store)


def load_plan(store: Store) -> Plan:
    """The run's plan. Raises KeyError when it has none yet."""
    data = store.get(KEY)
    with boundary(StoreError, f"{store.uri}/{KEY} is damaged"):
        manifest = PromptManifest.model_validate_json(data)
    return Plan(manifest.shards, manifest)


def load_shard(store: Store, shard_id: str) -> list[Prompt]:
    """The prompts of one shard, sorted by id. Raises KeyError when there is no such shard."""
    data = store.get(shard_key(shard_id))
    with boundary(StoreError, f"{store.uri}/{shard_key(shard_id)} is damaged"):
        return list(from_table(pq.read_table(pa.BufferReader(data), schema=PROMPT)))


def _read(source: PromptSource, base: Path, collector: Collector) -> SourceEntry:
    tally = collector.read(source.name, rows(source, base))
    logger.info("source %s: rows=%d prompts=%d", source.name, tally.rows, tally.prompts)
    return SourceEntry(
        name=source.name,
        domain=source.domain,
        licence=source.licence,
        origin=origin(source),
        fingerprint=fingerprint(source, base),
        **asdict(tally),
    )


def _cut(table: pa.Table, prompts_per_shard: int, quotas: Collection[str]) -> Iterator[tuple[Shard, pa.Table]]:
    """Shards lane by lane; ``quotas``: the sources that have one, and so a lane of their own."""
    own = pc.is_in(table["source"], pa.array(sorted(quotas), pa.string()))
    lanes = pa.table({"domain": table["domain"], "source": pc.if_else(own, table["source"], "")})
    order = [(name, "ascending") for name in ("domain", "source", "prompt_id")]
    # One sort and one copy for everything: taking rows per shard would copy the whole table for each.
    table = table.take(pc.sort_indices(lanes.append_column("prompt_id", table["prompt_id"]), order))
    counted = lanes.group_by(["domain", "source"]).aggregate([([], "count_all")]).sort_by(order[:2])
    start = 0
    for row in counted.to_pylist():
        domain, source, count = row["domain"], row["source"], row["count_all"]
        ids = table["prompt_id"].slice(start, count).to_pylist()
        for shard in cut(Domain(domain), ids, prompts_per_shard, source):
            yield shard, table.slice(start, len(shard.prompt_ids))
            start += len(shard.prompt_ids)


def _screens(asked: Preparation, base: Path) -> Screens:
    rule, near = asked.decontamination, asked.near_duplicates
    return Screens(
        Contamination(rule, benchmark_rows(rule.against, base)) if rule else None,
        NearDuplicates(near.similarity) if near else None,
        asked.unreadable_share,
    )


def _benchmarks(asked: Preparation, base: Path) -> Iterator[BenchmarkEntry]:
    for one in asked.decontamination.against if asked.decontamination else ():
        yield BenchmarkEntry(
            name=one.name, origin=one.path, fingerprint=fingerprint(as_source(one, one.columns[0]), base)
        )


def _parquet(table: pa.Table, repeated: list[str]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=repeated)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _write(store: Store, shard_id: str, table: pa.Table) -> None:
    data = _parquet(table, ["domain", "source", "licence"])
    if not store.put_if_absent(shard_key(shard_id), data) and store.get(shard_key(shard_id)) != data:
        # Left by a start that died before its manifest, and whose sources have changed since: nothing refers to it.
        store.put(shard_key(shard_id), data)


def _refuse_changed(sources: Sequence[PromptSource], base: Path, manifest: PromptManifest) -> None:
    then = {entry.name: entry.fingerprint for entry in manifest.sources}
    for source in sources:
        try:
            now = fingerprint(source, base)
        except PromptError as error:
            logger.warning(
                "source %s cannot be compared with the plan, which goes on without it: %s", source.name, error
            )
            continue
        if now != then.get(source.name):
            raise RunConflict(
                f"prompt source {source.name!r} ({origin(source)}) has changed since this run was planned",
                hint="bring the old one back to go on, or change the recipe's name to start a new run",
            )

"""What a recipe's sources come to, told before a run: preparation alone. It plans no run and writes none.

Everything that is left out can be written to a file, so that a threshold can be audited before it decides anything.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from tracegen.errors import UserError, boundary
from tracegen.order import unreadable
from tracegen.prompts.left_out import Why
from tracegen.prompts.manifest import PromptManifest, SourceEntry
from tracegen.prompts.prepare import Prepared, prepare
from tracegen.recipe import Recipe
from tracegen.recipe_file import Loaded
from tracegen.verify.spec import build_verifiers

Evidence = Mapping[str, Any]
"""A row of what is left out, as ``prompts/left_out.py`` has it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the rows of every source."""

    recipe: Recipe
    manifest: PromptManifest
    left_out: pa.Table
    licences: Mapping[str, int]
    """Prompts by licence, as their rows have it."""

    @property
    def by_domain(self) -> Mapping[str, int]:
        """Prompts of the plan."""
        found: Counter[str] = Counter()
        for shard in self.manifest.shards:
            found[shard.domain.value] += shard.prompts
        return found

    @property
    def by_benchmark(self) -> Mapping[str, int]:
        """Prompts left out for it, with 0 for a benchmark that no prompt quotes."""
        found = Counter({one.name: 0 for one in self.manifest.benchmarks})
        found.update(row["match"].partition(":")[0] for row in self.evidence(Why.CONTAMINATED))
        return found

    def reasons(self, source: str) -> Mapping[str, int]:
        """Why references of a source cannot be read."""
        return Counter(row["matched"] for row in self.evidence(Why.UNREADABLE) if row["source"] == source)

    def evidence(self, why: Why, most: int | None = None) -> Sequence[Evidence]:
        """The first so many rows that were left out for one reason, in the order in which they were met."""
        rows: Sequence[Evidence] = self.left_out.filter(pc.equal(self.left_out["reason"], why.value))[:most].to_pylist()
        return rows

    @property
    def refused(self) -> Sequence[SourceEntry]:
        """Sources that a run would refuse, since more of their references are unreadable than the recipe allows."""
        share = self.recipe.preparation.unreadable_share
        return [entry for entry in self.manifest.sources if entry.unreadable > share * entry.rows]

    def to_json(self, examples: int) -> dict[str, Any]:
        """One document; ``examples`` of each kind."""
        sources = [
            {**entry.model_dump(mode="json"), "unreadable_reasons": dict(self.reasons(entry.name))}
            for entry in self.manifest.sources
        ]
        return {
            "prompts": self.manifest.prompts,
            "by_domain": dict(self.by_domain),
            "licences": dict(self.licences),
            "sources": sources,
            "benchmarks": [
                {**one.model_dump(mode="json"), "prompts": self.by_benchmark[one.name]}
                for one in self.manifest.benchmarks
            ],
            "refused": [entry.name for entry in self.refused],
            "examples": {why.value: list(self.evidence(why, examples)) for why in Why},
            "conflicts": [conflict.model_dump(mode="json") for conflict in self.manifest.conflicts[:examples]],
        }


def report(loaded: Loaded, evidence: Path | None = None) -> Report:
    """Read every source of a recipe. Raises UserError for what cannot be read at all.

    References are checked by their verifiers, but no machine is asked whether it can run programs.
    """
    write = _writer(evidence) if evidence else None
    recipe = loaded.recipe
    verifiers = build_verifiers(recipe.verifiers, recipe.judge, recipe.where.isolation)
    told = recipe.model_copy(
        # Whoever asks wants to see all that is wrong, not the first of it.
        update={"preparation": recipe.preparation.model_copy(update={"unreadable_share": 1.0})}
    )
    prepared = prepare(told, loaded.base, partial(unreadable, verifiers))
    if write:
        write(prepared.left_out)
    return Report(recipe, prepared.manifest, prepared.left_out, _licences(prepared))


def _licences(prepared: Prepared) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for table in prepared.tables.values():
        found.update({pair["values"]: pair["counts"] for pair in table["licence"].value_counts().to_pylist()})
    return dict(found.most_common())


def _writer(file: Path) -> Callable[[pa.Table], None]:
    """Raises UserError where nothing could be written, before anything is read."""
    writers = {".parquet": pq.write_table, ".csv": pyarrow.csv.write_csv, ".jsonl": _write_jsonl}
    if (write := writers.get(file.suffix)) is None:
        raise UserError(f"--evidence {file}: cannot tell its format", hint=f"end it in {' or '.join(writers)}")
    if not file.parent.is_dir():
        raise UserError(f"--evidence {file}: no folder {file.parent}")
    return partial(_write, write, file)


def _write(write: Callable[[pa.Table, Path], None], file: Path, table: pa.Table) -> None:
    with boundary(UserError, f"cannot write {file}"):
        write(table, file)


def _write_jsonl(table: pa.Table, file: Path) -> None:
    rows: Iterable[Evidence] = (row for batch in table.to_batches() for row in batch.to_pylist())
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

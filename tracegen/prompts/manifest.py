"""What a plan of shards says about itself: the shards, where their prompts came from, and what was left out and why."""

from collections.abc import Mapping

from tracegen.types import Domain, ShardEntry, Value

PROMPTS_SCHEMA = "tracegen/prompts/1"
KEY = "prompts/manifest.json"
EVIDENCE = 100
"""Cases of each kind that are written down in full; all are counted."""


class SourceEntry(Value):
    """One prompt source as it was read."""

    name: str
    domain: Domain
    licence: str
    origin: str
    """Path or dataset, as the recipe gives it."""
    fingerprint: dict[str, str]
    """SHA-256 of each file, or what makes a dataset repeatable."""
    rows: int
    prompts: int
    """Rows that became prompts of the plan."""
    duplicates: int
    """Rows whose problem an earlier row had; the same reference."""
    conflicts: int
    """Rows whose problem an earlier row had, with another reference; the earlier one is kept."""
    unusable: int
    """Rows without a usable text."""
    near_duplicates: int = 0
    """Rows whose problem an earlier row had in slightly other words."""
    contaminated: int = 0
    """Rows that share words with a benchmark."""
    unreadable: int = 0
    """Rows whose reference its verifier cannot read, where the recipe lets them be left out."""
    left_out_by_set: Mapping[str, int] = {}
    """Rows that are no prompts by the mapping of their set, as proofs, by reason."""


class BenchmarkEntry(Value):
    """A benchmark that the prompts were compared with."""

    name: str
    origin: str
    """Its path, as the recipe gives it."""
    fingerprint: dict[str, str]
    """SHA-256 of each file."""


class Conflict(Value):
    """Two rows that give one problem different references."""

    prompt_id: str
    kept: str
    """Source and row, as ``gsm8k:17``."""
    kept_reference: str
    dropped: str
    dropped_reference: str


class UnusableRow(Value):
    """A row that gave no prompt."""

    row: str
    """Source and row, as ``gsm8k:17``."""
    reason: str


class PromptManifest(Value):
    """The plan of a run. Written last, once, and never changed."""

    format: str = PROMPTS_SCHEMA
    prompts: int
    shards: tuple[ShardEntry, ...]
    """In the order in which they are to be opened: domains interleaved in proportion, else by a seeded hash."""
    sources: tuple[SourceEntry, ...]
    conflicts: tuple[Conflict, ...]
    """The first hundred."""
    unusable: tuple[UnusableRow, ...]
    """The first hundred."""
    benchmarks: tuple[BenchmarkEntry, ...] = ()


def shard_key(shard_id: str) -> str:
    return f"prompts/{shard_id}.parquet"

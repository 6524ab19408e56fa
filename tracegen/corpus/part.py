"""One file of a corpus and what was counted over it: a function of its job alone, so that any process may make it.

The counts lie in ``building/<version>/`` until the manifest holds their sum: a build that goes on where another one was
cut off finds them there. Nothing here knows of the other files.
"""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby

import pyarrow as pa

from tracegen import __version__
from tracegen.corpus.manifest import CorpusFile
from tracegen.corpus.rows import Census, Reading, Row, samples
from tracegen.corpus.settled import SettledShard
from tracegen.corpus.writing import to_parquet
from tracegen.protocols import Store
from tracegen.types import Value

MADE_BY = f"tracegen {__version__}, pyarrow {pa.__version__}"
"""In another version the same job may give other bytes."""


class Part(Value):
    """What is known of one file when it is in the store."""

    made_by: str
    span: tuple[str, str]
    """Where its ids begin and end."""
    file: CorpusFile
    prompt_tokens: int
    lengths: Mapping[int, int]
    """Samples by completion tokens."""
    teachers: tuple[str, ...]
    verifiers: tuple[str, ...]
    by: Mapping[str, Mapping[str, int]]
    """As ``Census.by``, over all prompts whose ids are in the span."""
    reasons: Mapping[str, int]


class _Record(Value):
    sha256: str
    """Of the part, as text."""
    part: Part


@dataclass(frozen=True, slots=True)
class FileJob:
    """Everything that a file is a function of."""

    reading: Reading
    shards: tuple[SettledShard, ...]
    """Those that may hold ids of its span: by lane, then by id."""
    version: str
    name: str

    @property
    def span(self) -> tuple[str, str]:
        return self.reading.span.first, self.reading.span.end

    @property
    def file_key(self) -> str:
        return f"corpus/{self.version}/{self.name}"

    @property
    def record_key(self) -> str:
        return f"{_folder(self.version)}{self.name}.json"


def done(job: FileJob) -> Part:
    """The part as an earlier build left it, where file and record are whole. Else both are made, the file first.

    Raises StoreError.
    """
    return _found(job) or _made(job)


def sweep(store: Store, version: str) -> None:
    """Take a version's records away, once its manifest is there."""
    for found in store.list(_folder(version)):
        store.delete(found.key)


def _folder(version: str) -> str:
    return f"building/{version}/"


def _found(job: FileJob) -> Part | None:
    with suppress(KeyError, ValueError):  # not there, or no record of ours
        record = _Record.model_validate_json(job.reading.store.get(job.record_key))
        part = record.part
        fits = (part.made_by, part.span, part.file.name) == (MADE_BY, job.span, job.name)
        if fits and record.sha256 == _sha256(part.model_dump_json().encode()):
            data = job.reading.store.get(job.file_key)
            return part if part.file.sha256 == _sha256(data) else None
    return None


def _made(job: FileJob) -> Part:
    tally, census = _Tally(), Census()
    data = to_parquet(tally.counted(_rows(job, census)), job.reading.origin.recipe.corpus.row_group_bytes)
    job.reading.store.put(job.file_key, data)
    part = Part(
        made_by=MADE_BY,
        span=job.span,
        file=CorpusFile(name=job.name, rows=tally.lengths.total(), size_bytes=len(data), sha256=_sha256(data)),
        prompt_tokens=tally.prompt_tokens,
        lengths=tally.lengths,
        teachers=tuple(sorted(tally.teachers)),
        verifiers=tuple(sorted(tally.verifiers)),
        by=census.by,
        reasons=census.reasons,
    )
    record = _Record(sha256=_sha256(part.model_dump_json().encode()), part=part)
    job.reading.store.put(job.record_key, record.model_dump_json().encode())
    return part


def _rows(job: FileJob, census: Census) -> Iterator[Row]:
    # Within a lane the shards are in order of their ids, so a merge of the lanes holds one shard of each.
    by_lane = [tuple(shards) for _, shards in groupby(job.shards, key=lambda shard: shard.entry.lane)]
    streams = [(row for shard in shards for row in samples(job.reading, shard, census)) for shards in by_lane]
    return heapq.merge(*streams, key=lambda row: row["id"])


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(slots=True)
class _Tally:
    """What is counted over the samples as they are written."""

    prompt_tokens: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    teachers: set[str] = field(default_factory=set)
    verifiers: set[str] = field(default_factory=set)

    def add(self, row: Row) -> None:
        self.prompt_tokens += row["prompt_tokens"]
        self.lengths[row["completion_tokens"]] += 1
        revision = f"@{row['teacher_revision']}" if row["teacher_revision"] else ""
        self.teachers.add(f"{row['teacher']}{revision} ({row['engine']} {row['engine_version']})")
        self.verifiers.add(row["verifier"])

    def counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self.add(row)
            yield row

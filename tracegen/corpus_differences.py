"""What tells two corpora apart: manifests, rows, mix, columns, and a sample of rows. It changes neither.

Rows are the same by id. Columns of rows that both have are compared by 64-bit hashes, and only in files that are not
byte for byte in the other corpus.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tracegen.catalog import Answer, Connection, ask, open_corpora
from tracegen.catalog.reading import View, attaching, create
from tracegen.catalog.views import SAMPLES_VIEW, corpus_store
from tracegen.corpus.schema import SAMPLE
from tracegen.errors import StoreError, UserError, boundary
from tracegen.protocols import Store

LABELS = ("run_id", "recipe_digest", "verdict_set", "tracegen_version")
"""Columns that are the same in all rows of a corpus: a row does not count as changed for them."""
COUNTED = {"files", "domains", "sources"}
"""Parts of a manifest that are not compared word by word: the rows are."""
KEY = ("id", "domain", "source", "completion_tokens")
"""What is read of every row."""
MEMORY_BYTES = 2 * 1024**3
"""What joining may take; beyond it DuckDB goes to disk."""

_PAIRS = """
CREATE TEMP TABLE pairs AS
SELECT coalesce(a.id, b.id) AS id, coalesce(a.domain, b.domain) AS domain, coalesce(a.source, b.source) AS source,
  a.completion_tokens AS tokens_a, b.completion_tokens AS tokens_b,
  CASE WHEN b.id IS NULL THEN 'only in a' WHEN a.id IS NULL THEN 'only in b' ELSE 'both' END AS side
FROM (SELECT {key} FROM a) a FULL JOIN (SELECT {key} FROM b) b ON a.id = b.id
"""
_CELLS = """
CREATE TEMP TABLE cells AS
SELECT id AS row_id, {bits} AS bits
FROM (SELECT id, {hashes} FROM a_rest) a JOIN (SELECT id, {hashes} FROM b_rest) b USING (id)
WHERE bits <> 0
"""
_NO_CELLS = "CREATE TEMP TABLE cells (row_id VARCHAR, bits HUGEINT)"
_COMPARED = """
CREATE TEMP VIEW compared AS
SELECT * EXCLUDE (side, row_id, bits), coalesce(bits, 0) AS bits,
  CASE WHEN side <> 'both' THEN side WHEN cells.bits & {content} <> 0 THEN 'changed' ELSE 'same' END AS what
FROM pairs LEFT JOIN cells ON id = row_id
"""
_COUNTS = """
SELECT what AS rows_that_are, count(*) AS rows, sum(tokens_a)::BIGINT AS tokens_a, sum(tokens_b)::BIGINT AS tokens_b
FROM compared GROUP BY what ORDER BY what
"""
_MIX = """
SELECT coalesce(domain, 'all') AS domain, coalesce(source, 'all') AS source,
  count(tokens_a) AS rows_a, count(tokens_b) AS rows_b,
  count(*) FILTER (what = 'only in a') AS only_a, count(*) FILTER (what = 'only in b') AS only_b,
  count(*) FILTER (what = 'changed') AS changed,
  coalesce(sum(tokens_a), 0)::BIGINT AS tokens_a, coalesce(sum(tokens_b), 0)::BIGINT AS tokens_b,
  round(rows_a / nullif(any_value(all_a), 0), 4) AS share_a, round(rows_b / nullif(any_value(all_b), 0), 4) AS share_b,
  round(coalesce(share_b, 0) - coalesce(share_a, 0), 4) AS shift
FROM compared, (SELECT count(tokens_a) AS all_a, count(tokens_b) AS all_b FROM compared)
GROUP BY GROUPING SETS ((domain, source), ()) ORDER BY domain = 'all', domain, source
"""
_SAMPLE = """
SELECT what, id, domain, source, bits FROM compared WHERE what <> 'same'
QUALIFY row_number() OVER (PARTITION BY what ORDER BY md5({seed} || ':' || id), id) <= {sample}
ORDER BY what, id
"""


@dataclass(frozen=True, slots=True)
class CorpusDifference:
    """Two corpora, a and b."""

    manifests: Answer
    """What they say of themselves, where it differs."""
    rows: Answer
    """How many are in one only, changed, or the same, with their tokens."""
    mix: Answer
    """The same by domain and source, with each one's share of its corpus."""
    columns: Answer
    """In how many rows that both have each column differs, and columns that only one has."""
    sample: Answer
    """Some of the rows that are not the same; the same ones for the same seed."""


@dataclass(frozen=True, slots=True)
class _Corpus:
    store: Store
    manifest: Mapping[str, Any]
    columns: tuple[str, ...]

    def digests(self) -> dict[str, str]:
        """Files by what is in them; none where there is no manifest."""
        return {file["sha256"]: file["name"] for file in self.manifest.get("files", ())}


def between(
    a_uri: str, b_uri: str, *, sample: int, seed: int = 0, env: Mapping[str, str] = os.environ
) -> CorpusDifference:
    """Between two corpora's folders. Raises UserError for one that is none, StoreError for one that is damaged."""
    uris = {"a": a_uri, "b": b_uri}
    with open_corpora(uris, memory_bytes=MEMORY_BYTES, env=env) as connection:
        a, b = (_corpus(connection, name, corpus_store(uri, env=env)) for name, uri in uris.items())
        compared = tuple(name for name in a.columns if name in b.columns and name != "id")  # a bit each, of 127
        _compare(connection, (a, b), compared)
        return CorpusDifference(
            _manifests(a.manifest, b.manifest),
            ask(connection, _COUNTS),
            ask(connection, _MIX),
            _columns(connection, (a, b), compared),
            _sample(connection, compared, sample, seed),
        )


def _corpus(connection: Connection, name: str, store: Store) -> _Corpus:
    manifest: dict[str, Any] = {}
    with boundary(StoreError, f"{store.uri}/manifest.json is damaged"), suppress(KeyError):
        manifest = json.loads(store.get("manifest.json"))
    columns = ask(connection, f"SELECT * FROM {name}_{SAMPLES_VIEW} LIMIT 0").columns  # noqa: S608
    if missing := [column for column in KEY if column not in columns]:
        raise UserError(f"{store.uri}: no column {', '.join(map(repr, missing))}", hint="is it a corpus of tracegen's?")
    return _Corpus(store, manifest, columns)


def _compare(connection: Connection, corpora: tuple[_Corpus, _Corpus], compared: tuple[str, ...]) -> None:
    """Every id with what it is in, and a bit for each column in which its rows differ: the view ``compared``."""
    bits = " + ".join(
        f'CASE WHEN a."{name}" IS DISTINCT FROM b."{name}" THEN {1 << place}::HUGEINT ELSE 0 END'
        for place, name in enumerate(compared)
    )
    hashes = ", ".join(f'hash("{name}") AS "{name}"' for name in compared)
    ask(connection, _PAIRS.format(key=", ".join(KEY)))
    there = _attach_rest(connection, corpora)
    ask(connection, _CELLS.format(bits=bits, hashes=hashes) if there else _NO_CELLS)
    content = sum(1 << place for place, name in enumerate(compared) if name not in LABELS)
    ask(connection, _COMPARED.format(content=content))


def _attach_rest(connection: Connection, corpora: tuple[_Corpus, _Corpus]) -> bool:
    """Views of the files that are not in both; False where one of the corpora has none."""
    in_both = corpora[0].digests().keys() & corpora[1].digests().keys()
    for name, corpus in zip("ab", corpora, strict=True):
        known = {corpus.digests()[digest] for digest in in_both}
        keys = [item.key for item in corpus.store.list("train-") if item.key.endswith(".parquet")]
        view = View(f"{name}_rest", [key for key in keys if key not in known], SAMPLE)
        if not create(connection, corpus.store, view, attaching(connection, corpus.store)):
            return False
    return True


def _manifests(a: Mapping[str, Any], b: Mapping[str, Any]) -> Answer:
    if not (a and b):
        return Answer(("manifest", "a", "b"), [("version", a.get("version"), b.get("version"))])
    said_a, said_b = dict(_said(a)), dict(_said(b))
    names = [*said_a, *(name for name in said_b if name not in said_a)]
    rows = [(name, said_a.get(name), said_b.get(name)) for name in names if said_a.get(name) != said_b.get(name)]
    return Answer(("manifest", "a", "b"), rows)


def _said(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, object]]:
    for name, one in value.items():
        if isinstance(one, Mapping):
            if name not in COUNTED:
                yield from _said(one, f"{before}{name}.")
        elif name not in COUNTED:
            yield f"{before}{name}", ", ".join(map(str, one)) if isinstance(one, list) else one


def _columns(connection: Connection, corpora: tuple[_Corpus, _Corpus], compared: tuple[str, ...]) -> Answer:
    counts = ", ".join(f"count(*) FILTER (bits & {1 << place} <> 0)" for place in range(len(compared)))
    [row] = ask(connection, f"SELECT {counts} FROM compared").rows  # noqa: S608
    changed: list[tuple[object, ...]] = [(name, "both", rows) for name, rows in zip(compared, row, strict=True) if rows]
    for mine, other, where in ((*corpora, "a"), (*corpora[::-1], "b")):
        changed += [(name, f"only {where}", None) for name in mine.columns if name not in other.columns]
    return Answer(("column", "has_it", "rows_that_differ"), changed)


def _sample(connection: Connection, compared: tuple[str, ...], sample: int, seed: int) -> Answer:
    found = ask(connection, _SAMPLE.format(seed=int(seed), sample=int(sample)))
    rows = [(*row[:-1], ", ".join(_named(compared, row[-1]))) for row in found.rows]
    return Answer((*found.columns[:-1], "columns"), rows)


def _named(compared: tuple[str, ...], bits: object) -> Iterator[str]:
    return (name for place, name in enumerate(compared) if int(str(bits)) >> place & 1)

"""The views that there are over a run, over corpora, and over files that were judged.

A run's are samples, corpus, prompts, left_out, completions, verdicts, judged, waste, suspects and run.

``corpus`` is the version built from the most attempts; of two from equally many, the one with more verdicts that
decide (a later verdict set leaves less undecided), then the greater version name: a manifest holds no time. What is
still in the journal is in no view.

``judged`` is one verdict set of ``verdicts``: the one asked for, else the corpus's, else the one that the run writes.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from tracegen.catalog.connection import Answer, Connection, ask, connect, literal, one_line
from tracegen.catalog.reading import View, attaching, create
from tracegen.corpus.manifest import CorpusManifest, read_manifest
from tracegen.corpus.schema import CORPUS_SCHEMA, READINGS, SAMPLE
from tracegen.errors import StoreError, UserError, boundary
from tracegen.ledger.layout import VERDICTS
from tracegen.ledger.schema import COMPLETION, JUDGEMENT
from tracegen.prompts.left_out import LEFT_OUT
from tracegen.prompts.schema import PROMPT
from tracegen.protocols import Store
from tracegen.store import SubStore, open_store

VERDICT = pa.schema([*JUDGEMENT, pa.field("verdict_set", pa.string(), nullable=False)])
"""The ledger keeps a verdict's set in the object's name; the view has it as a column."""
SAMPLES = "train-*.parquet"
"""The samples in a corpus's folder."""
SAMPLES_VIEW = "samples"
"""The view of the files' own columns, below ``corpus``; ``<name>_samples`` where a corpus has a name of its own."""

ALL = "CREATE VIEW {name} AS SELECT * FROM {samples}"
_READ = ", ".join(f"{sql} AS {name}" for name, sql in READINGS.items())
CORPUS = f"CREATE VIEW {{name}} AS SELECT *, {_READ} FROM {{samples}}"  # noqa: S608
"""The samples, and what else they say: prompt, response and reasoning are read from the columns that files have."""


RUN = """
CREATE VIEW run AS
SELECT {run_id} AS run_id, {verdict_set} AS verdict_set, {keep} AS keep,
  {slots}::BIGINT AS slots, {gpus}::BIGINT AS gpus_per_replica, {price}::DOUBLE AS usd_per_gpu_hour
"""
"""One row: what the recipe says that questions about cost need, and the verdict set of ``judged``."""


WASTE = """
CREATE VIEW waste AS
WITH ranked AS (
  SELECT v.*, p.domain, row_number() OVER (PARTITION BY verdict_set, prompt_id, outcome ORDER BY {order}) AS place
  FROM verdicts v LEFT JOIN (SELECT prompt_id, domain FROM prompts) p USING (prompt_id)
)
SELECT verdict_set, domain,
  CASE WHEN outcome = 'correct' THEN CASE WHEN place <= {keep} THEN 'kept' ELSE 'surplus' END
       WHEN reason IN ('truncated', 'looped') THEN reason
       WHEN starts_with(reason, 'filtered:') THEN 'filtered'
       WHEN outcome = 'incorrect' THEN 'rejected'
       ELSE 'undecided' END AS cause,
  count(*) AS attempts, sum(completion_tokens)::BIGINT AS tokens
FROM ranked GROUP BY ALL
"""
"""Completion tokens by what became of them, as ``scheduling.tokens`` counts; what was lost never reached the ledger."""
ORDERS = {
    "shortest": "completion_tokens, attempt_id",
    "random": "sha256(concat('{seed}', chr(0), attempt_id))",
}
"""Which of a prompt's right traces are kept, by the recipe's ``select``; else the first, as what ``diverse`` keeps only
their text tells."""


SUSPECT_ATTEMPTS = 3
"""A reference is suspect when so many attempts with an answer were judged, none is correct, and more than half of
them give one and the same other answer."""

# Braces within braces, three deep; RE2 has no recursion.
_BOXED = r"\\(?:boxed|fbox)\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"

SUSPECTS = f"""
CREATE VIEW suspects AS
WITH contradicted AS (
  SELECT verdict_set, prompt_id FROM verdicts GROUP BY verdict_set, prompt_id
  HAVING count(*) FILTER (outcome = 'correct') = 0 AND count(*) FILTER (outcome = 'incorrect') >= {SUSPECT_ATTEMPTS}
), answers AS (
  SELECT v.verdict_set, v.prompt_id,
    regexp_replace(regexp_extract_all(c.text, '{_BOXED}', 1)[-1], '\\s', '', 'g') AS answer
  FROM verdicts v JOIN contradicted USING (verdict_set, prompt_id) JOIN completions c USING (attempt_id)
  WHERE v.outcome = 'incorrect'
), counted AS (
  SELECT verdict_set, prompt_id, answer, count(*) AS agreeing,
    sum(count(*)) OVER (PARTITION BY verdict_set, prompt_id)::BIGINT AS attempts
  FROM answers WHERE answer <> '' GROUP BY verdict_set, prompt_id, answer
)
SELECT verdict_set, prompt_id, p.source, p.source_row, p.reference, attempts, agreeing, answer
FROM counted JOIN prompts p USING (prompt_id)
WHERE attempts >= {SUSPECT_ATTEMPTS} AND 2 * agreeing > attempts
"""  # noqa: S608
"""References that every attempt contradicts. It reads text, of those prompts only."""


def query(
    store_uri: str, run_id: str, sql: str, verdict_set: str = "", *, env: Mapping[str, str] = os.environ
) -> Answer:
    """One SQL statement over a run. Raises UserError for what DuckDB does not understand."""
    with open_catalog(store_uri, run_id, verdict_set=verdict_set, env=env) as connection:
        return ask(connection, sql)


def open_catalog(
    store_uri: str,
    run_id: str,
    *,
    verdict_set: str = "",
    threads: int | None = None,
    memory_bytes: int | None = None,
    env: Mapping[str, str] = os.environ,
) -> Connection:
    """A connection with the run's views. It is the caller's to close; as a context manager it closes itself."""
    store = SubStore(open_store(store_uri, env=env), run_id)
    if next(store.list(""), None) is None:
        raise UserError(f"no run {run_id!r} in {store_uri}", hint="check the store and the name of the run")
    connection = connect(threads, memory_bytes)
    try:
        _create_views(connection, store, run_id, verdict_set)
    except BaseException:
        connection.close()
        raise
    return connection


def _create_views(connection: Connection, store: Store, run_id: str, verdict_set: str) -> None:
    corpus, described = newest_corpus(store), _described(store)
    judged = verdict_set or (corpus.verdict_set if corpus else described.get("verdict_set", "none"))
    views = (
        View(SAMPLES_VIEW, [f"corpus/{corpus.version if corpus else 'none'}/{SAMPLES}"], SAMPLE),
        View("prompts", ["prompts/*.parquet"], PROMPT),
        View("left_out", ["preparation/*.parquet"], LEFT_OUT),
        View("completions", ["ledger/completions/*.parquet"], COMPLETION),
        View("verdicts", ["ledger/verdicts/*/*.parquet"], VERDICT, verdict_sets=True),
        View("judged", [f"ledger/verdicts/{judged}/*.parquet"], JUDGEMENT),
    )
    attach = attaching(connection, store)
    found = {view.name: create(connection, store, view, attach) for view in views}
    if verdict_set and not found["judged"]:
        known = {item.key.removeprefix(VERDICTS).partition("/")[0] for item in store.list(VERDICTS)}
        hint = f"it has: {', '.join(sorted(known)) or 'none'}"
        raise UserError(f"run {run_id} has no verdict set {verdict_set!r}", hint=hint)
    recipe = described.get("recipe", {})
    keep = int(recipe.get("rejection", {}).get("keep", 1))
    connection.execute(_run_view(recipe.get("where", {}), run_id, judged, keep))
    connection.execute(CORPUS.format(name="corpus", samples=SAMPLES_VIEW))
    connection.execute(WASTE.format(keep=keep, order=_order(recipe)))
    connection.execute(SUSPECTS)


def _order(recipe: Mapping[str, Any]) -> str:
    select = recipe.get("rejection", {}).get("select", "first")
    return ORDERS.get(select, "attempt_id").format(seed=int(recipe.get("seed", 0)))


def _run_view(where: Mapping[str, Any], run_id: str, verdict_set: str, keep: int) -> str:
    price = where.get("plan", {}).get("usd_per_gpu_hour")
    return RUN.format(
        run_id=literal(run_id),
        verdict_set=literal(verdict_set),
        keep=keep,
        slots=int(where.get("slots", 1)),
        gpus=int(where.get("gpus_per_replica", 0)),
        price="NULL" if price is None else float(price),
    )


def _described(store: Store) -> dict[str, Any]:
    """What the run says of itself; nothing before it has begun."""
    described: dict[str, Any] = {}
    with boundary(StoreError, f"cannot read {store.uri}/run.json"), suppress(KeyError):
        described = json.loads(store.get("run.json"))
    return described


def newest_corpus(store: Store) -> CorpusManifest | None:
    """The corpus that the view shows; None before the first build. ``store`` is the run's own."""
    keys = [found.key for found in store.list("corpus/") if found.key.endswith("/manifest.json")]
    manifests = (read_manifest(store, key) for key in keys)
    # One with other columns, of an earlier version of tracegen, is read by plain SQL over its files.
    return max((found for found in manifests if found.format == CORPUS_SCHEMA), key=_age, default=None)


def _age(manifest: CorpusManifest) -> tuple[int, int, str]:
    domains = manifest.domains.values()
    return sum(one.attempts for one in domains), sum(one.correct + one.incorrect for one in domains), manifest.version


def corpus_uri(store_uri: str, run_id: str, version: str, *, env: Mapping[str, str] = os.environ) -> str:
    """The folder of a run's corpus, by its version or the beginning of one. Raises UserError."""
    store = SubStore(open_store(store_uri, env=env), run_id)
    keys = [found.key for found in store.list("corpus/") if found.key.endswith("/manifest.json")]
    known = [key.split("/")[1] for key in keys]
    matching = [one for one in known if one.startswith(version)]
    if len(matching) != 1:
        what = f"{version!r} begins more than one corpus" if matching else f"no corpus {version!r}"
        hint = f"it has: {', '.join(known)}" if known else f"build one: tracegen build {run_id}"
        raise UserError(f"{what} of run {run_id}", hint=hint)
    return f"{store.uri}/corpus/{matching[0]}"


def open_corpora(
    uris: Mapping[str, str],
    *,
    threads: int | None = None,
    memory_bytes: int | None = None,
    env: Mapping[str, str] = os.environ,
) -> Connection:
    """A connection with a view, by its name, over each corpus's folder. It is the caller's to close."""
    connection = connect(threads, memory_bytes)
    try:
        for name, uri in uris.items():
            store = corpus_store(uri, env=env)
            samples = f"{name}_{SAMPLES_VIEW}"
            create(connection, store, View(samples, [SAMPLES], SAMPLE), attaching(connection, store))
            has = ask(connection, f"SELECT * FROM {samples} LIMIT 0").columns  # noqa: S608
            # A corpus of an earlier version has prompt, response and reasoning among its own columns.
            view = CORPUS if {"user_turn", "messages"} <= {*has} else ALL
            connection.execute(view.format(name=name, samples=samples))
    except BaseException:
        connection.close()
        raise
    return connection


def corpus_store(uri: str, *, env: Mapping[str, str] = os.environ) -> Store:
    """The folder of a corpus as a store. Raises UserError where it is none."""
    store = open_store(uri.rstrip("/"), env=env)
    keys = [found.key for found in store.list("")]
    if not any(key.startswith("train-") and key.endswith(".parquet") for key in keys):
        versions = [key.removesuffix("/manifest.json") for key in keys if key.endswith("/manifest.json")]
        hint = f"one of its versions: {', '.join(versions)}" if versions else f"name a folder with {SAMPLES} in it"
        raise UserError(f"no corpus in {uri}", hint=hint)
    return store


def open_files(files: Mapping[str, Path]) -> Connection:
    """A connection with a view a file of rows (JSON Lines or Parquet, by ending). It is the caller's to close."""
    connection = connect()
    try:
        for name, path in files.items():
            reader = "read_parquet" if path.name.lower().endswith(".parquet") else "read_ndjson"
            connection.execute(f'CREATE VIEW "{name}" AS SELECT * FROM {reader}({literal(str(path))})')  # noqa: S608
    except duckdb.Error as error:
        connection.close()
        raise UserError(f"cannot read the rows of a file: {one_line(error)}") from None
    return connection

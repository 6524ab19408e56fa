"""DuckDB views over a run, and over files that were judged.

The run's are corpus, prompts, left_out, completions, verdicts, waste and suspects.

``corpus`` is the version built from the most attempts; of two from equally many, the one with more verdicts that
decide (a later verdict set leaves less undecided), then the greater version name: a manifest holds no time. What is
still in the journal is in no view.
"""

import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa

from tracegen.corpus.manifest import CorpusManifest, read_manifest
from tracegen.corpus.schema import SAMPLE
from tracegen.errors import StoreError, UserError, boundary
from tracegen.ledger.schema import COMPLETION, JUDGEMENT
from tracegen.prompts.left_out import LEFT_OUT
from tracegen.prompts.schema import PROMPT
from tracegen.protocols import Store
from tracegen.store import S3Access, S3Store, SubStore, glob_uri, open_store

logger = logging.getLogger(__name__)

Connection = duckdb.DuckDBPyConnection

VERDICT = pa.schema([*JUDGEMENT, pa.field("verdict_set", pa.string(), nullable=False)])
"""The ledger keeps a verdict's set in the object's name; the view has it as a column."""


WASTE = """
CREATE VIEW waste AS
WITH ranked AS (
  SELECT v.*, p.domain, row_number() OVER (PARTITION BY verdict_set, prompt_id, outcome ORDER BY {order}) AS place
  FROM verdicts v LEFT JOIN (SELECT prompt_id, domain FROM prompts) p USING (prompt_id)
)
SELECT verdict_set, domain,
  CASE WHEN outcome = 'correct' THEN CASE WHEN place <= {keep} THEN 'kept' ELSE 'surplus' END
       WHEN reason = 'truncated' THEN 'truncated'
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


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]


class _View(NamedTuple):
    name: str
    pattern: str
    schema: pa.Schema


def query(store_uri: str, run_id: str, sql: str, *, env: Mapping[str, str] = os.environ) -> Answer:
    """One SQL statement over a run. Raises UserError for what DuckDB does not understand."""
    with open_catalog(store_uri, run_id, env=env) as connection:
        return ask(connection, sql)


def ask(connection: duckdb.DuckDBPyConnection, sql: str) -> Answer:
    """One SQL statement over a catalog that is open."""
    try:
        connection.execute(sql)
        columns = tuple(column[0] for column in connection.description or ())
        return Answer(columns, connection.fetchall() if columns else [])
    except duckdb.IOException as error:
        raise StoreError(f"query failed: {_one_line(error)}") from error
    except duckdb.Error as error:
        hint = (
            "the views are corpus, prompts, left_out, completions, verdicts, waste, suspects"
            if isinstance(error, duckdb.CatalogException)
            else ""
        )
        raise UserError(f"query refused: {_one_line(error)}", hint=hint) from None


def open_catalog(
    store_uri: str,
    run_id: str,
    *,
    threads: int | None = None,
    memory_bytes: int | None = None,
    env: Mapping[str, str] = os.environ,
) -> duckdb.DuckDBPyConnection:
    """A connection with the run's views. It is the caller's to close; as a context manager it closes itself."""
    store = SubStore(open_store(store_uri, env=env), run_id)
    if next(store.list(""), None) is None:
        raise UserError(f"no run {run_id!r} in {store_uri}", hint="check the store and the name of the run")
    connection = duckdb.connect(config=_settings(threads, memory_bytes))
    try:
        attach = _attach(connection, store)
        for view in _views(store):
            _create(connection, store, view, attach)
        connection.execute(_waste(store))
        connection.execute(SUSPECTS)
    except BaseException:
        connection.close()
        raise
    return connection


def open_files(files: Mapping[str, Path]) -> duckdb.DuckDBPyConnection:
    """A connection with a view a file of rows (JSON Lines or Parquet, by ending). It is the caller's to close."""
    connection = duckdb.connect(config=_settings(None, None))
    try:
        for name, path in files.items():
            reader = "read_parquet" if path.name.lower().endswith(".parquet") else "read_ndjson"
            connection.execute(f'CREATE VIEW "{name}" AS SELECT * FROM {reader}({_literal(str(path))})')  # noqa: S608
    except duckdb.Error as error:
        connection.close()
        raise UserError(f"cannot read the rows of a file: {_one_line(error)}") from None
    return connection


def _waste(store: Store) -> str:
    """The view, by the rules of the run's recipe."""
    keep, seed, select = 1, 0, "first"
    with boundary(StoreError, f"cannot read {store.uri}/run.json"), suppress(KeyError):
        recipe = json.loads(store.get("run.json"))["recipe"]
        keep, seed = int(recipe["rejection"]["keep"]), int(recipe["seed"])
        select = recipe["rejection"].get("select", select)
    return WASTE.format(keep=keep, order=ORDERS.get(select, "attempt_id").format(seed=seed))


def newest_corpus(store: Store) -> CorpusManifest | None:
    """The corpus that the view shows; None before the first build. ``store`` is the run's own."""
    keys = [found.key for found in store.list("corpus/") if found.key.endswith("/manifest.json")]
    return max((read_manifest(store, key) for key in keys), key=_age, default=None)


def _age(manifest: CorpusManifest) -> tuple[int, int, str]:
    domains = manifest.domains.values()
    return sum(one.attempts for one in domains), sum(one.correct + one.incorrect for one in domains), manifest.version


def _views(store: Store) -> tuple[_View, ...]:
    corpus = newest_corpus(store)
    return (
        _View("corpus", f"corpus/{corpus.version if corpus else 'none'}/train-*.parquet", SAMPLE),
        _View("prompts", "prompts/*.parquet", PROMPT),
        _View("left_out", "preparation/*.parquet", LEFT_OUT),
        _View("completions", "ledger/completions/*.parquet", COMPLETION),
        _View("verdicts", "ledger/verdicts/*/*.parquet", VERDICT),
    )


Attach = Callable[[_View, list[str]], None]
"""Makes a view; it is told the keys of the objects that are there."""


def _create(connection: duckdb.DuckDBPyConnection, store: Store, view: _View, attach: Attach) -> None:
    folder = view.pattern.partition("*")[0]
    keys = [found.key for found in store.list(folder) if found.key.endswith(".parquet")]
    if not keys:
        # A glob that meets nothing is an error to DuckDB, but a run that has only begun is none.
        connection.register(view.name, view.schema.empty_table())
        return
    with boundary(StoreError, f"cannot read {store.uri}/{view.pattern}"):
        attach(view, keys)


def _attach(connection: duckdb.DuckDBPyConnection, store: SubStore) -> Attach:
    """How this store's Parquet gets into views: by DuckDB's own reader, or by Arrow's where DuckDB cannot reach S3."""
    if isinstance(store.store, S3Store):
        access = store.store.access.resolved()
        if not _load_httpfs(connection):
            return partial(_by_arrow, connection, store.uri, _filesystem(access))
        connection.execute(_secret(access))
    return partial(_by_glob, connection, store)


def _by_glob(connection: duckdb.DuckDBPyConnection, store: Store, view: _View, keys: list[str]) -> None:
    del keys  # the glob finds them, and those that are yet to come
    columns = ", ".join(f'"{name}"' for name in view.schema.names)
    files = _literal(glob_uri(store, view.pattern))
    rows = f"read_parquet({files})"
    if view.name == "verdicts":
        verdict_set = r"regexp_extract(filename, 'verdicts/([^/]+)/[^/]+$', 1) AS verdict_set"
        rows = f"(SELECT *, {verdict_set} FROM read_parquet({files}, filename = true))"  # noqa: S608
    # A view takes no parameters: names are ours, and the one value is quoted.
    connection.execute(f'CREATE VIEW "{view.name}" AS SELECT {columns} FROM {rows}')  # noqa: S608


def _by_arrow(connection: duckdb.DuckDBPyConnection, root: str, files: Any, view: _View, keys: list[str]) -> None:
    from pyarrow import dataset

    under = root.removeprefix("s3://")
    sets = dataset.DirectoryPartitioning(pa.schema([VERDICT.field("verdict_set")]))
    options = (
        {"partitioning": sets, "partition_base_dir": f"{under}/ledger/verdicts"} if view.name == "verdicts" else {}
    )
    paths = [f"{under}/{key}" for key in keys]
    found = dataset.dataset(paths, view.schema, format="parquet", filesystem=files, **options)
    connection.register(view.name, found)


def _load_httpfs(connection: duckdb.DuckDBPyConnection) -> bool:
    """DuckDB's S3 reader: from its PyPI package, which works offline, else as DuckDB gets it. False: not to be had."""
    try:
        if file := _packaged_httpfs():
            connection.execute(f"LOAD {_literal(str(file))}")
        else:
            connection.execute("INSTALL httpfs")
            connection.execute("LOAD httpfs")
    except duckdb.Error as error:
        logger.info("DuckDB reads S3 through Arrow, as it has no httpfs: %s", _one_line(error))
        return False
    return True


def _packaged_httpfs() -> Path | None:
    spec = find_spec("duckdb_extension_httpfs")
    roots = spec.submodule_search_locations if spec else None
    files = [Path(root, "extensions", f"v{duckdb.__version__}", "httpfs.duckdb_extension") for root in roots or ()]
    return next((file for file in files if file.is_file()), None)


def _secret(access: S3Access) -> str:
    endpoint = urlsplit(access.endpoint_url or "")
    options = {
        "KEY_ID": access.access_key,
        "SECRET": access.secret_key,
        "SESSION_TOKEN": access.session_token,
        "REGION": access.region,
        "ENDPOINT": f"{endpoint.netloc}{endpoint.path.rstrip('/')}" or None,
        "URL_STYLE": "path" if access.endpoint_url else None,
    }
    given = [f"{name} {_literal(value)}" for name, value in options.items() if value]
    ssl = ["USE_SSL false"] if endpoint.scheme == "http" else []
    return f"CREATE SECRET store ({', '.join(['TYPE s3', *given, *ssl])})"


def _filesystem(access: S3Access) -> Any:
    from pyarrow.fs import S3FileSystem

    return S3FileSystem(
        access_key=access.access_key,
        secret_key=access.secret_key,
        session_token=access.session_token,
        region=access.region,
        endpoint_override=access.endpoint_url,
    )


def _settings(threads: int | None, memory_bytes: int | None) -> dict[str, str | bool | int | float | list[str]]:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "temp_directory": tempfile.gettempdir(),
    }
    given = {"threads": threads, "memory_limit": f"{memory_bytes}B" if memory_bytes else None}
    return settings | {name: str(value) for name, value in given.items() if value}


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _one_line(error: BaseException) -> str:
    """DuckDB's words without its picture of the statement."""
    return " ".join(str(error).split("\n\nLINE")[0].split())[:500]

"""How Parquet in a store becomes a view: by DuckDB's own reader, or by Arrow's where DuckDB cannot reach S3."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa

from tracegen.catalog.connection import Connection, literal, one_line
from tracegen.errors import StoreError, boundary
from tracegen.protocols import Store
from tracegen.store import S3Access, S3Store, SubStore, glob_uri
from tracegen.store.arrow import s3_files

logger = logging.getLogger(__name__)


class View(NamedTuple):
    """A name for the rows of some of a store's objects."""

    name: str
    patterns: Sequence[str]
    """Keys; a pattern is followed as objects come."""
    schema: pa.Schema
    """What it has where there is no object yet."""
    verdict_sets: bool = False
    """With a column ``verdict_set``, which the ledger keeps in the object's name."""


Attach = Callable[[Store, View, Sequence[str]], None]
"""Makes a view; it is told the keys of the objects that are there."""


def create(connection: Connection, store: Store, view: View, attach: Attach) -> int:
    """The view, and of how many objects it is now."""
    keys = [key for pattern in view.patterns for key in _keys(store, pattern)]
    if not keys:
        # A glob that meets nothing is an error to DuckDB, but a run that has only begun is none.
        connection.register(view.name, view.schema.empty_table())
        return 0
    with boundary(StoreError, f"cannot read {store.uri}/{view.patterns[0]}"):
        attach(store, view, keys)
    return len(keys)


def _keys(store: Store, pattern: str) -> list[str]:
    start, _, _ = pattern.partition("*")
    return [found.key for found in store.list(start) if found.key.endswith(".parquet")]


def attaching(connection: Connection, store: Store) -> Attach:
    """How this store's Parquet gets into views; other stores of the same kind are reached in the same way."""
    below = store.store if isinstance(store, SubStore) else store
    if isinstance(below, S3Store):
        access = below.access.resolved()
        if not load_httpfs(connection):
            return partial(_by_arrow, connection, s3_files(access))
        connection.execute(_secret(access))
    return partial(_by_glob, connection)


def _by_glob(connection: Connection, store: Store, view: View, keys: Sequence[str]) -> None:
    del keys  # the glob finds them, and those that are yet to come
    files = ", ".join(literal(glob_uri(store, pattern)) for pattern in view.patterns)
    # A folder named a=b on the way to the store is no column.
    rows = f"read_parquet([{files}], hive_partitioning = false"
    columns = "* FROM " + rows + ")"
    if view.verdict_sets:
        verdict_set = r"regexp_extract(filename, 'verdicts/([^/]+)/[^/]+$', 1) AS verdict_set"
        columns = f"* EXCLUDE (filename), {verdict_set} FROM {rows}, filename = true)"
    # A view takes no parameters: names are ours, and the one value is quoted.
    connection.execute(f'CREATE VIEW "{view.name}" AS SELECT {columns}')


def _by_arrow(connection: Connection, files: Any, store: Store, view: View, keys: Sequence[str]) -> None:
    from pyarrow import dataset

    under = store.uri.removeprefix("s3://")
    options: dict[str, Any] = {}
    if view.verdict_sets:
        sets = dataset.DirectoryPartitioning(pa.schema([view.schema.field("verdict_set")]))
        options = {"partitioning": sets, "partition_base_dir": f"{under}/ledger/verdicts"}
    paths = [f"{under}/{key}" for key in keys]
    connection.register(view.name, dataset.dataset(paths, format="parquet", filesystem=files, **options))


def load_httpfs(connection: Connection) -> bool:
    """DuckDB's S3 reader: from its PyPI package, which works offline, else as DuckDB gets it. False: not to be had."""
    try:
        if file := _packaged_httpfs():
            connection.execute(f"LOAD {literal(str(file))}")
        else:
            connection.execute("INSTALL httpfs")
            connection.execute("LOAD httpfs")
    except duckdb.Error as error:
        logger.info("DuckDB reads S3 through Arrow, as it has no httpfs: %s", one_line(error))
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
    given = [f"{name} {literal(value)}" for name, value in options.items() if value]
    ssl = ["USE_SSL false"] if endpoint.scheme == "http" else []
    return f"CREATE OR REPLACE SECRET store ({', '.join(['TYPE s3', *given, *ssl])})"

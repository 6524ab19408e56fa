"""A DuckDB connection as the catalog opens it, and one statement over it. Which views it has is ``views.py``."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from tracegen.errors import Interrupted, StoreError, UserError

Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]


def connect(threads: int | None = None, memory_bytes: int | None = None) -> Connection:
    """A connection without a view. It fetches nothing from anywhere on its own."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "temp_directory": tempfile.gettempdir(),
    }
    given = {"threads": threads, "memory_limit": f"{memory_bytes}B" if memory_bytes else None}
    connection = duckdb.connect(config=settings | {name: str(value) for name, value in given.items() if value})
    # A corpus of a hundred files has 9 MB of footers: read once, not for each statement (docs/benchmarks/corpus.md).
    connection.execute("SET parquet_metadata_cache = true")
    return connection


def ask(connection: Connection, sql: str, values: Mapping[str, object] | None = None) -> Answer:
    """One SQL statement, with values for its ``$names``. Raises UserError for what DuckDB does not understand,
    StoreError for what cannot be read, Interrupted."""
    try:
        connection.execute(sql, values or None)
        columns = tuple(column[0] for column in connection.description or ())
        return Answer(columns, connection.fetchall() if columns else [])
    except duckdb.InterruptException as error:
        raise Interrupted("the query was interrupted") from error
    except duckdb.IOException as error:
        raise StoreError(f"query failed: {one_line(error)}") from error
    except duckdb.Error as error:
        hint = _views_there(connection) if isinstance(error, duckdb.CatalogException) else ""
        raise UserError(f"query refused: {one_line(error)}", hint=hint) from None


def _views_there(connection: Connection) -> str:
    found = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY view_oid").fetchall()
    return f"there is: {', '.join(name for (name,) in found)}"


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def one_line(error: BaseException) -> str:
    """DuckDB's words without its picture of the statement, and without its guess at a table, which knows only its own."""
    told = str(error).split("\n\nLINE")[0].split('\nDid you mean "pg_')[0]
    return " ".join(told.split())[:500]

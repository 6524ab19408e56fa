"""The SQL in the documentation, as it is written there, over a small corpus: in a folder, and on S3."""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.filled import SET, accepted, fill, recipe
from tests.servers.seaweed import S3Server
from tracegen.catalog import named_queries
from tracegen.corpus.build import BuiltCorpus, build
from tracegen.store import SubStore, open_store

ROOT = Path(__file__).parents[2]
QUERIES = ROOT / "docs" / "queries.md"
LOCAL = "runs/RUN/corpus/VERSION"


def blocks(page: Path) -> list[str]:
    return re.findall(r"```sql\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def built(uri: str, base: Path) -> BuiltCorpus:
    store, of = SubStore(open_store(uri), "r-1"), recipe()
    fill(store, base, of, accepted)
    return build(store, of, SET, "r-1")


def answers(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[list[tuple[object, ...]]]:
    for statement in filter(None, map(str.strip, sql.split(";"))):
        yield connection.execute(statement).fetchall()


def test_the_plain_glob_in_a_folder(tmp_path: Path) -> None:
    corpus = built(str(tmp_path), tmp_path)
    local = [sql.replace(LOCAL, corpus.path) for sql in blocks(QUERIES) if LOCAL in sql]
    assert len(local) == 2
    with duckdb.connect() as connection:
        [mix] = answers(connection, local[0])
        assert [row[:2] for row in mix] == [("logic", 20), ("math", 20)]
        *_, longest, waits = answers(connection, local[1])
    assert len(longest) == 5
    assert waits == [(0,)]


@pytest.mark.s3
@pytest.mark.parametrize("page", ["README.md", "docs/queries.md"])
def test_the_plain_glob_on_s3(
    tmp_path: Path, s3_server: S3Server, s3_uri: str, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    package = pytest.importorskip("duckdb_extension_httpfs")
    file = Path(package.__file__).parent / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    for name, value in s3_server.env.items():
        monkeypatch.setenv(name, value)
    corpus = built(s3_uri, tmp_path)
    [sql] = [sql for sql in blocks(ROOT / page) if "s3://" in sql]
    for written, meant in (
        ("INSTALL httpfs; LOAD httpfs", f"LOAD '{file}'"),
        ("host:8333", s3_server.endpoint.removeprefix("http://")),
        ("s3://bucket/prefix/RUN/corpus/VERSION", corpus.path),
    ):
        sql = sql.replace(written, meant)
    sql = re.sub(
        r"KEY_ID '.*?', SECRET '.*?'", f"KEY_ID '{s3_server.access_key}', SECRET '{s3_server.secret_key}'", sql
    )
    offline = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    with duckdb.connect(config=offline) as connection:
        if "LOAD" not in sql:
            connection.execute(f"LOAD '{file}'")  # DuckDB loads it by itself where it can download it
        *_, counts = answers(connection, sql)
    assert sorted(counts) == [("logic", 20), ("math", 20)]


def test_the_page_names_each_query() -> None:
    named = re.findall(r"^\| `([a-z-]+)` \|", QUERIES.read_text(encoding="utf-8"), re.MULTILINE)
    assert {one.name for one in named_queries()} <= set(named)

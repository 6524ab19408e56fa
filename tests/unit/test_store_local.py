"""LocalStore beyond the contract, opening stores, and globs that DuckDB reads."""

import os
import threading
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracegen.errors import PromptError, StoreError, StoreUnavailable
from tracegen.store import LocalStore, MemoryStore, SubStore, glob_uri, open_store, open_uri, preflight, read_uri


def test_temporaries_lie_where_no_glob_looks(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a/x.parquet", b"1")
    store.put_if_absent("a/y.parquet", b"1")
    assert sorted(path.name for path in tmp_path.glob("*") if path.name != ".tmp") == ["a"]
    assert list((tmp_path / ".tmp").iterdir()) == []


def test_leftovers_of_dead_writers_are_swept_after_an_hour(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("k", b"")
    old, young = tmp_path / ".tmp/old", tmp_path / ".tmp/young"
    for leftover, age_s in ((old, 4000), (young, 3000)):
        leftover.write_bytes(b"half")
        os.utime(leftover, (time.time() - age_s,) * 2)
    preflight(store)
    assert (old.exists(), young.exists()) == (False, True)
    assert [found.key for found in store.list("")] == ["k"]


def test_what_only_begins_a_prefix_is_not_listed_under_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for key in ("ledger/a", "ledger/ab.1", "ledger/ab/c", "led"):
        store.put(key, b"")
    assert [found.key for found in store.list("ledger/ab")] == ["ledger/ab.1", "ledger/ab/c"]
    assert [found.key for found in store.list("ledg")] == ["ledger/a", "ledger/ab.1", "ledger/ab/c"]


def test_preflight_does_not_even_leave_folders(tmp_path: Path) -> None:
    preflight(open_store(str(tmp_path / "new/deep")))
    assert list(tmp_path.iterdir()) == []


def test_preflight_refuses_what_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in ("file", "file/below"):
        with pytest.raises(StoreUnavailable, match=r"file is not a folder"):
            preflight(open_store(str(tmp_path / path)))


def test_preflight_refuses_a_folder_that_cannot_be_written() -> None:
    with pytest.raises(StoreUnavailable, match=r"cannot write /proc/tracegen: .*Errno") as caught:
        preflight(open_store("/proc/tracegen"))
    assert "\n" not in str(caught.value)


def test_a_failed_write_is_an_error_with_a_name(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a", b"")
    with pytest.raises(StoreError, match=r"cannot write .*a/b"):
        store.put("a/b", b"")


def test_a_glob_sees_only_whole_files_while_they_are_written(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "odd [name]?")
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"n": list(range(2000))}), sink)
    data = bytes(sink.getvalue())
    store.put_if_absent("t/first.parquet", data)
    done = threading.Event()

    def write() -> None:
        for number in range(60):
            store.put_if_absent(f"t/{number}.parquet", data)
            store.put("t/first.parquet", data)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    files = f"read_parquet('{glob_uri(store, 't/**/*.parquet')}', filename=true)"
    query = f"SELECT count(*), count(DISTINCT filename) FROM {files}"
    seen = []
    while not done.is_set():
        seen.append(duckdb.sql(query).fetchone())
    writer.join()
    assert all(rows == 2000 * count for rows, count in seen)
    assert duckdb.sql(query).fetchone() == (2000 * 61, 61)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("runs", f"{Path.cwd()}/runs"),
        ("/data/../x", "/x"),
        ("file:///a%20b", "/a b"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("memory://m", "memory://m"),
    ],
)
def test_open_store(uri: str, expected: str) -> None:
    assert open_store(uri, env={}).uri == expected


@pytest.mark.parametrize("uri", ["", "gs://bucket", "s3://", "s3://b//x", "s3://b/../x", "http://x/y"])
def test_open_store_refuses(uri: str) -> None:
    with pytest.raises(StoreUnavailable, match="not a store"):
        open_store(uri, env={})


def test_a_memory_store_is_one_per_name() -> None:
    assert open_store("memory://same") is open_store("memory://same")
    assert open_store("memory://same") is not open_store("memory://other")


def test_globs() -> None:
    s3 = open_store("s3://bucket/p", env={})
    assert glob_uri(SubStore(s3, "run"), "ledger/*.parquet") == "s3://bucket/p/run/ledger/*.parquet"
    with pytest.raises(StoreUnavailable, match="cannot be read by DuckDB"):
        glob_uri(MemoryStore(), "*")


def test_files_are_read_by_uri(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_bytes(b"{}\n")
    assert read_uri(str(path)) == read_uri(path.as_uri()) == b"{}\n"
    with pytest.raises(PromptError, match=r"no such file: .*nothing"):
        open_uri(str(tmp_path / "nothing"))
    with pytest.raises(PromptError, match="Is a directory"):
        open_uri(str(tmp_path))
    with pytest.raises(PromptError, match="cannot read gs://x/y"):
        open_uri("gs://x/y")

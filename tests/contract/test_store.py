"""What every store promises, on every store."""

import pickle
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tracegen.protocols import Store
from tracegen.store import LocalStore, MemoryStore, SubStore, free_bytes, open_store, preflight


@pytest.fixture(params=["local", "memory", "substore", pytest.param("s3", marks=pytest.mark.s3)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    match request.param:
        case "local":
            yield open_store(str(tmp_path / "store"))
        case "memory":
            yield open_store(f"memory://{uuid.uuid4().hex}")
        case "substore":
            yield SubStore(LocalStore(tmp_path), "runs/one")
        case _:
            server = request.getfixturevalue("s3_server")
            yield open_store(request.getfixturevalue("s3_uri"), env=server.env)


def keys(store: Store, prefix: str = "") -> list[str]:
    return [found.key for found in store.list(prefix)]


def test_what_was_put_is_read_and_listed(store: Store) -> None:
    store.put("a/b.bin", b"\0\xff" * 10)
    assert store.get("a/b.bin") == b"\0\xff" * 10
    assert [(found.key, found.size_bytes) for found in store.list("")] == [("a/b.bin", 20)]


def test_put_overwrites(store: Store) -> None:
    store.put("k", b"one")
    store.put("k", b"three")
    assert store.get("k") == b"three"


def test_an_absent_object_is_a_key_error(store: Store) -> None:
    with pytest.raises(KeyError, match="nothing/here"):
        store.get("nothing/here")
    store.put("folder/x", b"")
    with pytest.raises(KeyError):
        store.get("folder")


def test_put_if_absent_lets_the_first_win(store: Store) -> None:
    assert store.put_if_absent("k", b"first") is True
    assert store.put_if_absent("k", b"second") is False
    assert store.get("k") == b"first"
    store.delete("k")
    assert store.put_if_absent("k", b"third") is True


def test_of_many_writers_at_once_one_wins(store: Store) -> None:
    with ThreadPoolExecutor(6) as pool:
        for key in ("a", "b"):
            won = list(pool.map(lambda n, key=key: store.put_if_absent(key, str(n).encode()), range(6)))
            assert won.count(True) == 1
            assert store.get(key) == str(won.index(True)).encode()


def test_list_is_in_key_order_and_by_prefix(store: Store) -> None:
    names = ["a/z", "a-b", "a/b/c", "a.b", "ab", "a/b-c", "b/a"]
    for name in names:
        store.put(name, b"")
    assert keys(store) == sorted(names)
    assert keys(store, "a/") == ["a/b-c", "a/b/c", "a/z"]
    assert keys(store, "a/b") == ["a/b-c", "a/b/c"]
    assert keys(store, "a/b/") == ["a/b/c"]
    assert keys(store, "c") == keys(store, "c/d/") == keys(store, "a/z/") == []


def test_delete_is_idempotent(store: Store) -> None:
    store.put("a/b", b"")
    store.delete("a/b")
    store.delete("a/b")
    store.delete("never/was")
    assert keys(store) == []


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", "./a", ".tmp/a", "a/.b", "a\nb", "a\\b"])
def test_keys_that_some_store_cannot_hold_are_refused_by_all(store: Store, key: str) -> None:
    for verb in (store.get, store.delete, lambda key: store.put(key, b""), lambda key: store.put_if_absent(key, b"")):
        with pytest.raises(ValueError, match="not a key"):
            verb(key)


def test_preflight_leaves_nothing(store: Store) -> None:
    preflight(store)
    assert keys(store) == []
    store.put("a", b"1")
    preflight(store)
    assert keys(store) == ["a"]


def test_a_store_travels_to_other_processes(store: Store) -> None:
    if isinstance(store, MemoryStore):
        with pytest.raises(TypeError, match="one process"):
            pickle.dumps(store)
        return
    store.put("k", b"v")
    assert pickle.loads(pickle.dumps(store)).get("k") == b"v"


def test_free_space_is_known_for_folders_only(store: Store) -> None:
    free = free_bytes(store)
    local = isinstance(store, LocalStore | SubStore)
    assert (free is not None and free > 0) == local


def test_many_objects_are_listed_over_several_pages(store: Store) -> None:
    names = [f"n/{number:04d}" for number in range(1005 if store.uri.startswith("s3:") else 50)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: store.put(name, b""), names))
    assert keys(store, "n/") == names

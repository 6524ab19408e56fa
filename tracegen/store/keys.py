"""Keys of objects, and a store that is a folder of another one. No input or output of its own."""

import re
from collections.abc import Iterator

from tracegen.protocols import Store, StoredObject

_SEGMENT = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*")


def check_key(key: str) -> str:
    """The key, if every store can hold it. Hidden segments are kept for the stores' own use."""
    if not all(_SEGMENT.fullmatch(segment) for segment in key.split("/")):
        msg = f"not a key: {key!r} (relative, '/'-separated, no empty or hidden segment)"
        raise ValueError(msg)
    return key


class SubStore:
    """A store that shows only what lies under one prefix of another."""

    def __init__(self, store: Store, prefix: str) -> None:
        self.store = store
        self.prefix = check_key(prefix)
        self.uri = f"{store.uri}/{prefix}"

    def get(self, key: str) -> bytes:
        return self.store.get(self._key(key))

    def put(self, key: str, data: bytes) -> None:
        self.store.put(self._key(key), data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        return self.store.put_if_absent(self._key(key), data)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        skip = len(self.prefix) + 1
        for found in self.store.list(f"{self.prefix}/{prefix}"):
            yield StoredObject(found.key[skip:], found.size_bytes)

    def delete(self, key: str) -> None:
        self.store.delete(self._key(key))

    def __repr__(self) -> str:
        return f"SubStore({self.uri!r})"

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{check_key(key)}"

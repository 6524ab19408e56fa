"""A store in the memory of one process: a double for tests and rehearsals. It cannot be sent to another process."""

from collections.abc import Iterator
from threading import Lock
from typing import NoReturn

from tracegen.protocols import StoredObject
from tracegen.store.keys import check_key

_named: dict[str, "MemoryStore"] = {}
_naming = Lock()


class MemoryStore:
    """Objects in a dictionary, safe for threads."""

    def __init__(self, name: str = "") -> None:
        self.uri = f"memory://{name}"
        self._objects: dict[str, bytes] = {}
        self._lock = Lock()

    @staticmethod
    def named(name: str) -> "MemoryStore":
        """The process's one store of that name."""
        with _naming:
            return _named.setdefault(name, MemoryStore(name))

    def get(self, key: str) -> bytes:
        return self._objects[check_key(key)]

    def put(self, key: str, data: bytes) -> None:
        with self._lock:
            self._objects[check_key(key)] = bytes(data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        with self._lock:
            if check_key(key) in self._objects:
                return False
            self._objects[key] = bytes(data)
            return True

    def list(self, prefix: str) -> Iterator[StoredObject]:
        with self._lock:
            found = sorted((key, len(data)) for key, data in self._objects.items() if key.startswith(prefix))
        for key, size_bytes in found:
            yield StoredObject(key, size_bytes)

    def delete(self, key: str) -> None:
        with self._lock:
            self._objects.pop(check_key(key), None)

    def __reduce__(self) -> NoReturn:
        msg = "a memory:// store lives in one process; use a folder or s3://"
        raise TypeError(msg)

    def __repr__(self) -> str:
        return f"MemoryStore({self.uri!r})"

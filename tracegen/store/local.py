"""A store in a local folder. Whole or absent by rename and link; durable by fsync; not for writers on many machines."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from tracegen.errors import StoreError, StoreUnavailable, boundary
from tracegen.protocols import StoredObject
from tracegen.store.keys import check_key

TEMPORARY = ".tmp"
"""Folder under the root where objects are written before they get their name: no plain glob looks into it."""

_LEFTOVER_S = 3600.0
_TRIES = 3  # another process may remove an empty folder (leaving_no_folders) just after we made sure of it
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class LocalStore:
    """Objects as files under ``root``, which is made when first written to."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))  # noqa: PTH100  # resolve() would replace a symlink the user chose
        self.uri = str(self.root)

    def get(self, key: str) -> bytes:
        path = self._path(key)
        with boundary(StoreError, f"cannot read {path}"), suppress(*_ABSENT):
            return path.read_bytes()
        raise KeyError(key)

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with boundary(StoreError, f"cannot write {path}"):
            self._place(path, data, _replace)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        path = self._path(key)
        with boundary(StoreError, f"cannot write {path}"):
            return not path.exists() and self._place(path, data, _link)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        folder, slash, start = prefix.rpartition("/")
        with boundary(StoreError, f"cannot list {self.root / prefix}"):
            yield from _walk(self.root / folder, folder + slash, start)

    def delete(self, key: str) -> None:
        path = self._path(key)
        with boundary(StoreError, f"cannot delete {path}"), suppress(*_ABSENT):
            path.unlink()

    def free_bytes(self) -> int:
        """Space left for an unprivileged writer."""
        with boundary(StoreError, f"cannot look at {self.root}"):
            return shutil.disk_usage(self._nearest_existing()).free

    def sweep(self) -> None:
        """Remove what writers that died left behind: temporaries older than an hour, by the file system's own clock."""
        with boundary(StoreError, f"cannot sweep {self.root / TEMPORARY}"), self._written(b"") as clock:
            oldest = clock.stat().st_mtime - _LEFTOVER_S
            for leftover in clock.parent.iterdir():
                with suppress(FileNotFoundError):
                    if leftover.stat().st_mtime < oldest:
                        leftover.unlink()

    @contextmanager
    def leaving_no_folders(self) -> Iterator[None]:
        """Afterwards, folders that were not there before and are empty are gone again."""
        nearest = self._nearest_existing()
        if not nearest.is_dir():
            raise StoreUnavailable(f"{nearest} is not a folder", hint="name a folder for the store")
        chain = [self.root / TEMPORARY, self.root, *self.root.parents]
        missing = [folder for folder in chain if not folder.exists()]
        try:
            yield
        finally:
            for folder in missing:
                with suppress(OSError):
                    folder.rmdir()

    def __repr__(self) -> str:
        return f"LocalStore({self.uri!r})"

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _nearest_existing(self) -> Path:
        return next((folder for folder in (self.root, *self.root.parents) if folder.exists()), Path("/"))

    def _place(self, path: Path, data: bytes, give_name: Callable[[Path, Path], bool]) -> bool:
        for _ in range(_TRIES - 1):
            with suppress(FileNotFoundError):
                return self._place_once(path, data, give_name)
        return self._place_once(path, data, give_name)

    def _place_once(self, path: Path, data: bytes, give_name: Callable[[Path, Path], bool]) -> bool:
        with self._written(data) as temporary:
            _make_folder(path.parent)
            won = give_name(temporary, path)
            _sync(path.parent)
            return won

    @contextmanager
    def _written(self, data: bytes) -> Iterator[Path]:
        """The data in a durable file of no name of ours yet; gone afterwards if nobody renamed it."""
        folder = self.root / TEMPORARY
        _make_folder(folder)
        temporary = folder / uuid4().hex
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


def _replace(temporary: Path, path: Path) -> bool:
    temporary.replace(path)
    return True


def _link(temporary: Path, path: Path) -> bool:
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        # A network file system may repeat a link whose answer was lost; the link count tells that it was ours.
        return temporary.stat().st_nlink > 1
    return True


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _walk(folder: Path, stem: str, start: str = "") -> Iterator[StoredObject]:
    """Objects in the order of their keys: a folder sorts as its name with the slash. ``start``: what names begin with.

    Names are looked at before anything else: a folder of settled shards is listed for one of them at a time.
    """
    try:
        with os.scandir(folder) as entries:
            named = [entry for entry in entries if entry.name.startswith(start) and not entry.name.startswith(".")]
            found = sorted((f"{entry.name}/" if entry.is_dir() else entry.name, entry) for entry in named)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, entry in found:
        if name.endswith("/"):
            yield from _walk(folder / entry.name, stem + name)
        else:
            with suppress(FileNotFoundError):
                yield StoredObject(stem + name, entry.stat().st_size)

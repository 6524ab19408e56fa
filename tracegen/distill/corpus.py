"""Finds a corpus, as it lies in its store, for a trainer that reads local Parquet. It reads no row."""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tracegen.catalog import newest_corpus
from tracegen.corpus.manifest import CorpusFile, CorpusManifest, read_manifest
from tracegen.engines.models import cache_folder
from tracegen.errors import StoreError, UserError, boundary
from tracegen.protocols import Store
from tracegen.store import LocalStore, S3Store, open_store

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Corpus:
    """One version of a corpus, its files on this machine."""

    uri: str
    manifest: CorpusManifest
    digest: str
    """SHA-256 of the manifest, which names every file with its own: the same digest is the same bytes."""
    files: tuple[Path, ...]


def corpora(environ: Mapping[str, str]) -> Path:
    """Where corpora from S3 are kept, beside the converted models."""
    return cache_folder(environ).parent / "corpora"


def corpus_at(uri: str, cache: Path) -> Corpus:
    """The corpus in a folder or under ``s3://``; of a run, its newest. From S3 its files come into ``cache`` first.

    Raises UserError when there is none, or when a file differs from what its manifest says.
    """
    store = open_store(uri.removesuffix("/").removesuffix("/train-*.parquet"))
    prefix = _prefix(store)
    manifest = read_manifest(store, prefix + MANIFEST)
    if not manifest.rows:
        raise UserError(f"the corpus {store.uri}/{prefix} has no rows", hint="name a corpus with accepted traces")
    digest = hashlib.sha256(store.get(prefix + MANIFEST)).hexdigest()
    if isinstance(store, LocalStore):
        files = tuple(_whole(store.root / prefix / entry.name, entry) for entry in manifest.files)
    else:
        folder = cache / f"{manifest.version}-{digest[:12]}"
        files = tuple(_fetched(store, prefix, entry, folder) for entry in manifest.files)
    return Corpus(f"{store.uri}/{prefix}".rstrip("/"), manifest, digest, files)


def _prefix(store: Store) -> str:
    """Where in the store the corpus is: at its root, or in the folder of its newest version."""
    with suppress(KeyError):
        store.get(MANIFEST)
        return ""
    newest = newest_corpus(store)
    if newest is None:
        raise UserError(
            f"no corpus at {store.uri}: no {MANIFEST} in it",
            hint="name the folder that `tracegen run` printed behind 'corpus', or the folder of its run",
        )
    return f"corpus/{newest.version}/"


def _whole(path: Path, entry: CorpusFile) -> Path:
    size_bytes = path.stat().st_size if path.is_file() else None
    if size_bytes != entry.size_bytes:
        found = "missing" if size_bytes is None else f"{size_bytes:,} bytes"
        raise UserError(
            f"{path} is {found}, and its manifest says {entry.size_bytes:,} bytes", hint="copy the corpus again, whole"
        )
    return path


def _fetched(store: Store, prefix: str, entry: CorpusFile, folder: Path) -> Path:
    """A copy of one file, whole; one that is there already is not fetched again."""
    path = folder / entry.name
    if path.is_file() and path.stat().st_size == entry.size_bytes:
        return path
    with boundary(StoreError, f"cannot write {path}"):
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{entry.name}-{os.getpid()}")
        try:
            _download(store, prefix + entry.name, unfinished)
            if _sha256(unfinished) != entry.sha256:
                raise UserError(f"{store.uri}/{prefix}{entry.name} differs from its manifest", hint="build it again")
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return path


def _download(store: Store, key: str, path: Path) -> None:
    try:
        with path.open("wb") as file:
            if isinstance(store, S3Store):
                store.download(key, file)
            else:
                file.write(store.get(key))
    except KeyError:
        raise UserError(f"{store.uri}/{key} is missing", hint="the manifest names it: build the corpus again") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

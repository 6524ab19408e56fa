"""From a URI, as a person writes it, to a store or to a file to read. It makes no calls before the first verb."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast
from urllib.parse import unquote

from tracegen.errors import PromptError, StoreError, StoreUnavailable, first_line
from tracegen.protocols import Store
from tracegen.store.keys import check_key
from tracegen.store.local import LocalStore
from tracegen.store.memory import MemoryStore
from tracegen.store.s3 import S3Access, S3Store

_SPOOL_BYTES = 64 * 1024**2
_PATIENCE_S = 10.0
_TIMEOUT_S = 30.0


def open_store(uri: str, *, env: Mapping[str, str] = os.environ) -> Store:
    """The store behind a folder, ``file://``, ``s3://bucket/prefix`` or ``memory://name``."""
    scheme, rest = split_uri(uri)
    match scheme:
        case "file" if rest:
            return LocalStore(Path(rest).expanduser())
        case "s3":
            bucket, prefix = _split_s3(uri, rest)
            return S3Store(bucket, prefix, S3Access.from_env(env))
        case "memory":
            return MemoryStore.named(rest)
        case _:
            raise StoreUnavailable(f"not a store: {uri!r}", hint="name a folder, or s3://bucket/prefix")


def open_uri(uri: str, *, env: Mapping[str, str] = os.environ) -> BinaryIO:
    """A file to read, local or on S3 (fetched whole: in memory while small, else in a temporary file)."""
    scheme, rest = split_uri(uri)
    if scheme == "s3":
        return _fetch(uri, rest, env)
    if scheme != "file":
        raise PromptError(f"cannot read {uri}", hint="name a file, or s3://bucket/key")
    try:
        return Path(rest).expanduser().open("rb")
    except FileNotFoundError:
        raise PromptError(f"no such file: {uri}", hint="paths in a recipe are relative to the recipe") from None
    except OSError as error:
        raise PromptError(f"cannot read {uri}: {error.strerror or first_line(error)}") from error


def read_uri(uri: str, *, env: Mapping[str, str] = os.environ) -> bytes:
    """All of a file, local or on S3."""
    with open_uri(uri, env=env) as file:
        return file.read()


def split_uri(uri: str) -> tuple[str, str]:
    """Scheme and the rest; a plain path has the scheme ``file``."""
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return "file", uri.removeprefix("file:")
    return scheme.lower(), unquote(rest) if scheme.lower() == "file" else rest


def _split_s3(uri: str, rest: str) -> tuple[str, str]:
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.rstrip("/")
    try:
        return check_key(bucket), check_key(prefix) if prefix else ""
    except ValueError as error:
        raise StoreUnavailable(f"not a store: {uri!r}", hint="write s3://bucket/prefix") from error


def _fetch(uri: str, rest: str, env: Mapping[str, str]) -> BinaryIO:
    bucket, _, key = rest.partition("/")
    body = cast(BinaryIO, SpooledTemporaryFile(max_size=_SPOOL_BYTES))  # noqa: SIM115  # the caller's to close
    try:
        S3Store(bucket, "", S3Access.from_env(env)).hurried(_PATIENCE_S, _TIMEOUT_S).download(key, body)
    except (KeyError, ValueError):
        body.close()
        raise PromptError(f"no such object: {uri}") from None
    except StoreError as error:
        body.close()
        raise PromptError(error.message, hint=error.hint) from error
    body.seek(0)
    return body

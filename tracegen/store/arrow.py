"""Files as Arrow reads them: the same calls for a folder and for S3, column by column, without a copy on disk."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracegen.errors import StoreUnavailable
from tracegen.store.opening import split_uri
from tracegen.store.s3 import S3Access


def arrow_files(uri: str, *, env: Mapping[str, str] = os.environ) -> tuple[Any, str]:
    """A ``pyarrow.fs.FileSystem`` and the path in it. Raises StoreUnavailable for a scheme that is neither."""
    from pyarrow import fs

    scheme, rest = split_uri(uri)
    if scheme == "file":
        return fs.LocalFileSystem(), str(Path(rest).expanduser())
    if scheme != "s3":
        raise StoreUnavailable(f"cannot read {uri}", hint="name a file or a folder, or s3://bucket/key")
    return s3_files(S3Access.from_env(env).resolved()), rest.rstrip("/")


def s3_files(access: S3Access) -> Any:
    """S3 as a ``pyarrow.fs.FileSystem``."""
    from pyarrow import fs

    return fs.S3FileSystem(
        access_key=access.access_key,
        secret_key=access.secret_key,
        session_token=access.session_token,
        region=access.region,
        endpoint_override=access.endpoint_url,
    )

"""A store in an S3 bucket, or behind any endpoint that speaks S3 and honours conditional writes."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, BinaryIO, TypeVar
from uuid import uuid4

from tenacity import Retrying, retry_if_exception, stop_before_delay, wait_random_exponential

from tracegen.protocols import StoredObject
from tracegen.store.keys import check_key
from tracegen.store.s3_errors import is_absent, is_transient, lost_race, named

T = TypeVar("T")

_PART_BYTES = 1024**2
_TOKEN = "writer"  # noqa: S105  # name of the metadata field that tells whose write an object is


@dataclass(frozen=True, slots=True)
class S3Access:
    """How to reach S3. What is None comes from boto3's standard chain in the process that makes the call."""

    endpoint_url: str | None = None
    region: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "S3Access":
        """Keys found in the environment travel with the store, so that a run's other machines use them too."""
        key, secret = env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY")
        return cls(
            endpoint_url=env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL") or None,
            region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or None,
            access_key=key if key and secret else None,
            secret_key=secret if key and secret else None,
            session_token=env.get("AWS_SESSION_TOKEN") if key and secret else None,
        )

    def resolved(self) -> "S3Access":
        """The same with keys from the standard chain, for other readers, as DuckDB."""
        with named("credentials"):
            found = _session(self).get_credentials()
        if found is None:
            return self
        keys = found.get_frozen_credentials()
        return S3Access(self.endpoint_url, self.region, keys.access_key, keys.secret_key, keys.token)


class S3Store:
    """Objects under a prefix of a bucket. Picklable: the client belongs to the process, not to the store."""

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        access: S3Access = S3Access(),
        *,
        patience_s: float = 60.0,
        timeout_s: float = 30.0,
    ) -> None:
        """``patience_s`` bounds retries of one verb, ``timeout_s`` one wait for the server's answer.

        Servers may keep the losers of a contended conditional write waiting for seconds (SeaweedFS: 3-4 s).
        """
        self.bucket = bucket
        self.prefix = check_key(prefix) if prefix else ""
        self.access = access
        self.patience_s = patience_s
        self.timeout_s = timeout_s
        self.uri = f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"

    def hurried(self, patience_s: float, timeout_s: float) -> "S3Store":
        """The same store, giving up earlier."""
        return S3Store(self.bucket, self.prefix, self.access, patience_s=patience_s, timeout_s=timeout_s)

    def get(self, key: str) -> bytes:
        full = self._key(key)
        with named(f"cannot read {self.uri}/{key}{self._at}"):
            found = self._tried(lambda: self._get(full))
        if found is None:
            raise KeyError(key)
        return found

    def put(self, key: str, data: bytes) -> None:
        full = self._key(key)
        with named(f"cannot write {self.uri}/{key}{self._at}"):
            self._tried(lambda: self._client.put_object(Bucket=self.bucket, Key=full, Body=data))

    def put_if_absent(self, key: str, data: bytes) -> bool:
        full, token = self._key(key), uuid4().hex
        with named(f"cannot write {self.uri}/{key}{self._at}"):
            return self._tried(lambda: self._create(full, data, token))

    def list(self, prefix: str) -> Iterator[StoredObject]:
        # S3 lists in the order of keys; servers built on folders (SeaweedFS) do not.
        return iter(sorted(self._listed(prefix), key=lambda found: found.key))

    def delete(self, key: str) -> None:
        full = self._key(key)
        with named(f"cannot delete {self.uri}/{key}{self._at}"):
            self._tried(lambda: self._client.delete_object(Bucket=self.bucket, Key=full))

    def download(self, key: str, file: BinaryIO) -> None:
        """The object into a file, without holding it in memory. Raises KeyError when there is none."""
        full = self._key(key)
        with named(f"cannot read {self.uri}/{key}{self._at}"):
            found = self._tried(lambda: self._download(full, file))
        if not found:
            raise KeyError(key)

    def __repr__(self) -> str:
        return f"S3Store({self.uri!r})"

    def _listed(self, prefix: str) -> Iterator[StoredObject]:
        skip = len(self.prefix) + 1 if self.prefix else 0
        asked: dict[str, str] = {"Bucket": self.bucket, "Prefix": self.prefix + "/" * bool(skip) + prefix}
        while True:
            with named(f"cannot list {self.uri}/{prefix}{self._at}"):
                page = self._tried(lambda: self._client.list_objects_v2(**asked))
            for found in page.get("Contents", ()):
                if not found["Key"].endswith("/"):  # a folder marker of some console
                    yield StoredObject(found["Key"][skip:], found["Size"])
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    @property
    def _at(self) -> str:
        return f" at {self.access.endpoint_url}" if self.access.endpoint_url else ""

    @property
    def _client(self) -> Any:
        return _client(self.access, self.timeout_s, os.getpid())

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{check_key(key)}" if self.prefix else check_key(key)

    def _open(self, full: str) -> Any:
        """The object's body, or None."""
        from botocore.exceptions import ClientError

        try:
            return self._client.get_object(Bucket=self.bucket, Key=full)["Body"]
        except ClientError as error:
            if is_absent(error):
                return None
            raise

    def _get(self, full: str) -> bytes | None:
        body = self._open(full)
        return None if body is None else bytes(body.read())

    def _download(self, full: str, file: BinaryIO) -> bool:
        body = self._open(full)
        if body is None:
            return False
        file.seek(0)
        file.truncate()
        for part in body.iter_chunks(_PART_BYTES):
            file.write(part)
        return True

    def _create(self, full: str, data: bytes, token: str) -> bool:
        """One conditional write. An earlier try of ours may have won unheard, so a lost race is looked into."""
        from botocore.exceptions import ClientError

        try:
            self._client.put_object(Bucket=self.bucket, Key=full, Body=data, IfNoneMatch="*", Metadata={_TOKEN: token})
        except ClientError as error:
            if not lost_race(error):
                raise
            return self._writer(full) == token
        return True

    def _writer(self, full: str) -> str:
        from botocore.exceptions import ClientError

        try:
            return str(self._client.head_object(Bucket=self.bucket, Key=full)["Metadata"].get(_TOKEN, ""))
        except ClientError as error:
            if is_absent(error):
                return ""
            raise

    def _tried(self, call: Callable[[], T]) -> T:
        retrying = Retrying(
            stop=stop_before_delay(self.patience_s),
            wait=wait_random_exponential(multiplier=0.2, max=5),
            retry=retry_if_exception(is_transient),
            reraise=True,
        )
        return retrying(call)


def _session(access: S3Access) -> Any:
    import boto3

    return boto3.session.Session(
        aws_access_key_id=access.access_key,
        aws_secret_access_key=access.secret_key,
        aws_session_token=access.session_token,
        region_name=access.region,
    )


@lru_cache(maxsize=16)
def _client(access: S3Access, timeout_s: float, process: int) -> Any:  # noqa: ARG001  # sockets do not survive a fork
    from botocore.config import Config

    config = Config(
        connect_timeout=min(10.0, timeout_s),
        read_timeout=timeout_s,
        # botocore would repeat a conditional write on its own and report our own win as lost.
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=32,
        s3={"addressing_style": "path" if access.endpoint_url else "auto"},
    )
    return _session(access).client("s3", endpoint_url=access.endpoint_url, config=config)

"""Stores: a local folder, S3, and doubles. What a store promises is ``protocols.Store``."""

from tracegen.store.checks import free_bytes, glob_uri, hurried, lives_in_one_process, preflight
from tracegen.store.keys import SubStore
from tracegen.store.local import LocalStore
from tracegen.store.memory import MemoryStore
from tracegen.store.opening import open_store, open_uri, read_uri
from tracegen.store.s3 import S3Access, S3Store

__all__ = [
    "LocalStore",
    "MemoryStore",
    "S3Access",
    "S3Store",
    "SubStore",
    "free_bytes",
    "glob_uri",
    "hurried",
    "lives_in_one_process",
    "open_store",
    "open_uri",
    "preflight",
    "read_uri",
]

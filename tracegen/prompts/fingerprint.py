"""Whether a prompt source is the same as before: content of its files, or what makes a dataset repeatable."""

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tracegen.errors import PromptError, boundary
from tracegen.prompts.tables import locate, parquet_files
from tracegen.recipe import HubSource, JsonlSource, ParquetSource, PromptSource, ReasoningGymSource, SyntheticSource
from tracegen.store import open_uri

BLOCK_BYTES = 1024**2


def fingerprint(source: PromptSource, base: Path) -> dict[str, str]:
    """File names with the SHA-256 of their content, or the names that stand for it. Raises PromptError."""
    match source:
        case JsonlSource():
            return {source.path: _sha256(locate(source.path, base))}
        case ParquetSource():
            return {uri.rsplit("/", 1)[-1]: _sha256(uri) for uri in parquet_files(source, base)}
        case HubSource():
            return {f"{source.dataset}/{source.config or ''}/{source.split}": source.revision}
        case ReasoningGymSource():
            asked = {"size": source.size, "seed": source.seed, "options": source.options}
            return {source.dataset: json.dumps(asked, sort_keys=True), "reasoning-gym": _version("reasoning-gym")}
        case SyntheticSource():
            return {"arithmetic": f"size {source.size}, seed {source.seed}"}


def _sha256(uri: str) -> str:
    digest = hashlib.sha256()
    with open_uri(uri) as stream, boundary(PromptError, f"cannot read {uri}"):
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"

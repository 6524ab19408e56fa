"""What a corpus says about itself. Written last: a corpus without its manifest is not there yet."""

from collections.abc import Mapping

from pydantic import Field

from tracegen.corpus.schema import CORPUS_SCHEMA
from tracegen.errors import StoreError, boundary
from tracegen.protocols import Store
from tracegen.types import Domain, Value


class CorpusFile(Value):
    """One Parquet file."""

    name: str
    rows: int
    size_bytes: int
    sha256: str


class Yield(Value):
    """What became of the attempts of one domain or source."""

    prompts: int = 0
    """Prompts with at least one attempt."""
    solved: int = 0
    """Prompts with at least one correct trace."""
    attempts: int = 0
    correct: int = 0
    incorrect: int = 0
    undecided: int = 0
    """No verifier could tell."""
    filtered: int = 0
    """A filter left them out before a verifier saw them: undecided, counted apart."""
    unjudged: int = 0
    """Attempts without a verdict in this set."""
    samples: int = 0
    """Correct traces that are in the corpus; the others were more than were wanted."""
    completion_tokens: int = 0
    """Of the samples."""


class CorpusManifest(Value):
    """The whole corpus in numbers. A function of ledger and recipe, as the rows are: it holds no time."""

    format: str = CORPUS_SCHEMA
    version: str
    run_id: str
    recipe_digest: str
    verdict_set: str
    tracegen_version: str
    shards: int
    """Settled shards it was built from; more of them is newer."""
    rows: int
    prompt_tokens: int
    completion_tokens: int
    completion_token_quantiles: Mapping[str, int]
    """Of the samples, as ``p50``; empty when there are none."""
    files: tuple[CorpusFile, ...]
    domains: Mapping[Domain, Yield]
    sources: Mapping[str, Yield]
    licences: Mapping[str, str]
    """By source."""
    origins: Mapping[str, str]
    """Where each source came from, as the recipe gives it."""
    reasons: Mapping[str, int]
    """Verdicts by outcome and reason, as ``incorrect:different``."""
    teachers: tuple[str, ...]
    """Models with revisions, and the engines that ran them, as the samples name them."""
    verifiers: tuple[str, ...] = Field(default=())
    """Verifiers that accepted the samples."""


def read_manifest(store: Store, key: str) -> CorpusManifest:
    """The manifest with that key. Raises KeyError when there is none, StoreError when it is not one of ours."""
    data = store.get(key)
    with boundary(StoreError, f"{store.uri}/{key} is damaged, or of another version of tracegen"):
        return CorpusManifest.model_validate_json(data)

"""What a recipe may say about where prompts come from: closed models, one a kind of source. Reading is ``prompts/``."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from tracegen.recipe_reads import Reads
from tracegen.recipe_sets import filled
from tracegen.types import Domain, Value


class Columns(Value):
    """Which columns of a source hold what."""

    text: str = "prompt"
    answer: str | None = "answer"
    """The reference answer. See ``answer_pattern`` where it is part of a longer text. ``null``: there is none, and
    verdicts are undecided until ``tracegen judge --run RUN --majority`` puts the answers to the vote."""
    reference: str | None = None
    """A whole reference of any kind, as a struct or as JSON text with a ``kind``; takes the place of ``answer``."""
    difficulty: str | None = None
    """Prompts of one source and difficulty share what is learnt about their pass rates."""
    id: str | None = None
    """The row's own id; the row number where there is none."""


class Source(Value):
    """What every prompt source says about itself."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """Recorded with each sample."""
    domain: Domain
    licence: str = "unknown"
    limit: int | None = Field(None, gt=0)
    """Take the first so many rows only."""
    quota: int | None = Field(None, gt=0)
    """Samples wanted from this source; without one it runs through all of its prompts, or until its domain's quota is
    filled."""
    thinking: bool = True
    """Whether the teacher is to think before it answers. R1's pipeline gave simple general prompts no reasoning (arXiv
    2501.12948, 2.3.3): without it, the response begins with ``<think>\\n\\n</think>``, which is how R1 skips it."""


def _unless_a_set_says(schema: dict[str, Any]) -> None:
    """In the published schema: what a set says need not be given."""
    told = [key for key in schema["required"] if key in ("domain", "dataset")]
    schema["required"] = [key for key in schema["required"] if key not in told]
    schema["anyOf"] = [{"required": ["set"]}, {"required": told}]


class TableSource(Source):
    """Rows with a text and an answer column."""

    model_config = ConfigDict(json_schema_extra=_unless_a_set_says)

    set: str | None = None
    """An open prompt set whose mapping ships with tracegen, as ``numinamath-1.5`` (docs/prompts.md): domain, licence,
    dataset, columns and reads are the set's where the recipe does not give them."""
    columns: Columns = Columns()
    reads: Reads = Reads()
    """How a row becomes a prompt, where columns alone do not say it."""
    answer_pattern: str | None = None
    r"""Regular expression whose first group is the answer, as ``#### (.+)$`` for GSM8K; the last match counts."""

    @model_validator(mode="before")
    @classmethod
    def _as_its_set_says(cls, given: Any) -> Any:
        return filled(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _one_way_to_a_reference(self) -> Self:
        if self.answer_pattern is not None and self.columns.answer is None:
            msg = "answer_pattern reads columns.answer, which is null: leave it out"
            raise ValueError(msg)
        if self.columns.reference is not None and self.answer_pattern is not None:
            msg = "answer_pattern reads columns.answer, and columns.reference takes its place: leave one of them out"
            raise ValueError(msg)
        return self


class JsonlSource(TableSource):
    """JSON Lines, optionally gzipped; a path relative to the recipe, or ``s3://``."""

    kind: Literal["jsonl"]
    path: str


class ParquetSource(TableSource):
    """Parquet; a path or glob relative to the recipe, or ``s3://``."""

    kind: Literal["parquet"]
    path: str


class HubSource(TableSource):
    """A dataset of the Hugging Face hub, through ``datasets`` (extra ``hub``)."""

    kind: Literal["hub"]
    dataset: str
    config: str | None = None
    split: str = "train"
    files: str = ""
    """JSON Lines in the dataset's repository, for one that does not load by itself; ``split`` does not count then."""
    revision: str = Field(min_length=1)
    """A commit, so that the run can be repeated."""


class ReasoningGymSource(Source):
    """Problems made by a reasoning-gym dataset and judged by its scorer (extra ``procedural``)."""

    kind: Literal["reasoning_gym"]
    dataset: str
    size: int = Field(gt=0)
    seed: int = Field(0, ge=0)
    options: dict[str, JsonValue] = {}
    """The dataset's own configuration, as ``max_terms``."""
    licence: str = "Apache-2.0"


class SyntheticSource(Source):
    """Seeded arithmetic with answers, for rehearsals: any domain, any size, nothing to install, nothing to train on."""

    kind: Literal["synthetic"]
    size: int = Field(gt=0)
    seed: int = Field(0, ge=0)
    licence: str = "CC0-1.0"


PromptSource = Annotated[
    JsonlSource | ParquetSource | HubSource | ReasoningGymSource | SyntheticSource, Field(discriminator="kind")
]


def contradiction(sources: Sequence[PromptSource], quotas: Mapping[Domain, int]) -> str:
    """Why the quotas of sources and domains cannot all be filled, and what to do; empty where they can."""
    for domain in {source.domain: None for source in sources}:
        ours = [source for source in sources if source.domain is domain]
        asked, free = sum(source.quota or 0 for source in ours), [one.name for one in ours if one.quota is None]
        wanted = quotas.get(domain)
        if not asked or wanted is None:
            continue
        come_to = f"the quotas of {domain}'s sources come to {asked}"
        if asked > wanted:
            return f"{come_to}, more than rejection.quotas.{domain} ({wanted}): lower them, or leave one of the two out"
        if not free and asked < wanted:
            return f"{come_to}, less than rejection.quotas.{domain} ({wanted}): leave rejection.quotas.{domain} out"
        if free and asked == wanted:
            return f"{come_to}, all of rejection.quotas.{domain}: nothing is left for source {free[0]}, which has none"
    return ""

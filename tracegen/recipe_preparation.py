"""What a recipe may say about prompts before a token is spent: what is left out, and from when on. No reading."""

from pydantic import Field

from tracegen.types import Value


class Benchmark(Value):
    """A benchmark that the corpus must not contain: JSON Lines or Parquet, by its ending."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    path: str
    """Relative to the recipe, or ``s3://``; Parquet also as a glob."""
    columns: tuple[str, ...] = Field(("problem",), min_length=1)
    """Whose texts are compared: the question and, where there is one, the reference solution."""


class Decontamination(Value):
    """Which prompts are too near to a benchmark. See ``tracegen/prompts/contamination.py``."""

    against: tuple[Benchmark, ...] = Field(min_length=1)
    ngram: int = Field(10, ge=4)
    """Words in a row. DeepSeek-R1 took 10 (arXiv 2501.12948v2, appendix B), Open-R1 8."""
    min_matches: int = Field(1, ge=1)
    """Different n-grams that must match before a prompt is left out. DeepSeek-R1: any."""
    ignore: tuple[str, ...] = ()
    """Phrases that everybody uses, as a report shows them: their n-grams count for nothing."""


class NearDuplicates(Value):
    """Which prompts are the same problem in other words. See ``tracegen/prompts/near.py``."""

    similarity: float = Field(0.8, gt=0, le=1)
    """Jaccard similarity of word 3-grams from which on the later prompt is left out. Ours: at 0.8, four words in forty
    may differ (docs/prompts.md)."""


class Preparation(Value):
    """What becomes of prompts before a token is spent; exact duplicates always go."""

    near_duplicates: NearDuplicates | None = None
    decontamination: Decontamination | None = None
    unreadable_share: float = Field(0.0, ge=0, lt=1)
    """Share of a source's rows whose reference its verifier cannot read, up to which they are left out and reported;
    above it the source is refused. By default any is refused."""

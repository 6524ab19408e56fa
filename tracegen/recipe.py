"""The recipe: everything that decides a run, as closed models. Reading it from a file is ``recipe_file.py``.

Two halves. All that decides the corpus is hashed, and the hash names the run. ``where`` says on what it runs:
it is not hashed, so a run may move to another cluster, or be resumed with more replicas, and stay the same run.
"""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tracegen.filter_options import Filters
from tracegen.recipe_models import EngineOptions, Example, Judge, Teacher
from tracegen.recipe_preparation import Benchmark, Decontamination, NearDuplicates, Preparation
from tracegen.recipe_sources import (
    Columns,
    HubSource,
    JsonlSource,
    ParquetSource,
    PromptSource,
    ReasoningGymSource,
    SyntheticSource,
    TableSource,
    contradiction,
)
from tracegen.recipe_where import Assumed, JudgePlace, Where
from tracegen.types import Domain, Guard, Value

__all__ = [
    "RECIPE_SCHEMA",
    "Assumed",
    "Benchmark",
    "Columns",
    "CorpusLayout",
    "Decontamination",
    "EngineOptions",
    "Example",
    "HubSource",
    "JsonlSource",
    "Judge",
    "JudgePlace",
    "NearDuplicates",
    "ParquetSource",
    "Preparation",
    "PromptSource",
    "ReasoningGymSource",
    "Recipe",
    "Rejection",
    "SyntheticSource",
    "TableSource",
    "Teacher",
    "Where",
]

RECIPE_SCHEMA = "tracegen/recipe/1"

SelectionName = Literal["first", "shortest", "random", "diverse"]


class Rejection(Value):
    """Rejection sampling: when a prompt has enough, and when it is given up."""

    keep: int = Field(1, gt=0)
    """Accepted traces wanted per prompt."""
    gather: int | None = Field(None, gt=0)
    """So many accepted traces are gathered per prompt before ``keep`` of them are chosen; ``keep`` where None."""
    select: SelectionName = "first"
    """Which of a prompt's accepted traces are kept: see ``tracegen/selection.py``."""
    max_attempts: int = Field(4, gt=0)
    quotas: dict[Domain, Annotated[int, Field(gt=0)]] = {}
    """Accepted traces wanted per domain; a domain without a quota runs through all of its prompts."""
    policy: Literal["adaptive", "until_kept", "fixed"] = "adaptive"
    """How attempts are dealt out: see ``tracegen/scheduling/policy.py``."""
    give_up_below: float = Field(0.0, ge=0, lt=1)
    """Give a prompt up once the chance that its next attempt is right is below this, even without a quota to fill."""
    trivial_above: float = Field(1.0, gt=0, le=1)
    """A prompt whose pass rate is likely above this is trivial: ``keep_trivial`` of its traces are enough."""
    keep_trivial: int = Field(1, gt=0)
    token_budget: int | None = Field(None, gt=0)
    """A hard stop: completion tokens over the whole run, those in flight included."""

    @property
    def enough(self) -> int:
        """Accepted traces after which a prompt is asked for no more."""
        return self.keep if self.gather is None else self.gather

    @model_validator(mode="after")
    def _keep_is_reachable(self) -> Self:
        if self.keep > self.max_attempts:
            msg = f"keep ({self.keep}) is more than max_attempts ({self.max_attempts})"
            raise ValueError(msg)
        if not self.keep <= self.enough <= self.max_attempts:
            msg = f"gather ({self.gather}) must be from keep ({self.keep}) to max_attempts ({self.max_attempts})"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _there_is_a_choice(self) -> Self:
        gathers, chooses = self.enough > self.keep, self.select != "first"
        if gathers and self.policy == "fixed":
            msg = f"policy fixed makes all max_attempts ({self.max_attempts}), whatever is gathered: leave gather out"
            raise ValueError(msg)
        if gathers and not chooses:
            msg = (
                f"gather ({self.gather}) pays for traces beyond keep ({self.keep}), and select: first never takes one: "
                "set select to shortest, random or diverse, or leave gather out"
            )
            raise ValueError(msg)
        if chooses and not gathers and self.policy != "fixed":
            msg = (
                f"select: {self.select} has nothing to choose from, as a prompt gets no more than keep ({self.keep}) "
                "accepted traces: set gather to more than keep"
            )
            raise ValueError(msg)
        if self.select == "diverse" and self.keep == 1:
            msg = "select: diverse looks for traces that differ from each other: set keep to 2 or more"
            raise ValueError(msg)
        return self


class CorpusLayout(Value):
    """How the Parquet files of the corpus are cut."""

    file_bytes: int = Field(256 * 1024**2, gt=0)
    """Uncompressed text per file, about."""
    row_group_bytes: int = Field(18 * 1024**2, gt=0)
    """Uncompressed text per row group, about (docs/benchmarks: 18 MB reads fastest)."""


class Recipe(Value):
    """A whole recipe."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=40)
    seed: int = Field(0, ge=0)
    prompts: tuple[PromptSource, ...] = Field(min_length=1)
    preparation: Preparation = Preparation()
    teacher: Teacher
    rejection: Rejection = Rejection()
    verifiers: dict[str, str] = {
        "answer": "math",
        "choice": "choice",
        "procedural": "logic",
        "stdio": "code",
        "asserts": "code",
        "check": "code",
    }
    """Which verifier judges which kind of reference."""
    judge: Judge | None = None
    """Without one, what the verifiers leave undecided is dropped."""
    filters: Filters | None = None
    """Which traces are left out although they may be right; left out, none is. ``filters: {}`` is all filters with their
    defaults: R1's three, and what its reproducers needed (docs/filters.md)."""
    guard: Guard | None = None
    """Stops completions that loop while they are written; left out, none is. ``guard: {}`` is the guard with its defaults
    (docs/guards.md)."""
    prompts_per_shard: int = Field(256, gt=0)
    corpus: CorpusLayout = CorpusLayout()
    where: Where = Where()

    @model_validator(mode="after")
    def _sources_have_names_of_their_own(self) -> Self:
        names = [source.name for source in self.prompts]
        if len(set(names)) < len(names):
            msg = f"two prompt sources have the same name: {', '.join(sorted(names))}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _quotas_agree(self) -> Self:
        if problem := contradiction(self.prompts, self.rejection.quotas):
            raise ValueError(problem)
        return self

    @property
    def source_quotas(self) -> dict[str, int]:
        """Accepted traces wanted per prompt source, of those that have a quota."""
        return {source.name: source.quota for source in self.prompts if source.quota is not None}

    def thinks(self, source: str) -> bool:
        """Whether the teacher is to think about the prompts of this source."""
        return all(one.thinking for one in self.prompts if one.name == source)

    @property
    def digest(self) -> str:
        """SHA-256 of what decides the corpus, as 64 hex digits."""
        # Without what has its default value, so that a run keeps its name when a later version knows more options.
        # A change of a default is a change of RECIPE_SCHEMA.
        hashed = self.model_dump(mode="json", exclude={"where"}, exclude_defaults=True)
        teacher = hashed["teacher"]
        teacher["engines"] = {self.teacher.engine: self.teacher.engines.get(self.teacher.engine, {})}
        if self.judge:
            hashed["judge"] = self.judge.decides
        canonical = json.dumps([RECIPE_SCHEMA, hashed], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def run_id(self) -> str:
        """Name and digest: the same recipe is the same run, which is what makes resuming the default."""
        return f"{self.name}-{self.digest[:12]}"

    def engine_options(self) -> EngineOptions:
        """The chosen engine's options from both halves; a key may stand in one of them only."""
        decided = self.teacher.engines.get(self.teacher.engine, {})
        placed = self.where.engines.get(self.teacher.engine, {})
        return {**decided, **placed}

    def judge_options(self) -> EngineOptions:
        """The judge's engine's options from both halves."""
        if self.judge is None:
            return {}
        engine = self.judge.engine
        return {**self.judge.engines.get(engine, {}), **self.where.judge.engines.get(engine, {})}

    @model_validator(mode="after")
    def _options_stand_once(self) -> Self:
        _stand_once(self.teacher, "teacher.engines", self.where.engines, "where.engines")
        if self.judge:
            _stand_once(self.judge, "judge.engines", self.where.judge.engines, "where.judge.engines")
        return self


def _stand_once(who: Teacher | Judge, decided: str, placed: dict[str, EngineOptions], where: str) -> None:
    both = who.engines.get(who.engine, {}).keys() & placed.get(who.engine, {})
    if both:
        msg = f"engine option {sorted(both)[0]!r} stands in both {decided} and {where}"
        raise ValueError(msg)

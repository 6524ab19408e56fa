"""The recipe: everything that decides a run, as closed models. Reading it from a file is ``recipe_file.py``.

Two halves. All that decides the corpus is hashed, and the hash names the run. ``where`` says on what it runs:
it is not hashed, so a run may move to another cluster, or be resumed with more replicas, and stay the same run.
"""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from tracegen.types import Domain, Sampling, Value

RECIPE_SCHEMA = "tracegen/recipe/1"

EngineOptions = dict[str, JsonValue]
"""Options of one engine. Closed as well: each engine checks them against a model of its own."""


class Columns(Value):
    """Which columns of a source hold what."""

    text: str = "prompt"
    answer: str = "answer"
    """The reference answer. See ``answer_pattern`` where it is part of a longer text."""
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


class TableSource(Source):
    """Rows with a text and an answer column."""

    columns: Columns = Columns()
    answer_pattern: str | None = None
    r"""Regular expression whose first group is the answer, as ``#### (.+)$`` for GSM8K; the last match counts."""


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


class Example(Value):
    """A worked example that precedes the prompt in the chat."""

    prompt: str
    response: str


class Teacher(Value):
    """Model, chat and sampling: with the engine, all that decides what is generated."""

    engine: str
    """A built-in engine (``llamacpp``, ``vllm``, ``openai``, ``simulated``) or a plug-in's name."""
    model: str
    """A bundled model's name, a path, or a hub id."""
    revision: str = ""
    system: str = ""
    """R1 wants none (model card, usage recommendation 2)."""
    instruction: dict[Domain, str] = {}
    """Appended to the prompt after a blank line, by domain."""
    examples: dict[Domain, tuple[Example, ...]] = {}
    prefill: str = ""
    """What the response is made to begin with. R1: ``<think>\\n``, else it sometimes skips thinking."""
    sampling: Sampling = Sampling()
    engines: dict[str, EngineOptions] = {}
    """Options that change what is generated, by engine; only the chosen engine's are hashed."""


class Rejection(Value):
    """Rejection sampling: when a prompt has enough, and when it is given up."""

    keep: int = Field(1, gt=0)
    """Accepted traces wanted per prompt."""
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

    @model_validator(mode="after")
    def _keep_is_reachable(self) -> Self:
        if self.keep > self.max_attempts:
            msg = f"keep ({self.keep}) is more than max_attempts ({self.max_attempts})"
            raise ValueError(msg)
        return self


class CorpusLayout(Value):
    """How the Parquet files of the corpus are cut."""

    file_bytes: int = Field(256 * 1024**2, gt=0)
    """Uncompressed text per file, about."""
    row_group_bytes: int = Field(18 * 1024**2, gt=0)
    """Uncompressed text per row group, about (docs/benchmarks: 18 MB reads fastest)."""


class Assumed(Value):
    """What ``tracegen plan`` reckons with where nothing was measured. Decides nothing about a run."""

    tokens_per_s: float = Field(40, gt=0)
    """What one sequence decodes when it is alone on its replica."""
    half_rate_at: float = Field(256, gt=0)
    """With so many at once each decodes half as fast. The defaults give 20 tokens/s a sequence at 256 slots, as
    DeepSeek reports of its own serving (20 to 22)."""
    start_s: float = Field(0, ge=0)
    """From the start of a replica until it serves; weights have to be loaded."""
    usd_per_gpu_hour: float | None = Field(None, ge=0)
    mean_tokens: dict[Domain, Annotated[float, Field(gt=0)]] = {}
    """Of a completion; the published means of the R1 corpus for a domain that is not named."""
    sigma: float = Field(0.8, ge=0)
    """Spread of lengths: of a log-normal distribution, 0 for none."""
    pass_alpha: float = Field(0.274, gt=0)
    """Pass rates are drawn from a beta distribution; by default 55 % of prompts are solved once in two attempts."""
    pass_beta: float = Field(0.326, gt=0)


class Where(Value):
    """On what it runs. Not hashed."""

    cluster: Literal["ray", "local"] = "ray"
    """``local`` runs every part in this process: no Ray needed."""
    replicas: int = Field(1, gt=0)
    slots: int = Field(16, gt=0)
    """Attempts in flight per replica."""
    gpus_per_replica: int = Field(0, ge=0)
    cpus_per_replica: float = Field(1, ge=0)
    verifier_pools: int = Field(1, gt=0)
    verifier_processes: int = Field(1, gt=0)
    """Killable worker processes per pool."""
    verifier_memory_bytes: int = Field(1024**3, gt=0)
    isolation: Literal["auto", "namespaces", "bubblewrap", "none"] = "auto"
    """How programs under test are kept apart from the machine: ``auto`` takes the best that works there. ``none`` is no
    protection, and has to be asked for by name."""
    recorders: int = Field(1, gt=0)
    journal_linger_s: float = Field(1.0, ge=0)
    """A completion is durable at most so long after it arrived."""
    stall_s: float = Field(600, gt=0)
    """A replica that has work and produces no token for so long is replaced."""
    claim_ttl_s: float = Field(30, gt=0)
    """A driver that showed no sign of life for so long, as seen from another machine, has lost its run."""
    notice_file: str | None = None
    """A file that, where it exists on a replica's node, tells that the node will be taken away: it holds the Unix time,
    or nothing for two minutes from now. The replica is drained."""
    min_free_bytes: int = Field(1024**3, ge=0)
    """Refuse to start with less free space in a local store."""
    engines: dict[str, EngineOptions] = {}
    """Options that do not change what is generated, by engine."""
    plan: Assumed = Assumed()


class Recipe(Value):
    """A whole recipe."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=40)
    seed: int = Field(0, ge=0)
    prompts: tuple[PromptSource, ...] = Field(min_length=1)
    teacher: Teacher
    rejection: Rejection = Rejection()
    verifiers: dict[str, str] = {
        "answer": "math",
        "procedural": "logic",
        "stdio": "code",
        "asserts": "code",
        "check": "code",
    }
    """Which verifier judges which kind of reference."""
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

    @property
    def digest(self) -> str:
        """SHA-256 of what decides the corpus, as 64 hex digits."""
        # Without what has its default value, so that a run keeps its name when a later version knows more options.
        # A change of a default is a change of RECIPE_SCHEMA.
        hashed = self.model_dump(mode="json", exclude={"where"}, exclude_defaults=True)
        teacher = hashed["teacher"]
        teacher["engines"] = {self.teacher.engine: self.teacher.engines.get(self.teacher.engine, {})}
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

    @model_validator(mode="after")
    def _options_stand_once(self) -> Self:
        both = self.teacher.engines.get(self.teacher.engine, {}).keys() & self.where.engines.get(
            self.teacher.engine, {}
        )
        if both:
            msg = f"engine option {sorted(both)[0]!r} stands in both teacher.engines and where.engines"
            raise ValueError(msg)
        return self

"""The recipe: everything that decides a run, as closed models. Reading it from a file is ``recipe_file.py``.

Two halves. All that decides the corpus is hashed, and the hash names the run. ``where`` says on what it runs:
it is not hashed, so a run may move to another cluster, or be resumed with more replicas, and stay the same run.
"""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from tracegen.filter_options import Filters
from tracegen.types import Domain, Sampling, Value

RECIPE_SCHEMA = "tracegen/recipe/1"

EngineOptions = dict[str, JsonValue]
"""Options of one engine. Closed as well: each engine checks them against a model of its own."""


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


class TableSource(Source):
    """Rows with a text and an answer column."""

    columns: Columns = Columns()
    answer_pattern: str | None = None
    r"""Regular expression whose first group is the answer, as ``#### (.+)$`` for GSM8K; the last match counts."""

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


class Judge(Value):
    """A generative judge: settles what the verifiers leave undecided, and what has no rule (docs/judge.md)."""

    engine: str
    """As the teacher's."""
    model: str
    revision: str = ""
    sampling: Sampling = Sampling(temperature=0, top_p=1, max_tokens=4096)
    """Greedy, so that the same case is judged the same again; how DeepSeek sampled its judge is not published."""
    settles: tuple[Literal["answer", "choice", "rubric"], ...] = ("answer", "choice", "rubric")
    """Kinds of reference that it is asked about. What a program judges is never a reader's to settle."""
    engines: dict[str, EngineOptions] = {}
    """Options that change what is said, by engine; only the chosen engine's are hashed."""

    @property
    def decides(self) -> dict[str, JsonValue]:
        """All that its verdicts depend on."""
        dumped = self.model_dump(mode="json", exclude_defaults=True)
        return {**dumped, "engines": {self.engine: self.engines.get(self.engine, {})}}


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


class JudgePlace(Value):
    """How each verifier pool asks the judge. Decides no verdict, but that there is none in time."""

    slots: int = Field(8, gt=0)
    """Questions in flight."""
    deadline_s: float = Field(300, gt=0)
    """An answer that the judge has not settled in so long, all waiting included, stays undecided."""
    engines: dict[str, EngineOptions] = {}
    """Options of the judge's engine that do not change what is said."""


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
    verifier_processes: int | None = Field(None, gt=0)
    """Killable worker processes per pool. Left out: one, and while cases wait more, up to the cores of its node."""
    verifier_memory_bytes: int = Field(1024**3, gt=0)
    judge: JudgePlace = JudgePlace()
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

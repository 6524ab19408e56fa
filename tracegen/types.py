"""The nouns of tracegen: frozen values that pass from stage to stage. No behaviour beyond derived identity.

Data flows one way: ``Prompt → Attempt → Request → Generation → Completion → Trace → Verdict → Sample``.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import Annotated, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field


class Domain(StrEnum):
    """The five domains of the published mix (DeepSeek-R1, arXiv 2501.12948v2, table 5)."""

    MATH = "math"
    CODE = "code"
    STEM = "stem"
    LOGIC = "logic"
    GENERAL = "general"


class Outcome(StrEnum):
    """What a verifier can say. UNDECIDED is not evidence against an answer."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    UNDECIDED = "undecided"


FILTERED = "filtered:"
"""How the reason of an undecided verdict begins where a filter left the trace out before a verifier saw it."""


class FinishReason(StrEnum):
    """Why the engine stopped: end of sequence, token limit, told to by the guard as the text loops, or told to."""

    STOP = "stop"
    LENGTH = "length"
    LOOPED = "looped"
    ABORT = "abort"


class Value(BaseModel):
    """Base of the values that also come from users' files: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AnswerReference(Value):
    """A final answer, as text or LaTeX."""

    kind: Literal["answer"] = "answer"
    answer: str = Field(min_length=1)
    tolerance: float | None = Field(None, ge=0, lt=1)
    """Relative: a number within this share of the reference's is right, as 0.01 for 1 %. Exact where None."""
    unit: str = ""
    """What the answer is measured in. An answer in another unit of the same quantity is converted; one without is read
    in this one."""


class ChoiceReference(Value):
    """The right one of several options."""

    kind: Literal["choice"] = "choice"
    answer: str = Field(min_length=1)
    """The letter of the right option, as ``C``."""
    options: tuple[str, ...] = Field((), max_length=26)
    """Their texts in order of their letters, so that an answer may name the text instead."""


class StdioTest(Value):
    """What a program reads, and what it must print."""

    input: str
    output: str


class StdioReference(Value):
    """A program that reads standard input and writes standard output, as in programming contests."""

    kind: Literal["stdio"] = "stdio"
    tests: tuple[StdioTest, ...] = Field(min_length=1)
    checker: str | None = None
    """Source of a Python function ``check(input: str, expected: str, output: str) -> bool``, where several outputs are
    right; without one, outputs are compared token by token."""
    time_limit_s: float = Field(10.0, gt=0)
    """Processor seconds per test."""
    memory_limit_bytes: int = Field(512 * 1024**2, gt=0)


class AssertsReference(Value):
    """A function and assertions on what it returns (MBPP)."""

    kind: Literal["asserts"] = "asserts"
    entry_point: str = ""
    """Name of the function; empty where the assertions tell."""
    setup: str = ""
    asserts: tuple[str, ...] = Field(min_length=1)


class CheckReference(Value):
    """A function and a checking function that calls it (HumanEval)."""

    kind: Literal["check"] = "check"
    entry_point: str
    prompt: str = ""
    """Code that the prompt began with: imports and the signature."""
    check: str
    """Source of ``def check(candidate): ...``, which asserts."""


class ProceduralReference(Value):
    """An item of a reasoning-gym dataset, judged by that dataset's own scorer."""

    kind: Literal["procedural"] = "procedural"
    dataset: str
    """Name in reasoning-gym's registry, as ``chain_sum``."""
    item: Mapping[str, object]
    """The item as generated: ``question``, ``answer``, ``metadata``; JSON types only."""
    options: Mapping[str, object] = {}
    """The dataset's own configuration that the item was made with; some scorers read it (puzzle24's range)."""


class RubricReference(Value):
    """What a good answer has, in words, for a generative judge."""

    kind: Literal["rubric"] = "rubric"
    rubric: str = Field(min_length=1)
    example: str = ""
    """A good answer, where there is one."""


class NoReference(Value):
    """Nothing to judge against."""

    kind: Literal["none"] = "none"


CodeReference: TypeAlias = StdioReference | AssertsReference | CheckReference

Reference: TypeAlias = Annotated[
    AnswerReference
    | ChoiceReference
    | StdioReference
    | AssertsReference
    | CheckReference
    | ProceduralReference
    | RubricReference
    | NoReference,
    Field(discriminator="kind"),
]


class Row:
    """Base of the dataclasses that cross process borders by the thousand.

    A frozen dataclass with slots looks its fields up anew for each value that it pickles, and so takes twice as long
    (docs/benchmarks/control-plane.md).
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[object, ...]:
        kind: type = type(self)
        return kind, _field_values(kind)(self)


@cache
def _field_values(kind: type) -> Callable[[object], tuple[object, ...]]:
    names: tuple[str, ...] = kind.__match_args__  # type: ignore[attr-defined] # of every dataclass
    return attrgetter(*names)


class Message(NamedTuple):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt(Row):
    """One problem put to the teacher."""

    prompt_id: str
    """32 hex digits of a hash over domain and text: the same problem has the same id everywhere."""
    domain: Domain
    text: str
    """What the user turn says, before the teacher's own instruction is added."""
    reference: Reference
    source: str
    """Name of the prompt source in the recipe."""
    source_row: str
    """Where in the source it was found, for a person who wants to look: a row number or the row's own id."""
    licence: str
    difficulty: str = ""
    """As the source gives it; prompts of one source and difficulty are expected to be about equally hard."""

    @property
    def group(self) -> str:
        """Whose prior on pass rates it shares."""
        return f"{self.source}/{self.difficulty}" if self.difficulty else self.source


@dataclass(frozen=True, slots=True, order=True)
class Attempt:
    """One completion asked for."""

    prompt_id: str
    index: int
    """Which of the prompt's attempts, from 0."""

    @property
    def attempt_id(self) -> str:
        return f"{self.prompt_id}.{self.index:04d}"


class Sampling(Value):
    """How the teacher samples. The defaults are the R1 model card's: temperature 0.6, top-p 0.95, 32,768 tokens."""

    temperature: float = Field(0.6, ge=0, le=2)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(32_768, gt=0)


class LoopGuard(Value):
    """When a text that is being written counts as a loop, and is stopped (docs/guards.md)."""

    in_a_row: int = Field(10, gt=1, le=100)
    """A block that stands so many times in a row, letter by letter, is a loop if it fills ``min_chars`` as well. As the
    filter ``loops`` has it."""
    min_chars: int = Field(800, ge=100, le=3_000)
    """Characters that only repeat the block before them. Ours: columns of equal results and the digits of a fraction
    are shorter (docs/guards.md)."""
    max_repeats: int = Field(20, gt=1, le=50)
    """How often a sentence or line of 40 characters may occur among the last 60 of them. After AM-Thinking's study,
    which drops n-grams of 20 tokens that occur more than 20 times (arXiv 2505.14464)."""


class Guard(Value):
    """What is looked for while a completion is being written; what is found is stopped, recorded and never kept."""

    loops: LoopGuard | None = LoopGuard()


@dataclass(frozen=True, slots=True)
class Request:
    """What an engine is asked for: exactly one completion."""

    attempt_id: str
    messages: tuple[Message, ...]
    """Chat up to and including the user turn."""
    prefill: str
    """Text the assistant turn is made to begin with, as ``<think>\\n``; empty for none."""
    sampling: Sampling
    seed: int
    """31-bit, derived from run seed and attempt id: no two attempts share one."""
    domain: Domain | None = None
    """For the simulated teacher, whose lengths differ by domain; real engines ignore it."""
    hint: str = ""
    """What a simulated teacher answers when it is right; real engines ignore it."""
    guard: Guard | None = None
    """What stops it before its end. An engine that does not see tokens as they come ignores it."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What an engine answered, as it reported it."""

    text: str
    """Raw text after the prefill; never parsed, never stripped."""
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    sampling: Sampling
    """The parameters in effect, as the engine reports them; where it reports none, as they were sent."""


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """What produced the tokens: recorded with each completion."""

    engine: str
    engine_version: str
    model: str
    revision: str


@dataclass(frozen=True, slots=True)
class Completion(Row):
    """One row of the ledger: a completion that was paid for, accepted or not."""

    attempt_id: str
    prompt_id: str
    index: int
    shard_id: str
    domain: Domain
    text: str
    prefill: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    engine: str
    engine_version: str
    model: str
    revision: str
    replica_id: str
    epoch: int
    """Which driver of the run asked for it, counted from 1."""
    started_at_s: float
    """Unix time."""
    wall_s: float


@dataclass(frozen=True, slots=True)
class Trace(Row):
    """A completion split at its think tags."""

    reasoning: str
    answer: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verifier's word on one trace."""

    outcome: Outcome
    reason: str
    """A short code, as ``equal``, ``different``, ``no_answer``, ``truncated``, ``looped``, ``timeout``; ``filtered:`` and a
    filter's name where the trace was never judged, as no corpus should hold it."""
    detail: str = ""
    """For people: what was compared. At most a few hundred characters."""
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Judgement(Row):
    """A verdict on one attempt: a row of the ledger's verdicts."""

    attempt_id: str
    prompt_id: str
    shard_id: str
    epoch: int
    """The judged completion's epoch: a verdict belongs to one text, and two drivers may each have got one."""
    outcome: Outcome
    reason: str
    detail: str
    verifier: str
    """Name and version, as ``math/1``; ``extract/1`` where there was no trace to judge, ``filters/1`` where a filter
    left it out."""
    completion_tokens: int
    """What the judged completion cost, so that waste can be told by reason without reading text."""
    cpu_s: float


class Lane(NamedTuple):
    """Prompts with a goal of their own: a source that has a quota, or all others of a domain."""

    domain: Domain
    source: str = ""
    """Empty for the sources without a quota."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A fixed set of prompts of one lane: the unit of commit and of file."""

    shard_id: str
    domain: Domain
    prompt_ids: tuple[str, ...]
    source: str = ""
    """Of a source with a quota; else empty, and the sources are mixed."""


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """A shard as a plan lists it."""

    shard_id: str
    domain: Domain
    prompts: int
    """How many."""
    first_prompt_id: str = ""
    """Shards of a lane do not overlap: each holds the ids from its first to the next one's first."""
    source: str = ""
    """As a shard's."""

    @property
    def lane(self) -> Lane:
        return Lane(self.domain, self.source)


def prompt_id(domain: Domain, text: str) -> str:
    """Identity of a prompt: 128 bits of SHA-256 over its domain and its text."""
    return hashlib.sha256(f"{domain.value}\0{text}".encode()).hexdigest()[:32]


def attempt_seed(run_seed: int, attempt_id: str) -> int:
    """The 31-bit sampling seed of one attempt; a pure function, so a re-run asks for the same."""
    digest = hashlib.sha256(f"{run_seed}\0{attempt_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFF_FFFF

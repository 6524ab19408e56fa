"""The logic verifier, ``logic/1``: items of reasoning-gym's datasets, judged by each dataset's own scorer.

Correct is a score of exactly 1 that ``logic_doubts.py`` has nothing against; it adds nothing else to a scorer's
judgement. Some scorers evaluate the answer as a Python expression, so they run in killable processes only.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from tracegen.errors import MissingDependency, first_line
from tracegen.extract import last_boxed
from tracegen.types import Outcome, ProceduralReference, Reference, Trace, Verdict
from tracegen.verify.logic_doubts import doubt

Scorer = Callable[[str, dict[str, Any]], float]
MAX_CHARACTERS = 20_000
"""Longest answer that is judged; the longest reference answer of a default item has under 4,000."""
FIELDS = ("question", "answer", "metadata")


@dataclass(frozen=True, slots=True)
class LogicVerifier:
    """Judges ``procedural`` references."""

    name: ClassVar[str] = "logic/1"
    reads: ClassVar[frozenset[str]] = frozenset({"procedural"})

    def check(self, reference: Reference) -> str:
        """Why a reference cannot be judged against, or an empty string. Raises MissingDependency."""
        if not isinstance(reference, ProceduralReference):
            return f"a reference of kind {reference.kind!r} is no item of a procedural dataset"
        missing = [field for field in FIELDS if field not in reference.item]
        if missing:
            return f"the item lacks {', '.join(missing)}"
        if not isinstance(reference.item["metadata"], Mapping):
            return "the item's metadata is no mapping"
        if reference.dataset not in _datasets():
            return f"reasoning-gym has no dataset {reference.dataset!r}"
        try:
            _scorer_of(reference)
        except (TypeError, ValueError, AssertionError) as error:
            return f"{reference.dataset} does not take these options: {first_line(error)}"
        return ""

    def deadline_s(self, _: Reference) -> None:
        """What the pool gives."""

    def quick(self, reference: Reference, trace: Trace) -> Verdict | None:
        """The item's own answer is right by the dataset's definition; all else is for the scorer."""
        if not isinstance(reference, ProceduralReference):
            return Verdict(Outcome.UNDECIDED, "reference_unreadable", self.check(reference))
        answer = _answer(trace)
        if not answer:
            return Verdict(Outcome.INCORRECT, "no_answer", "the answer is empty")
        if answer == reference.item.get("answer"):
            return Verdict(Outcome.CORRECT, "equal")
        if len(answer) > MAX_CHARACTERS:
            return Verdict(Outcome.UNDECIDED, "too_big", f"an answer of {len(answer)} characters")
        return None

    def verify(self, reference: Reference, trace: Trace) -> Verdict:
        """The scorer's word."""
        verdict = self.quick(reference, trace)
        if verdict is not None:
            return verdict
        if not isinstance(reference, ProceduralReference) or (why := self.check(reference)):
            return Verdict(Outcome.UNDECIDED, "reference_unreadable", why)
        answer = _answer(trace)
        score = score_answer(reference, answer)
        detail = f"score {score:g} for {answer[:120]!r}"
        if score != 1:
            return Verdict(Outcome.INCORRECT, "scored", detail)
        if why := doubt(_source(reference), reference.item, answer):
            return Verdict(Outcome.UNDECIDED, "scorer_unsound", why)
        return Verdict(Outcome.CORRECT, "scored", detail)

    def warm(self) -> None:
        """Import reasoning-gym."""
        _datasets()


def score_answer(reference: ProceduralReference, answer: str) -> float:
    """A dataset's score. JSON has no tuples: whether the scorer needs them, the item's own answer tells."""
    score = _scorer_of(reference)
    own = reference.item["answer"]
    if isinstance(own, str):
        for build in FORMS:
            if score(own, build(reference)) == 1:
                return float(score(answer, build(reference)))
    return float(score(answer, FORMS[0](reference)))


def plain(reference: ProceduralReference) -> dict[str, Any]:
    """A copy that a scorer may change."""
    copied: dict[str, Any] = json.loads(json.dumps(dict(reference.item)))
    return copied


def with_tuples(reference: ProceduralReference) -> dict[str, Any]:
    """Tuples for lists: arc_agi and rearc compare with tuples."""
    return {key: _tuples(value) for key, value in plain(reference).items()}


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    return {key: _tuples(inner) for key, inner in value.items()} if isinstance(value, dict) else value


FORMS: tuple[Callable[[ProceduralReference], dict[str, Any]], ...] = (plain, with_tuples)


def _source(reference: ProceduralReference) -> str:
    """A composite's items are scored by the dataset that they came from."""
    metadata = reference.item["metadata"]
    source = metadata.get("source_dataset") if isinstance(metadata, Mapping) else None
    return source if reference.dataset == "composite" and isinstance(source, str) else reference.dataset


def _scorer_of(reference: ProceduralReference) -> Scorer:
    """A composite's options are those of its own parts: its items are scored with the defaults of their dataset."""
    options = {} if reference.dataset == "composite" else dict(reference.options)
    return scorer(_source(reference), json.dumps(options, sort_keys=True))


@lru_cache(maxsize=256)
def scorer(dataset: str, options: str = "{}") -> Scorer:
    """A dataset's scorer under a configuration (JSON). The dataset's size and seed do not matter to it."""
    dataset_class, config_class = _datasets()[dataset]
    score: Scorer = dataset_class(config_class(**json.loads(options))).score_answer
    return score


def _datasets() -> dict[str, tuple[Any, Any]]:
    try:
        import reasoning_gym  # noqa: F401 - fills the table
        from reasoning_gym.factory import DATASETS
    except ImportError as error:
        raise MissingDependency("reasoning-gym is not installed", hint="pip install reasoning-gym==0.1.25") from error
    datasets: dict[str, tuple[Any, Any]] = DATASETS
    return datasets


def _answer(trace: Trace) -> str:
    boxed = last_boxed(trace.answer)
    return (trace.answer if boxed is None else boxed).strip()

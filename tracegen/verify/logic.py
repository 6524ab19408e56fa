"""The logic verifier, ``logic/1``: items of reasoning-gym's datasets, judged by each dataset's own scorer.

It adds nothing to a scorer's judgement: correct is a score of exactly 1. Some scorers evaluate the answer as a Python
expression, so they run in killable processes only.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from tracegen.errors import MissingDependency
from tracegen.extract import last_boxed
from tracegen.types import Outcome, ProceduralReference, Reference, Trace, Verdict
from tracegen.verify.math import exact

Scorer = Callable[[str, dict[str, Any]], float]
MAX_CHARACTERS = 20_000
"""Longest answer that is judged; the longest reference answer of a default item has under 4,000."""
FIELDS = ("question", "answer", "metadata")

UNSOUND: Mapping[str, str] = {
    "game_of_life_halting": "any answer that is not empty scores as True",
    "gsm_symbolic": "the sign is dropped, and any text around the number: -405 scores as 405",
}
"""Datasets whose scorer takes wrong answers for right (reasoning-gym 0.1.25): the answer must be equal, too."""

_NOT_A_NUMBER = re.compile(r"(?<![a-z])(?:nan|inf|infinity)(?![a-z])", re.IGNORECASE)
"""Comparisons with a tolerance take nan for right (complex_arithmetic)."""


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
        return "" if reference.dataset in _datasets() else f"reasoning-gym has no dataset {reference.dataset!r}"

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
        if doubt := _doubt(reference, answer):
            return Verdict(Outcome.UNDECIDED, "scorer_unsound", doubt)
        return Verdict(Outcome.CORRECT, "scored", detail)

    def warm(self) -> None:
        """Import reasoning-gym."""
        _datasets()


def score_answer(reference: ProceduralReference, answer: str) -> float:
    """A dataset's score. JSON has no tuples: whether the scorer needs them, the item's own answer tells."""
    score = scorer(_source(reference))
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


def _doubt(reference: ProceduralReference, answer: str) -> str:
    own = str(reference.item["answer"])
    if _NOT_A_NUMBER.search(answer) and not _NOT_A_NUMBER.search(own):
        return "nan and inf compare as equal to anything"
    if reference.dataset in UNSOUND and not _equal(own, answer):
        return UNSOUND[reference.dataset]
    return ""


def _equal(own: str, answer: str) -> bool:
    numbers = exact.read(own.replace(",", "")), exact.read(answer.replace(",", ""))
    if numbers[0] and numbers[1]:
        return numbers[0].value == numbers[1].value
    return own.casefold() == answer.casefold()


@lru_cache(maxsize=256)
def scorer(dataset: str) -> Scorer:
    """A dataset's scorer. The dataset's size and seed do not matter to it."""
    dataset_class, config_class = _datasets()[dataset]
    score: Scorer = dataset_class(config_class()).score_answer
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

"""Near-duplicates: prompts that are the same problem in slightly other words. Exact ones are ``dedup.py``'s.

MinHash with banding (Broder 1997; rensa's implementation) proposes, exact Jaccard similarity decides, so chance may miss
a pair but never makes one. Problems made from one template read alike and are not the same: two prompts are only ever
compared when their numbers and operators agree, and they stay apart when their reference answers differ. Problems that a
generator made are never compared: their template is meant, and what differs may be one cell of a grid.
"""

from collections.abc import Callable
from math import ceil, log
from typing import Any

from tracegen.errors import MissingDependency
from tracegen.prompts.words import grams, quantities, unlabelled, words
from tracegen.types import AnswerReference, ChoiceReference, ProceduralReference, Prompt, Reference

SHINGLE_WORDS = 3
SURE = 0.99
"""Chance, at least, that a pair of just the wanted similarity is proposed."""
MAX_BANDS = 12
"""An index of a band takes some 100 bytes a prompt."""
MAX_CANDIDATES = 50
"""Compared for one prompt: of many that look alike, the first are enough to find one that is."""
SEED = 1


class NearDuplicates:
    """Remembers prompts, and finds the first that a new one repeats. Some 2 kB for each."""

    def __init__(self, similarity: float) -> None:
        self._least = similarity
        self._signature, self._index = _minhash(similarity)
        self._last: tuple[str, Any] = ("", None)

    def find(self, prompt: Prompt, kept: Callable[[int], Prompt]) -> tuple[int, float] | None:
        """Where the prompt that this one repeats was remembered, and how similar they are (1.0 for the same words).

        ``kept`` gives the prompt that was remembered at a place.
        """
        if isinstance(prompt.reference, ProceduralReference):
            return None
        places = sorted(self._index.query(self._signed(prompt)))[:MAX_CANDIDATES]
        mine = shingles(prompt.text) if places else frozenset()
        for place in places:
            other = kept(place)
            if _may_be_one(prompt, other) and (found := jaccard(mine, shingles(other.text))) >= self._least:
                return place, found
        return None

    def remember(self, prompt: Prompt, place: int) -> None:
        if not isinstance(prompt.reference, ProceduralReference):
            self._index.insert(place, self._signed(prompt))

    def _signed(self, prompt: Prompt) -> Any:
        # A prompt is looked for, then remembered.
        if self._last[0] != prompt.prompt_id:
            self._last = prompt.prompt_id, self._signature(_keyed(prompt.text, shingles(prompt.text)))
        return self._last[1]


def shingles(text: str) -> frozenset[str]:
    """Every three words in a row of the problem without its label; a shorter one as a whole."""
    of = words(unlabelled(text))
    return frozenset(grams(of, SHINGLE_WORDS) or [" ".join(of)])


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared over all, 0 to 1."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def banding(similarity: float) -> tuple[int, int]:
    """Bands, and rows in each: the longest rows, so the fewest needless proposals, that few bands make sure enough."""
    banded = [(_bands(similarity, rows), rows) for rows in range(8, 1, -1)]
    return next((few for few in banded if few[0] <= MAX_BANDS), banded[-1])


def _bands(similarity: float, rows: int) -> int:
    shared = similarity**rows
    return 1 if shared == 1 else ceil(log(1 - SURE) / log(1 - shared))


def _keyed(text: str, of: frozenset[str]) -> list[str]:
    # Problems of one template would all share their bands, and each be compared with each: apart by their numbers,
    # they never meet.
    key = quantities(unlabelled(text))
    return [f"{key}|{one}" for one in sorted(of)]


def _may_be_one(prompt: Prompt, other: Prompt) -> bool:
    if quantities(unlabelled(prompt.text)) != quantities(unlabelled(other.text)) or prompt.domain != other.domain:
        return False
    mine, theirs = _answer(prompt.reference), _answer(other.reference)
    return mine is None or theirs is None or mine == theirs


def _answer(reference: Reference) -> str | None:
    if isinstance(reference, AnswerReference | ChoiceReference):
        return "".join(reference.answer.split()).strip("$.").casefold()
    return None


def _minhash(similarity: float) -> tuple[Callable[[list[str]], Any], Any]:
    try:
        import rensa
    except ImportError as error:
        raise MissingDependency("preparation.near_duplicates needs rensa", hint="pip install 'rensa>=0.5'") from error

    bands, rows = banding(similarity)

    def signature(tokens: list[str]) -> Any:
        made = rensa.RMinHash(num_perm=bands * rows, seed=SEED)
        made.update(tokens)
        return made

    return signature, rensa.RMinHashLSH(threshold=similarity, num_perm=bands * rows, num_bands=bands)

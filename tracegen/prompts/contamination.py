"""Decontamination: prompts that share n words in a row with a benchmark are left out, and the evidence is kept.

As DeepSeek-R1 did: any text with a matching 10-gram of an evaluation question goes (arXiv 2501.12948v2, appendix B). It
finds copies and quotations; it does not find paraphrases, and the authors say so of theirs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tracegen.errors import PromptError
from tracegen.prompts.tables import texts
from tracegen.prompts.words import grams, words
from tracegen.recipe import Benchmark, Decontamination


@dataclass(frozen=True, slots=True)
class Hit:
    """What a prompt shares with a benchmark."""

    benchmark_row: str
    """Benchmark and row, as ``aime-2024:17``: the row that shares the first n-gram."""
    ngram: str
    """The first shared words."""
    matches: int
    """How many different n-grams are shared with the benchmarks."""


class Contamination:
    """The n-grams of every benchmark that a recipe names. Memory: some 200 bytes for each."""

    def __init__(self, rule: Decontamination, rows: Iterable[tuple[str, str]]) -> None:
        """``rows``: names of benchmark rows, and their texts."""
        self._n = rule.ngram
        self._least = rule.min_matches
        self._rows: list[str] = []
        self._owner: dict[str, int] = {}
        self._whole: dict[str, int] = {}
        for name, text in rows:
            self._add(name, words(text))
        for phrase in rule.ignore:
            for gram in grams(words(phrase), self._n):
                self._owner.pop(gram, None)

    def hit(self, text: str) -> Hit | None:
        """What this prompt shares with the benchmarks, if it is enough to leave it out."""
        of = words(text)
        if (row := self._whole.get(" ".join(of))) is not None:
            return Hit(self._rows[row], " ".join(of), 1)
        owner = self._owner
        shared = [gram for gram in grams(of, self._n) if gram in owner]
        if not shared or (matches := len(set(shared))) < self._least:
            return None
        return Hit(self._rows[owner[shared[0]]], shared[0], matches)

    def _add(self, name: str, of: list[str]) -> None:
        self._rows.append(name)
        place = len(self._rows) - 1
        if len(of) < self._n:
            # Too short for an n-gram: only a prompt that is nothing but this row is a copy of it.
            self._whole.setdefault(" ".join(of), place)
        for gram in grams(of, self._n):
            self._owner.setdefault(gram, place)


def benchmark_rows(benchmarks: Iterable[Benchmark], base: Path) -> Iterator[tuple[str, str]]:
    """Every text of every benchmark, with the name of its row. Raises PromptError for a file without one."""
    for benchmark in benchmarks:
        found = False
        for number, text in texts(benchmark, base):
            found = True
            yield f"{benchmark.name}:{number}", text
        if not found:
            raise PromptError(f"benchmark {benchmark.name!r} has no text in {benchmark.path}")

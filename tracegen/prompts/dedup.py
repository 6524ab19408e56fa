"""Collecting prompts from sources, each problem once, with evidence for all that is left out."""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b

import pyarrow as pa

from tracegen.errors import PromptError
from tracegen.prompts.contamination import Contamination
from tracegen.prompts.left_out import LeftOut, Why
from tracegen.prompts.manifest import EVIDENCE, Conflict, UnusableRow
from tracegen.prompts.near import NearDuplicates
from tracegen.prompts.schema import PROMPT, from_table, reference_to_json, to_batch
from tracegen.prompts.sources import Unusable
from tracegen.types import AnswerReference, Prompt, Reference

ROWS_PER_BATCH = 4096
ANSWERS_REMEMBERED = 1 << 16


@dataclass(slots=True)
class Tally:
    """What became of one source's rows."""

    rows: int = 0
    prompts: int = 0
    duplicates: int = 0
    conflicts: int = 0
    unusable: int = 0
    near_duplicates: int = 0
    contaminated: int = 0
    unreadable: int = 0
    left_out_by_set: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Screens:
    """What a prompt has to pass beside being new. None lets everything through."""

    contamination: Contamination | None = None
    near: NearDuplicates | None = None
    unreadable_share: float = 0.0


class Collector:
    """Takes prompts in; keeps the first of each id. In memory: texts as Arrow, and some 150 bytes per prompt."""

    def __init__(self, check: Callable[[Reference], str], screens: Screens | None = None) -> None:
        self._screens = screens or Screens()
        self.left_out: list[LeftOut] = []
        self.conflicts: list[Conflict] = []
        self.unusable: list[UnusableRow] = []
        self._check = _remembering(check)
        self._batches: list[pa.RecordBatch] = []
        self._open: list[Prompt] = []
        self._places: dict[bytes, int] = {}
        self._references = array("Q")

    def __len__(self) -> int:
        return len(self._references)

    def read(self, source: str, rows: Iterable[Prompt | Unusable]) -> Tally:
        """Take a source in. Raises PromptError when none of its texts, or not all of its references, can be used."""
        tally = Tally()
        unreadable, unusable = _Unreadable(), ""
        for row in rows:
            tally.rows += 1
            if isinstance(row, Prompt):
                self._take(row, tally, unreadable)
            elif row.part == "set":
                tally.left_out_by_set[row.reason] = tally.left_out_by_set.get(row.reason, 0) + 1
            elif row.part == "reference":
                unreadable.add(row.source_row, row.reason)
                self.left_out.append(LeftOut(Why.UNREADABLE, row.source, row.source_row, "", "", row.reason, 0))
            else:
                tally.unusable += 1
                unusable = unusable or f"row {row.source_row}: {row.reason}"
                self._leave_out(row)
        unreadable.refuse(source, self._screens.unreadable_share * tally.rows)
        tally.unreadable = unreadable.count
        _refuse_empty(source, tally, unusable)
        return tally

    def table(self) -> pa.Table:
        """Every prompt kept, in the order of the sources. Handed over: the collector takes no more."""
        self._flush()
        self._places.clear()
        batches, self._batches = self._batches, []
        return pa.Table.from_batches(batches, schema=PROMPT)

    def _take(self, prompt: Prompt, tally: Tally, unreadable: "_Unreadable") -> None:
        key, reference = bytes.fromhex(prompt.prompt_id), reference_to_json(prompt.reference)
        digest = int.from_bytes(blake2b(reference.encode(), digest_size=8).digest(), "little")
        if (place := self._places.get(key)) is None:
            if self._passes(prompt, tally, unreadable):
                tally.prompts += 1
                self._keep(prompt, key, digest)
        elif self._references[place] == digest:
            tally.duplicates += 1
        else:
            tally.conflicts += 1
            if len(self.conflicts) < EVIDENCE:
                self.conflicts.append(self._conflict(place, prompt, reference))

    def _passes(self, prompt: Prompt, tally: Tally, unreadable: "_Unreadable") -> bool:
        if reason := self._check(prompt.reference):
            unreadable.add(prompt.source_row, reason)
            self._note(Why.UNREADABLE, prompt, "", reason, 0)
            return False
        contamination, near = self._screens.contamination, self._screens.near
        if contamination and (hit := contamination.hit(prompt.text)):
            tally.contaminated += 1
            self._note(Why.CONTAMINATED, prompt, hit.benchmark_row, hit.ngram, hit.matches)
            return False
        if near and (twin := near.find(prompt, self._kept)):
            tally.near_duplicates += 1
            kept = self._kept(twin[0])
            self._note(Why.NEAR_DUPLICATE, prompt, f"{kept.source}:{kept.source_row}", kept.text, twin[1])
            return False
        return True

    def _note(self, why: Why, prompt: Prompt, match: str, matched: str, score: float) -> None:
        self.left_out.append(LeftOut(why, prompt.source, prompt.source_row, prompt.text, match, matched, score))

    def _keep(self, prompt: Prompt, key: bytes, digest: int) -> None:
        self._places[key] = place = len(self._references)
        if self._screens.near:
            self._screens.near.remember(prompt, place)
        self._references.append(digest)
        self._open.append(prompt)
        if len(self._open) == ROWS_PER_BATCH:
            self._flush()

    def _leave_out(self, row: Unusable) -> None:
        if len(self.unusable) < EVIDENCE:
            self.unusable.append(UnusableRow(row=f"{row.source}:{row.source_row}", reason=row.reason))

    def _flush(self) -> None:
        if self._open:
            self._batches.append(to_batch(self._open))
            self._open.clear()

    def _conflict(self, place: int, dropped: Prompt, reference: str) -> Conflict:
        kept = self._kept(place)
        return Conflict(
            prompt_id=dropped.prompt_id,
            kept=f"{kept.source}:{kept.source_row}",
            kept_reference=reference_to_json(kept.reference),
            dropped=f"{dropped.source}:{dropped.source_row}",
            dropped_reference=reference,
        )

    def _kept(self, place: int) -> Prompt:
        batch, offset = divmod(place, ROWS_PER_BATCH)
        if batch == len(self._batches):
            return self._open[offset]
        return next(from_table(pa.Table.from_batches([self._batches[batch].slice(offset, 1)])))


def _refuse_empty(source: str, tally: Tally, unusable: str) -> None:
    if tally.unusable == tally.rows:
        raise PromptError(f"prompt source {source!r}: no row has a usable text", hint=unusable)
    by_set = tally.left_out_by_set
    if sum(by_set.values()) == tally.rows:
        told = ", ".join(f"{reason} ({count})" for reason, count in by_set.items())
        raise PromptError(f"prompt source {source!r}: reads.leave_out leaves out all of {tally.rows} rows", hint=told)


@dataclass(slots=True)
class _Unreadable:
    """References of one source that cannot be judged against: the first, and how many."""

    count: int = 0
    first: str = ""

    def add(self, source_row: str, reason: str) -> None:
        self.count += 1
        self.first = self.first or f"row {source_row}: {reason}"

    def refuse(self, source: str, tolerated: float) -> None:
        if self.count > tolerated:
            more = f" (and {self.count - 1} more rows)" if self.count > 1 else ""
            raise PromptError(
                f"prompt source {source!r} has a reference that cannot be read, {self.first}{more}",
                hint="mend or remove it, map another column or answer_pattern, or raise preparation.unreadable_share",
            )


def _remembering(check: Callable[[Reference], str]) -> Callable[[Reference], str]:
    """The check, asked once per answer as long as it is remembered: few answers are new, and parsing one is slow."""

    @lru_cache(ANSWERS_REMEMBERED)
    def of_answer(answer: str) -> str:
        return check(AnswerReference(answer=answer))

    def remembered(reference: Reference) -> str:
        if isinstance(reference, AnswerReference) and reference.tolerance is None and not reference.unit:
            return of_answer(reference.answer)
        return check(reference)

    return remembered

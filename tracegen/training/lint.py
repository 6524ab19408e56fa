"""Lint: every row is read; a sample, or all, is rendered and made into tokens as each trainer will.

Rows stream in batches, so memory does not grow with the dataset. It changes nothing, and trains nothing.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tracegen.errors import UserError
from tracegen.students import Student
from tracegen.training.conversation import needed, shape_of
from tracegen.training.dataset import Dataset
from tracegen.training.faults import OF_EVERY_ROW, Fault
from tracegen.training.look import Found, Lengths, Look, Suspect
from tracegen.training.seen import check_reads, readers
from tracegen.training.tokens import Renderer
from tracegen.training.trainers import Shape, Trainer

SAMPLE = 2_000
ROWS_A_CALL = 32
"""Fewest rows that are made into tokens at once; at most a batch of the dataset's more."""


@dataclass(frozen=True, slots=True)
class Linting:
    """What is asked of a lint."""

    dataset: Dataset
    student: Student
    renderer: Renderer
    max_length: int
    """Tokens of a row at most."""
    trainers: tuple[Trainer, ...] = ()
    """As whom to look; every one that reads such rows where none is named."""
    sample: int | None = SAMPLE
    """Rows to render, evenly spread; None for all. All rows are read."""


@dataclass(frozen=True, slots=True)
class Linted:
    """What lint found."""

    rows: int
    """Read, each."""
    rendered: int
    """Rendered, and made into tokens."""
    shape: Shape
    trainers: tuple[Trainer, ...]
    found: Mapping[Fault, Found]
    lengths: Lengths
    text_bytes: int
    """UTF-8 bytes that were made into tokens."""
    rendering_s: float
    """What of the time went into rendering and tokens; the rest was reading."""
    wall_s: float

    @property
    def clean(self) -> bool:
        return not self.found

    def looked_at(self, fault: Fault) -> int:
        """Rows in which that fault was looked for."""
        return self.rows if fault in OF_EVERY_ROW else self.rendered


def lint(asked: Linting, clock: Callable[[], float] = time.monotonic) -> Linted:
    """Look at a dataset as its trainers will. Raises UserError for rows that nobody, or the one named, can read."""
    began = clock()
    shape = shape_of(asked.dataset.columns, asked.dataset.place)
    check_reads(asked.trainers, shape)
    look = Look(asked.renderer, asked.trainers or readers(shape), Lengths(asked.max_length))
    look.at_tokenizer(asked.student.special_tokens if asked.renderer.is_students else ())
    rendering_s = _all_rows(asked, look, shape, clock)
    if not look.rows:
        raise UserError(f"{asked.dataset.place}: there are no rows")
    look.at_columns(asked.dataset.null_columns or _never_filled(asked.dataset, look))
    return Linted(
        rows=look.rows,
        rendered=look.rendered,
        shape=shape,
        trainers=look.trainers,
        found=dict(look.found),
        lengths=look.lengths,
        text_bytes=look.text_bytes,
        rendering_s=rendering_s,
        wall_s=clock() - began,
    )


def _all_rows(asked: Linting, look: Look, shape: Shape, clock: Callable[[], float]) -> float:
    """Every row read, the sample rendered; how long the rendering took, in seconds."""
    every = 1 if asked.sample is None else max(1, -(-asked.dataset.rows // max(1, asked.sample)))
    rendering_s = 0.0
    for suspects in _bunches(asked.dataset, look, shape, every):
        began = clock()
        look.at_renderings(suspects)
        rendering_s += clock() - began
    return rendering_s


def _bunches(dataset: Dataset, look: Look, shape: Shape, every: int) -> Iterator[list[Suspect]]:
    waiting: list[Suspect] = []
    for batch in dataset.batches(needed(shape)):
        for row in batch:
            suspect = look.at_row(row, shape)
            if suspect is not None and (look.rows - 1) % every == 0:
                waiting.append(suspect)
        if len(waiting) >= ROWS_A_CALL:
            yield waiting
            waiting = []
    yield waiting


def _never_filled(dataset: Dataset, look: Look) -> tuple[str, ...]:
    """Columns of JSON Lines that are null in every row: a loader that infers types gives them none."""
    if dataset.files[0].is_parquet:
        return ()
    return tuple(name for name, filled in look.columns.items() if not filled)

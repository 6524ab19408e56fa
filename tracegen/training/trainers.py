"""The five trainers, and what each does with rows. Facts of the versions named in ``docs/training.md``; no code."""

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from tracegen.errors import UserError


class Trainer(StrEnum):
    """Who reads the rows."""

    TRL = "trl"
    LLAMA_FACTORY = "llama-factory"
    AXOLOTL = "axolotl"
    VERL = "verl"
    NEMO = "nemo"


class Shape(StrEnum):
    """How a row holds its turns."""

    MESSAGES = "messages"
    """A list of ``role`` and ``content``; ``prompt`` and ``completion`` as two such lists are read as one."""
    COMPLETION = "prompt and completion"
    """Two strings, as TRL reads them."""
    RESPONSE = "prompt and response"
    """Two strings, as verl reads them."""
    TEXT = "text"
    """One string, rendered already."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What a trainer does by itself."""

    reads: tuple[Shape, ...]
    length: str
    """Its limit where nobody sets one."""
    over: str
    """What becomes of a row that is longer."""


HABITS = {
    Trainer.TRL: Habits(
        (Shape.MESSAGES, Shape.COMPLETION, Shape.TEXT), "1,024", "its end is cut off without a word, the answer first"
    ),
    Trainer.LLAMA_FACTORY: Habits(
        (Shape.MESSAGES, Shape.COMPLETION, Shape.RESPONSE), "2,048", "prompt and answer are cut without a word"
    ),
    Trainer.AXOLOTL: Habits((Shape.MESSAGES,), "512", "the row is dropped"),
    Trainer.VERL: Habits(
        (Shape.MESSAGES, Shape.RESPONSE), "1,024", "its end is cut off without a word; with padding, training stops"
    ),
    Trainer.NEMO: Habits((Shape.MESSAGES, Shape.COMPLETION), "1,024", "the row stays, and teaches nothing"),
}


def trainer(name: str) -> Trainer:
    """The trainer of that name. Raises UserError."""
    known = [str(one) for one in Trainer]
    if name in known:
        return Trainer(name)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    raise UserError(f"unknown trainer {name!r}", hint=hint)

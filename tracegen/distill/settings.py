"""What decides a student, besides its corpus and its base's weights. Values only; nothing of torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from tracegen.errors import UserError
from tracegen.students import Rope, Student
from tracegen.types import Value

TooLong = Literal["refuse", "drop"]
Dtype = Literal["bfloat16", "float32"]


class Settings(Value):
    """What a student is trained with. :func:`published` fills it in for one of the six."""

    student: str
    base: str
    """Folder or hub id of the weights that training starts from."""
    learning_rate: float = Field(gt=0)
    epochs: float = Field(gt=0)
    batch: int = Field(gt=0)
    """Rows that each step learns from, over all GPUs."""
    max_length: int = Field(gt=1)
    """Tokens of a row, prompt and completion together."""
    least_learning_rate: float = Field(gt=0, le=1)
    """Where the cosine ends, as a share of where it begins."""
    rope: Rope | None = None
    """Rotary positions to give the base; None leaves it as it is."""
    too_long: TooLong = "refuse"
    """What becomes of rows above ``max_length``. They are never cut: a cut trace has no answer and no end."""
    max_steps: int | None = Field(None, gt=0)
    """Fewer steps than the epochs have, for a trial."""
    seed: int = 0
    dtype: Dtype = "bfloat16"
    """What the forward pass computes in; weights and the optimizer's state are float32 either way."""


@dataclass(frozen=True, slots=True)
class Order:
    """A training as asked for."""

    corpus_uri: str
    settings: Settings
    output: Path
    micro_batch: int = 1
    """Rows that a GPU holds at once; the rest of the batch is accumulated."""
    save_every: int = 500
    """Steps between checkpoints."""


def published(student: Student, changes: Mapping[str, object]) -> Settings:
    """The student's own settings, with changes laid over them; a change that is None is none."""
    its_own: dict[str, object] = {
        "student": student.name,
        "base": student.base,
        "learning_rate": student.learning_rate,
        "least_learning_rate": student.least_learning_rate,
        "epochs": student.epochs[0],
        "batch": student.batch,
        "max_length": student.context,
        "rope": student.rope,
    }
    made = {name: value for name, value in changes.items() if value is not None}
    try:
        return Settings.model_validate(its_own | made)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise UserError(
            f"{'.'.join(map(str, wrong['loc']))} {made.get(str(wrong['loc'][0]))!r}: {wrong['msg']}"
        ) from None

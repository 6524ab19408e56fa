"""The six students of the published distillation, as data: what each is trained from, with, and on which template.

The numbers and their sources are in ``students.yaml``. It trains nothing and imports no trainer.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml
from pydantic import Field

from tracegen.errors import UserError
from tracegen.types import Value

BOS = "<｜begin▁of▁sentence｜>"
EOS = "<｜end▁of▁sentence｜>"
USER = "<｜User｜>"
ASSISTANT = "<｜Assistant｜>"


class Rope(Value):
    """Rotary positions to set in the base model's config before training."""

    max_position_embeddings: int = Field(gt=0)
    """Tokens."""
    rope_theta: float = Field(gt=0)


class Student(Value):
    """One student: a base model and the published settings it is trained with."""

    name: str
    """As ``qwen-7b``."""
    family: Literal["qwen", "llama"]
    """Which tokenizer it has."""
    base: str
    """Hub id of the model that training starts from."""
    base_licence: str
    published: str
    """Hub id of DeepSeek's own distill of that base. Its tokenizer is the base's with ``renamed_tokens`` renamed."""
    learning_rate: float = Field(gt=0)
    """The first, after warm-up."""
    least_learning_rate: float = Field(gt=0, le=1)
    """Where the schedule ends, as a share of the first."""
    schedule: Literal["cosine"]
    epochs: tuple[int, int]
    """Fewest and most."""
    batch: int = Field(gt=0)
    """Samples an optimizer step, over all devices."""
    context: int = Field(gt=0)
    """Tokens of a sample at most."""
    chat_template: str
    """Name of a template that ships with us, as ``distill``."""
    renamed_tokens: Mapping[str, str]
    """Special tokens: from the base's name to the student's."""
    rope: Rope | None
    """None: the base is left as it is."""

    @property
    def tokenizer(self) -> str:
        """Hub id of a tokenizer that has the student's special tokens."""
        return self.published

    @property
    def template(self) -> str:
        """The chat template to train with, as Jinja for ``transformers``."""
        return _text(f"{self.chat_template}.jinja")

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Strings that must be one token each."""
        return tuple(self.renamed_tokens.values())


def load_student(name: str) -> Student:
    """The student of that name, in any case. Raises UserError for a name that none has."""
    known = _students()
    if student := known.get(name.lower()):
        return student
    near = get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    raise UserError(f"unknown student {name!r}", hint=hint)


def students() -> tuple[Student, ...]:
    """All six, from the smallest Qwen to the largest Llama."""
    return tuple(_students().values())


@cache
def _students() -> dict[str, Student]:
    data: dict[str, Any] = yaml.safe_load(_text("students.yaml"))
    return {
        name: Student(**(data["every_student"] | data["families"][own["family"]] | own), name=name)
        for name, own in data["students"].items()
    }


@cache
def _text(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")

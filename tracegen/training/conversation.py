"""A row as the turns of a conversation: the one place that knows under which columns they may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracegen.errors import UserError
from tracegen.training.dataset import Row
from tracegen.training.trainers import Shape


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns of one row."""

    id: str
    shape: Shape
    turns: tuple[dict[str, str], ...]
    """Each with ``role`` and ``content``; for a text, one turn of an assistant."""
    thinking: bool | None = None
    """False: the row says that its answer comes without reasoning. None: it does not say."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A row whose turns are not text."""

    id: str
    why: str


def shape_of(columns: Sequence[str], place: str) -> Shape:
    """Which shape rows with these columns have. Raises UserError for none."""
    if "messages" in columns:
        return Shape.MESSAGES
    if "prompt" in columns and "completion" in columns:
        return Shape.COMPLETION
    if "prompt" in columns and "response" in columns:
        return Shape.RESPONSE
    if "text" in columns:
        return Shape.TEXT
    found = ", ".join(columns[:12]) or "none"
    raise UserError(
        f"{place}: no column messages, prompt with completion or response, or text", hint=f"columns there: {found}"
    )


def needed(shape: Shape) -> tuple[str, ...]:
    """The columns that a shape is read from."""
    parts = {
        Shape.MESSAGES: ("messages",),
        Shape.COMPLETION: ("prompt", "completion"),
        Shape.RESPONSE: ("prompt", "response"),
        Shape.TEXT: ("text",),
    }
    return ("id", *parts[shape], "thinking")


def read(row: Row, number: int, shape: Shape) -> Conversation | Unread:
    """The row's turns; ``number`` is its place from 1, and its name where it has no id."""
    name = str(row["id"]) if row.get("id") is not None else f"row {number:,}"
    turns: Any
    match shape:
        case Shape.MESSAGES:
            turns = row.get("messages")
        case Shape.TEXT:
            turns = [{"role": "assistant", "content": row.get("text")}]
        case _:
            first, last = row.get("prompt"), row.get("completion" if shape is Shape.COMPLETION else "response")
            turns = [*_turns(first, "user"), *_turns(last, "assistant")]
            shape = Shape.MESSAGES if isinstance(first, list) or isinstance(last, list) else shape
    if not isinstance(turns, list) or not all(
        isinstance(turn, dict) and _is_text(turn.get("content")) for turn in turns
    ):
        return Unread(name, "a turn without text as its content")
    clear = tuple({"role": str(turn.get("role")), "content": turn["content"]} for turn in turns)
    thinking = row.get("thinking")
    return Conversation(name, shape, clear, thinking if isinstance(thinking, bool) else None)


def _is_text(content: Any) -> bool:
    """Half of a surrogate pair, which JSON can spell, is none: no tokenizer takes it."""
    if not isinstance(content, str):
        return False
    try:
        content.encode()
    except UnicodeEncodeError:
        return False
    return True


def _turns(value: Any, role: str) -> list[Any]:
    return value if isinstance(value, list) else [{"role": role, "content": value}]

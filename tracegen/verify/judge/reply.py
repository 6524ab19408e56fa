r"""Reads what the judge has replied, strictly: one JSON object with both keys, or nothing. Pure."""

import json
import re
from dataclasses import dataclass

from tracegen.extract import CLOSE, OPEN

_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|)')
_WORDS: dict[object, bool] = {"correct": True, "incorrect": False}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the judge says of one brief."""

    correct: bool
    analysis: str


def read(text: str) -> Reply | None:
    """The reply in a judge's text; of one that thinks first, in what follows its thinking. None for anything else."""
    thought, closed, said = text.rpartition(CLOSE)
    if OPEN in (said if closed else text):
        return None  # it never stopped thinking
    found = _object((said if closed else thought or text).strip())
    if found is None or found.keys() != {"analysis", "correctness"}:
        return None
    analysis, correctness = found["analysis"], found["correctness"]
    correct = correctness if isinstance(correctness, bool) else _word(correctness)
    if correct is None or not isinstance(analysis, str) or not analysis.strip():
        return None
    # It goes into verdicts: a lone half of a surrogate pair, which JSON may spell, cannot be written.
    return Reply(correct, "".join(sign if sign.isprintable() else " " for sign in analysis.strip()))


def _word(value: object) -> bool | None:
    return _WORDS.get(value) if isinstance(value, str) else None


def _object(text: str) -> dict[str, object] | None:
    opening, _, rest = text.partition("\n")
    if opening.strip() in ("```", "```json") and rest.endswith("```"):
        text = rest.removesuffix("```")
    try:
        value = json.loads(_escaped(text), object_pairs_hook=_once, strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _escaped(text: str) -> str:
    r"""Judges write LaTeX into JSON: a backslash that begins no escape of JSON's is one of LaTeX's."""
    return _ESCAPE.sub(lambda found: found[0] if found[1] else r"\\", text)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        msg = "a key stands twice"
        raise ValueError(msg)
    return found

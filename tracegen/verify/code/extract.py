"""The program in an answer. Text in, source out; it neither parses nor runs it, and so is safe on any text.

Rules. A fence is a line of three or more backticks or tildes; a block without its closing fence does not count. The
word after the fence is the language. The last block of a language that fits is the program; only without one, the last
block that names none, for such blocks often hold sample output. Where a function is asked for, blocks that define it
come before those that do not: what follows it is often an example of its use.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tracegen.verify.sandbox.contract import Language

LANGUAGES: dict[str, Language] = {
    "python": "python",
    "python3": "python",
    "py": "python",
    "cpp": "cpp",
    "c++": "cpp",
    "cc": "cpp",
    "cxx": "cpp",
    "c++17": "cpp",
    "cpp17": "cpp",
}

_OPENING = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t]*([^\s`{:,]*)[^`\n]*")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    word: str
    """After the fence, in lower case; empty where there is none."""
    source: str


def blocks(text: str) -> list[Block]:
    """Every closed block, in order."""
    found = []
    lines = text.replace("\r\n", "\n").split("\n")
    at = 0
    while at < len(lines):
        opening = _OPENING.fullmatch(lines[at])
        end = _closing(lines, at + 1, opening[2]) if opening else None
        if opening and end is None:
            break  # without a closing fence all the rest is inside
        if opening and end:
            inside = (_outdented(line, len(opening[1])) for line in lines[at + 1 : end])
            found.append(Block(opening[3].lower(), "".join(line + "\n" for line in inside)))
            at = end
        at += 1
    return found


def program(text: str, languages: Sequence[Language], function: str = "") -> tuple[Language, str] | None:
    """Language and source of the program that the text gives; one that defines ``function``, where there is one."""
    known = [(LANGUAGES.get(block.word) if block.word else None, block) for block in blocks(text)]
    named = [(language, block.source) for language, block in known if language in languages and language]
    bare: list[tuple[Language, str]] = [("python", block.source) for _, block in known if not block.word]
    fitting = [*bare, *named]
    defining = [found for found in fitting if function and defines(found[1], function)]
    chosen = defining or fitting
    return chosen[-1] if chosen else None


def defines(source: str, function: str) -> bool:
    """Whether it has a line that defines this function, as a ``def`` or by assignment."""
    return bool(re.search(rf"^(?:async\s+)?(?:def\s+{re.escape(function)}\b|{re.escape(function)}\s*=)", source, re.M))


def _closing(lines: Sequence[str], at: int, fence: str) -> int | None:
    closing = re.compile(rf"[ \t]*{re.escape(fence[0])}{{{len(fence)},}}[ \t]*")
    return next((number for number in range(at, len(lines)) if closing.fullmatch(lines[number])), None)


def _outdented(line: str, by: int) -> str:
    """Without the fence's own indentation, as in a list."""
    return line[min(by, len(line) - len(line.lstrip(" \t"))) :]

"""Answers that are words, in one spelling: without wrappers, case and spaces. It reads no mathematics."""

import re

_CLOCK_TEXT = re.compile(r"(\d{1,2})(?::(\d\d))?([ap])\.?m\.?", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|an?)\s+", re.IGNORECASE)
_NOTHING = frozenset({r"\emptyset", r"\{\}", "nosolution", "nosolutions", "emptyset"})
_TEXT = re.compile(r"\\text\{([^{}]*)\}")
_PROSE = re.compile(r"[A-Za-z]{4}|^(?:yes|no|odd|red|one|two|six|ten)$", re.IGNORECASE)
_CHOICE = re.compile(r"\(?([A-Z])\)?")


def words(text: str) -> str:
    """A text answer without wrappers, case and spaces; unlike for every other text."""
    bare = _TEXT.sub(r"\1", text).strip()
    if choice := _CHOICE.fullmatch(bare):
        return choice[1]
    if clock := _CLOCK_TEXT.fullmatch(bare.replace(" ", "")):
        return f"{int(clock[1])}:{clock[2] or '00'}{clock[3].lower()}m"
    close = re.sub(r"[\s.]", "", _ARTICLE.sub("", bare)).casefold()
    if close in _NOTHING:
        return r"\emptyset"
    if _PROSE.search(bare.rstrip(".")) and "\\" not in bare:
        return close
    return bare if _TEXT.fullmatch(text) else text

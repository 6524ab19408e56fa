"""Text as words, for comparing prompts: what is the same problem in other spacing, case or mark-up has the same words."""

import re
import unicodedata

_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W_぀-ヿ㐀-鿿가-힯]+")
"""Scripts that put no spaces between words go by the character."""
_MATHS = re.compile(r"\d+|[+*/=<>≤≥≠±×÷^!%]|(?<![^\W\d])[-−](?![-−])|[-−](?=\d)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_LABEL = re.compile(
    r"\A\s*(?:(?:problem|question|example|exercise|q)?\s*\(?\d{1,3}(?:\.\d+)?\s*[.):]\s+|\(?[a-h][.)]\s+)",
    re.IGNORECASE,
)
"""A number that says where the problem stood, as ``12.``, ``Problem 3:`` or ``(a)``."""
_POINTS = re.compile(r"[(\[]\s*\d+\s*(?:points?|pts?|marks?)\s*[)\]]", re.IGNORECASE)


def words(text: str) -> list[str]:
    """Words and numbers in order, without case, punctuation and mark-up."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def unlabelled(text: str) -> str:
    """The problem without its number in a collection, and without what it was worth."""
    return _POINTS.sub(" ", _LABEL.sub("", text, count=1))


def quantities(text: str) -> str:
    """Numbers and operators, sorted: two problems that differ here are two problems, however alike they read."""
    plain = _THOUSANDS.sub("", unicodedata.normalize("NFKC", text))
    return " ".join(sorted(_MATHS.findall(plain)))


def grams(of: list[str], n: int) -> list[str]:
    """Every ``n`` words in a row; none where there are fewer."""
    return [" ".join(of[at : at + n]) for at in range(len(of) - n + 1)]

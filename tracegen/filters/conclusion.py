r"""The filter for answers that the reasoning did not arrive at. Values only: whether they are right is a verifier's word.

It compares what stands in the answer's last box with where the reasoning ended: its last box, else its last "the answer
is …", else anything it says. It speaks up only where no spelling of the value can be found: ``0.5``, ``\frac{1}{2}``
and ``50\%`` are one value, and so are ``12`` and ``twelve``.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain

from tracegen.extract import last_boxed
from tracegen.filter_options import Conclusion
from tracegen.filters.finding import Subject, shown

MAX_DIGITS = 40
"""Longer numbers are compared as text."""

MENTIONS = 20
"""How many of the last mentions of an answer are looked at."""
TAIL = 2_000
"""Characters at the end of the reasoning that are looked at before all of it is."""

_LAYOUT = re.compile(r"\\(?:left|right|displaystyle|q?quad|[,;:! ]|(?:big|Big|bigg|Bigg)[lr]?(?![a-z]))|\$|\\\\")
_STYLED = re.compile(r"\\(?:text|textbf|mathrm|mathbf|operatorname|mbox|textit)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dtc]?frac(?:\{([^{}]*)\}\{([^{}]*)\}|(\d)(\d))")
_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|,\\!|\\,|,)(?=\d{3}(?!\d))")
_NUMBER = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(?:/(\d+(?:\.\d+)?))?(\\?%)?")
_SAYS = ("answer", "Answer", "ANSWER", "答案", "结果")
_CONCLUDED = re.compile(
    r"answer\s*(?:[:：]|\s(?:is|should be|must be|would be|comes out (?:to be|as))(?!\s+not\b))[:\s*]*"
    r"|(?:答案|结果)(?:应该|就)?(?:是|为|：|:)",
    re.IGNORECASE,
)
_NAMES = (  # noqa: SIM905
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()
_CHINESE = "零一二三四五六七八九十"
_COMMAND = re.compile(r"\\([A-Za-z]+)|([A-Za-z]+)|[\u3400-\u9fff]+")
_LETTER = re.compile(r"[\s:*$(\\]*(?:(?:boxed|text|textbf)\{)*\(?[A-J]\b(?!['’])")
_CLAUSE_END = re.compile(r"[.。!！?？](?=\s|$)|\n")


def conclusion(subject: Subject, options: Conclusion) -> str:  # noqa: ARG001 - filters have one shape
    """Only where the answer has a box, and the teacher was to reason."""
    box = last_boxed(subject.trace.answer) if subject.trace.reasoning else None
    if box is None or not (wanted := _plain(box)):
        return ""
    reasoning = subject.trace.reasoning
    start, said = _ending(reasoning)
    if said and bool(_LETTER.match(said)) is not bool(_LETTER.match(box)):
        start, said = 0, ""  # one names an option, the other says what the option is
    if _holds(reasoning[start:], wanted):
        return ""
    if said:
        return f"the answer's box has {shown(box)}, the reasoning ended with {shown(said)}"
    return f"the answer's box has {shown(box)}, which the reasoning never says"


def _ending(reasoning: str) -> tuple[int, str]:
    """From where on the reasoning must say it, and what it says there; from the start where it draws no conclusion."""
    boxed = max(reasoning.rfind("\\boxed"), reasoning.rfind("\\fbox"))
    if boxed >= 0 and (box := last_boxed(reasoning[boxed:])):
        return boxed, box
    concluded = _last_conclusion(reasoning)
    if concluded is None:
        return 0, ""
    said = _CLAUSE_END.split(reasoning[concluded.end() : concluded.end() + 200], maxsplit=1)[0]
    # "The answer is obtained by …" concludes nothing: only a clause with a number or an option's letter does.
    return (concluded.start(), said) if _NUMBER.search(said) or _LETTER.match(said) else (0, "")


def _last_conclusion(reasoning: str) -> re.Match[str] | None:
    """The last place that says what the answer is, looked for from the end: a word at a time is fast, a pattern is not."""
    end = len(reasoning)
    for _ in range(MENTIONS):
        place = max(reasoning.rfind(word, 0, end) for word in _SAYS)
        if place < 0:
            break
        if found := _CONCLUDED.match(reasoning, place):
            return found
        end = place
    return None


def _holds(text: str, wanted: str) -> bool:
    """Whether a text has every value of the box, or its very spelling."""
    return _says(text[-TAIL:], wanted) or (len(text) > TAIL and _says(text, wanted))


def _says(text: str, wanted: str) -> bool:
    plain = _plain(text)
    if len(wanted) > 1 and _tight(wanted) in _tight(plain):
        return True
    values = list(_values(wanted))
    if not values:
        return _has_words(text, wanted)
    found = {*chain.from_iterable(_values(plain)), *_named(text)}
    return all(
        not found.isdisjoint((whole, whole * 100, whole / 100)) or found.issuperset(parts) for whole, *parts in values
    )


def _plain(text: str) -> str:
    """Without layout; fractions with a slash."""
    text = _STYLED.sub(r" \1 ", text)
    text = _THOUSANDS.sub("", text)
    for _ in range(2):  # one fraction within another
        text = _FRACTION.sub(_slash, text)
    return _LAYOUT.sub("", text).replace("−", "-").strip().rstrip(".,。")


def _tight(plain: str) -> str:
    return "".join(plain.split()).casefold()


def _slash(found: re.Match[str]) -> str:
    above, below = (found[1], found[2]) if found[1] is not None else (found[3], found[4])
    return f" {above.strip()}/{below.strip()} "


def _values(plain: str) -> Iterator[tuple[Fraction, ...]]:
    """Every number, and every quotient of two with its parts; a sign is layout here."""
    for number in _NUMBER.finditer(plain):
        above, below, percent = number.groups()
        if len(number[0]) > MAX_DIGITS:
            continue
        value = Fraction(above)
        if percent:
            value /= 100
        divisor = Fraction(below) if below else Fraction(1)
        yield (value / divisor, value, divisor) if divisor else (value, value)


def _named(text: str) -> Iterator[Fraction]:
    lower = text.lower()
    for value, name in enumerate(_NAMES):
        if name in lower or (value < len(_CHINESE) and _CHINESE[value] in text):
            yield Fraction(value)


def _has_words(text: str, wanted: str) -> bool:
    r"""A box without digits: its longest name must have been said, as ``Tuesday``, ``\pi`` or ``B``."""
    names = [found[1] or found[2] or found[0] for found in _COMMAND.finditer(wanted)]
    if not names:
        return True
    name = max(names, key=len)
    flags = re.IGNORECASE if len(name) > 1 else 0
    return re.search(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", text, flags) is not None

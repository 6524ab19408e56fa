r"""The exam that a judge takes before it settles anything: cases whose verdicts are known. Data and one rule.

It is easy. A judge that fails it does not read, or does not reply as asked, and its verdicts would be noise.
"""

from collections.abc import Sequence

from tracegen.verify.judge.brief import Brief
from tracegen.verify.judge.reply import Reply

MAX_RIGHT_REFUSED = 1
"""Of the right answers. Of the wrong ones none may be called correct, and none left without a readable reply."""

_SUM = "What is 17 + 25?"
_CAPITAL = "What is the capital of Australia?"
_ROOTS = "Solve x^2 = 9 over the real numbers."
_PRISM = "Name the solid with two parallel triangular faces and three rectangular ones."
_EVEN = "Is 91 a prime number?"
_SPEED = "A train covers 120 km in 90 minutes. What is its mean speed?"
_RUBRIC = "The answer names two primary colours of light and says that mixing them gives another colour."

RIGHT = (
    Brief("exam.0", _SUM, "42", "forty-two"),
    Brief("exam.1", _CAPITAL, "Canberra", "the city of Canberra"),
    Brief("exam.2", _ROOTS, "x = 3 or x = -3", r"plus or minus 3"),
    Brief("exam.3", _PRISM, "triangular prism", "a prism with triangular bases"),
    Brief("exam.4", _EVEN, "no", "No, it is 7 times 13."),
    Brief("exam.5", _SPEED, "80 km/h", "eighty kilometres per hour"),
    Brief(
        "exam.6",
        "How do coloured lights mix?",
        _RUBRIC,
        "Red and green are primary colours of light. Shone onto the same spot they give yellow.",
        by_rubric=True,
    ),
)
WRONG = (
    Brief("exam.7", _SUM, "42", "forty-three"),
    Brief("exam.8", _CAPITAL, "Canberra", "the city of Sydney"),
    Brief("exam.9", _ROOTS, "x = 3 or x = -3", "three only"),
    Brief("exam.10", _PRISM, "triangular prism", "a square pyramid"),
    Brief("exam.11", _EVEN, "no", "Yes, it is prime."),
    Brief("exam.12", _SPEED, "80 km/h", "ninety kilometres per hour"),
    Brief("exam.13", "How do coloured lights mix?", _RUBRIC, "Bread is made of flour and water.", by_rubric=True),
)


def failed(right: Sequence[Reply | None], wrong: Sequence[Reply | None]) -> str:
    """What is wrong with a judge that replies so, or an empty string."""
    accepted = sum(reply is not None and reply.correct for reply in wrong)
    unreadable = sum(reply is None for reply in (*right, *wrong))
    refused = sum(reply is not None and not reply.correct for reply in right)
    if accepted:
        return f"it called {accepted} of {len(wrong)} wrong answers correct"
    if unreadable > MAX_RIGHT_REFUSED:
        return f"{unreadable} of {len(right) + len(wrong)} replies were not the JSON that was asked for"
    if refused > MAX_RIGHT_REFUSED:
        return f"it called {refused} of {len(right)} right answers incorrect"
    return ""

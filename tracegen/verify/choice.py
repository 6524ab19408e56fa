r"""The choice verifier, ``choice/1``: which of several options an answer names, by letter or by text.

One option must be named, and nothing may name another: "A or C" is no answer, and a letter beside another option's
text is undecided. It judges answers, not reasoning.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from string import ascii_uppercase
from typing import ClassVar, Literal

from tracegen.extract import last_boxed
from tracegen.types import AnswerReference, ChoiceReference, Outcome, Reference, Trace, Verdict
from tracegen.verify.math import MAX_CHARACTERS, MathVerifier

CORRECT, INCORRECT, UNDECIDED = Outcome.CORRECT, Outcome.INCORRECT, Outcome.UNDECIDED

_WRAPPER = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathsf|mbox|boxed|fbox|bf|rm)\s*\{([^{}]*)\}")
_LAYOUT = re.compile(r"\\[(\[\])]|\\(?:left|right|quad|qquad|displaystyle)(?![A-Za-z])|\\[,;:! ]|[$*`~]|(?<=\S)[\s.]+$")
_LEAD = re.compile(
    r"^(?:so\s+|thus\s+|therefore,?\s+)?(?:the\s+)?(?:correct\s+|right\s+|final\s+|best\s+)*"
    r"(?:answers?|options?|choices?)(?:\s+is)?\s*:?\s+(?=\S)",
    re.IGNORECASE,
)
_LETTERED = re.compile(r"\(\s*([A-Za-z])\s*\)\s*(.*)|([A-Z])\s*[.):]\s*(.*)|([A-Za-z])", re.DOTALL)
_SEVERAL = re.compile(
    r"\(?[A-Za-z]\)?(?:\s*(?:,|;|/|&|\+|\\&|\bor\b|\band\b|,\s*or\b|,\s*and\b)\s*\(?[A-Za-z]\)?)+|(?:\([A-Z]\)\s*){2,}"
)
_OTHER_LETTER = re.compile(r"\(([A-Z])\)|\b(?:or|and|not|options?|choices?|answers?)\s+\(?([A-Z])\)?(?![A-Za-z])")
_OWN_LETTER = re.compile(r"\(?([A-Z])\s*[.):]\s*(?=\S)")
_WORD = re.compile(r"[A-Za-z]{3}")


@dataclass(frozen=True, slots=True)
class _Said:
    """What an answer names: a letter, or a text that has to be found among the options, or both."""

    letter: str
    text: str


@dataclass(frozen=True, slots=True)
class ChoiceVerifier:
    """Judges ``choice`` references."""

    answer_from: Literal["box", "box_or_last_line"] = "box"
    """Where the answer stands: as the math verifier has it."""

    name: ClassVar[str] = "choice/1"
    reads: ClassVar[frozenset[str]] = frozenset({"choice"})

    def check(self, reference: Reference) -> str:
        """Why a reference cannot be judged against, or an empty string."""
        if not isinstance(reference, ChoiceReference):
            return f"a reference of kind {reference.kind!r} is no choice"
        letter = _letter(reference.answer)
        if not letter:
            return f"the answer is no letter: {reference.answer[:60]!r}"
        if reference.options and letter not in _letters(reference):
            return f"the answer is {letter}, and there are {len(reference.options)} options"
        return ""

    def deadline_s(self, _: Reference) -> None:
        """What the pool gives."""

    def quick(self, reference: Reference, trace: Trace) -> Verdict | None:
        """What letters settle; a text among the options may need mathematics."""
        why = self.check(reference)
        if why or not isinstance(reference, ChoiceReference):
            return Verdict(UNDECIDED, "reference_unreadable", why)
        answer = MathVerifier(self.answer_from).answer(trace) or ""
        if len(answer) > MAX_CHARACTERS:
            return Verdict(UNDECIDED, "too_big", f"an answer of {len(answer)} characters")
        if not _bare(answer):
            return Verdict(INCORRECT, "no_answer", "no box in the answer, or an empty one")
        return _by_letter(reference, answer)

    def verify(self, reference: Reference, trace: Trace) -> Verdict:
        """Letters first, then the options' texts."""
        verdict = self.quick(reference, trace)
        if verdict is not None or not isinstance(reference, ChoiceReference):
            return verdict or Verdict(UNDECIDED, "reference_unreadable", self.check(reference))
        answer = MathVerifier(self.answer_from).answer(trace) or ""
        return _by_text(reference, answer)

    def warm(self) -> None:
        """Import what comparing options as mathematics needs."""
        MathVerifier().warm()


def _by_letter(reference: ChoiceReference, answer: str) -> Verdict | None:
    detail = f"{answer[:120]!r} against {_letter(reference.answer)}"
    exact = [letter for letter, text in _options(reference) if _plain(text) == _plain(answer)]
    bare = _bare(answer)
    said = _said(bare)
    if len(exact) == 1:
        ambiguous = said.letter in _letters(reference) and not said.text and said.letter != exact[0]
        return Verdict(UNDECIDED, "ambiguous", detail) if ambiguous else _verdict(exact[0], reference, detail)
    if not exact and _several(reference, bare):
        return Verdict(INCORRECT, "several_options", detail)
    if not said.letter or said.text:
        return None
    if reference.options and said.letter not in _letters(reference):
        return Verdict(INCORRECT, "no_such_option", detail)
    return _verdict(said.letter, reference, detail)


def _by_text(reference: ChoiceReference, answer: str) -> Verdict:
    """The text beside a letter, or instead of one."""
    detail = f"{answer[:120]!r} against {_letter(reference.answer)}"
    said = _said(_bare(answer))
    if _names_others(said):
        return Verdict(UNDECIDED, "several_options", detail)
    if not reference.options:
        # "C. text" names C; a text alone cannot be looked up.
        return _verdict(said.letter, reference, detail) if said.letter else Verdict(UNDECIDED, "no_options", detail)
    if said.letter and said.letter not in _letters(reference):
        return Verdict(UNDECIDED, "no_such_option", detail)
    named = _named(reference, said.text)
    if said.letter:
        agree = named == [said.letter]
        return (
            _verdict(said.letter, reference, detail) if agree else Verdict(UNDECIDED, "letter_and_text_differ", detail)
        )
    if len(named) == 1:
        return _verdict(named[0], reference, detail)
    return Verdict(UNDECIDED, "equal_options" if named else "no_option_named", detail)


def _several(reference: ChoiceReference, bare: str) -> bool:
    run = 1 < len(bare) == len(set(bare)) and set(bare) <= set(_letters(reference) or "ABCDE")
    return run or _SEVERAL.fullmatch(bare) is not None


def _verdict(letter: str, reference: ChoiceReference, detail: str) -> Verdict:
    if letter == _letter(reference.answer):
        return Verdict(CORRECT, "equal", detail)
    return Verdict(INCORRECT, "different", detail)


def _named(reference: ChoiceReference, text: str) -> list[str]:
    """Letters of the options that a text equals: as text where one does, else as mathematics."""
    wanted = _plain(text)
    same = [letter for letter, option in _options(reference) if _plain(option) == wanted]
    return same or [letter for letter, option in _options(reference) if _equal(option, text)]


def _equal(option: str, text: str) -> bool:
    boxed = rf"\boxed{{{text}}}"
    if not option.strip() or last_boxed(boxed) != text:
        return False
    return MathVerifier().verify(AnswerReference(answer=option), Trace("", boxed)).outcome is CORRECT


def _names_others(said: _Said) -> bool:
    """Whether the text beside, or without, a letter names a further letter."""
    others = {letter for found in _OTHER_LETTER.findall(said.text) for letter in found if letter}
    return bool(others - {said.letter})


def _said(bare: str) -> _Said:
    match = _LETTERED.fullmatch(bare)
    if match is None:
        return _Said("", bare)
    return _Said((match[1] or match[3] or match[5]).upper(), (match[2] or match[4] or "").strip())


def _bare(answer: str) -> str:
    """Without wrappers, layout, and words that lead to the answer."""
    for _ in range(3):
        answer = _WRAPPER.sub(r"\1", answer)
    answer = _LAYOUT.sub(" ", answer).strip()
    return _LEAD.sub("", answer).strip()


def _plain(text: str) -> str:
    """A text for comparison: spaces, wrappers and a full stop do not count, nor does case where there are words."""
    bare = re.sub(r"\s+", " ", _bare(text))
    return bare.casefold() if _WORD.search(bare) else bare


def _letter(text: str) -> str:
    said = _said(_bare(text))
    return "" if said.text else said.letter


def _letters(reference: ChoiceReference) -> str:
    return ascii_uppercase[: len(reference.options)]


def _options(reference: ChoiceReference) -> Iterator[tuple[str, str]]:
    """Letter and text; without the letter where the texts begin with theirs."""
    for letter, text in zip(ascii_uppercase, reference.options, strict=False):
        own = _OWN_LETTER.match(text)
        yield letter, text[own.end() :] if own and own[1] == letter else text

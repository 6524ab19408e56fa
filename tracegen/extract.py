r"""Extraction: the text of a completion becomes a trace, or a named rejection. Pure; it judges nothing.

The corpus stores an assistant turn as ``<think>\n{reasoning}\n</think>\n\n{answer}``: :func:`response` writes that
shape and :func:`split` reads it, so ``split(response(trace))`` is ``trace`` for every trace with reasoning that
``split`` returned. One without is read with :data:`UNTHINKING` as prefill, as it was asked for.
"""

import re
from dataclasses import dataclass

from tracegen.types import FinishReason, Trace

OPEN = "<think>"
CLOSE = "</think>"
UNTHINKING = f"{OPEN}\n\n{CLOSE}\n\n"
"""How R1 skips its thinking (model card, usage recommendations): the prefill of a teacher that is not to think, and how
its response begins in the corpus."""

_BLANK_LINES_BEFORE = re.compile(r"\A(?:[^\S\n]*\n)+")
_BOX_TOKEN = re.compile(r"\\(?:boxed|fbox)\s*\{|\\.|[{}]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A completion that holds no trace, and why."""

    reason: str
    """``truncated``, ``no_think_close``, ``doubled_think``, ``text_before_think``, ``empty_reasoning``,
    ``empty_answer`` or ``unasked_reasoning``."""
    detail: str


def split(text: str, prefill: str = "", finish_reason: FinishReason = FinishReason.STOP) -> Trace | Rejection:
    """Cut at the think tags. The opening tag may be missing: R1's chat template puts it into the prompt.

    A prefill that closes the thinking asked for none: then the reasoning is empty, and must be.
    """
    if CLOSE in prefill:
        return _unthinking(prefill, text, finish_reason)
    full = prefill + text
    opens, closes = _tags(full)
    if not closes:
        return _unclosed(finish_reason)
    head, tail = full[: closes[0]], full[closes[0] + len(CLOSE) :]
    before, tag, inside = head.partition(OPEN)
    if len(opens) > 1 or len(closes) > 1 or OPEN in tail:
        return Rejection("doubled_think", f"{len(opens)} opening and {len(closes)} closing think tags")
    if tag and before.strip():
        return Rejection("text_before_think", "text before the opening think tag")
    return _trace(inside if tag else head, tail, finish_reason)


def response(trace: Trace) -> str:
    """The assistant turn as the corpus stores it."""
    return f"{OPEN}\n{trim(trace.reasoning)}\n{CLOSE}\n\n{trim(trace.answer)}"


def trim(text: str) -> str:
    """Without blank lines before and without white space after; the first line keeps its indentation."""
    return _BLANK_LINES_BEFORE.sub("", text).rstrip()


def last_boxed(text: str) -> str | None:
    r"""What stands in the last ``\boxed{…}`` or ``\fbox{…}`` whose braces balance; linear in the text's length.

    Boxes within a box belong to the outer one. Escaped braces are text.
    """
    found: tuple[int, int] | None = None
    opened: list[int] = []  # where the content of each open brace begins; negative: the brace opens no box
    for token in _BOX_TOKEN.finditer(text):
        kind = token[0]
        if kind == "}":
            begins = opened.pop() if opened else -1
            found = (begins, token.start()) if begins >= 0 else found
        elif kind == "{":
            opened.append(-1)
        elif len(kind) > 2:
            opened.append(token.end())
    return text[found[0] : found[1]] if found else None


def _tags(text: str) -> tuple[list[int], list[int]]:
    """Where opening and closing tags begin. Looks at angle brackets only: ten times as fast on long text."""
    opens: list[int] = []
    closes: list[int] = []
    at = text.find("<")
    while at >= 0:
        if text.startswith(OPEN, at):
            opens.append(at)
        elif text.startswith(CLOSE, at):
            closes.append(at)
        at = text.find("<", at + 1)
    return opens, closes


def _unclosed(finish_reason: FinishReason) -> Rejection:
    if finish_reason is FinishReason.LENGTH:
        return Rejection("truncated", "the token limit came before the closing think tag")
    return Rejection("no_think_close", "no closing think tag")


def _unthinking(prefill: str, text: str, finish_reason: FinishReason) -> Trace | Rejection:
    """The trace of a teacher that was told not to think."""
    if any(_tags(text)):
        return Rejection("unasked_reasoning", "think tags after a prefill that asked for no thinking")
    answer = trim(prefill.rpartition(CLOSE)[2] + text)
    return Trace("", answer) if answer else _no_answer(finish_reason)


def _no_answer(finish_reason: FinishReason) -> Rejection:
    cut = finish_reason is FinishReason.LENGTH
    return Rejection("truncated" if cut else "empty_answer", "nothing after the closing think tag")


def _trace(inside: str, tail: str, finish_reason: FinishReason) -> Trace | Rejection:
    trace = Trace(trim(inside), trim(tail))
    if not trace.reasoning:
        return Rejection("empty_reasoning", "nothing between the think tags")
    if not trace.answer:
        return _no_answer(finish_reason)
    return trace

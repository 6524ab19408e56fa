"""Filters that look at the form of a trace: paragraphs, code blocks, markers, stubs, cut answers. No language."""

import re

from tracegen.filter_options import ChatMarkers, CodeBlocks, LongParagraphs, ThinReasoning, Truncation
from tracegen.filters.finding import Subject, shown
from tracegen.types import FinishReason

_FENCE = re.compile(r"^[ \t>]*(?:[-*+]|\d+[.)])?[ \t]*(?:`{3,}|~{3,})[^`\n]*$", re.MULTILINE)
_MARKER = re.compile(
    r"<[|｜](?:im_start|im_end|endoftext|eot_id|start_header_id|end_header_id|begin_of_text|end_of_text|eom_id"
    r"|begin_of_thought|end_of_thought|begin_of_solution|end_of_solution|user|assistant|system|end"
    r"|User|Assistant|(?:begin|end)[▁_]of[▁_]sentence|tool[▁_][\w▁]+)[|｜]>"
    r"|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
    r"|<\s*/?\s*(?:think|thinking|thought|reasoning)\s*/?\s*>",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\d_]+|\d+")


def long_paragraphs(subject: Subject, options: LongParagraphs) -> str:
    """A paragraph is a line: models do not wrap."""
    for line in subject.trace.reasoning.split("\n"):
        # A character has at most four bytes.
        if 4 * len(line) > options.max_bytes and (size := len(line.encode(errors="replace"))) > options.max_bytes:
            return f"a paragraph of {size:,} bytes: {shown(line)}"
    return ""


def code_blocks(subject: Subject, options: CodeBlocks) -> str:  # noqa: ARG001 - filters have one shape
    """A line that opens a fence; backticks within a line are no block."""
    reasoning = subject.trace.reasoning
    if "```" not in reasoning and "~~~" not in reasoning:
        return ""
    fence = _FENCE.search(reasoning)
    return f"a code block at character {fence.start():,}: {shown(reasoning[fence.start() :])}" if fence else ""


def truncation(subject: Subject, options: Truncation) -> str:  # noqa: ARG001 - filters have one shape
    """The engine ran into the token limit after the closing tag."""
    if subject.finish_reason is not FinishReason.LENGTH:
        return ""
    return f"the answer was cut at the token limit: …{shown(subject.trace.answer[-60:])}"


def chat_markers(subject: Subject, options: ChatMarkers) -> str:  # noqa: ARG001 - filters have one shape
    """In reasoning or answer."""
    for where, text in (("reasoning", subject.trace.reasoning), ("answer", subject.trace.answer)):
        if ("<" in text or "[" in text) and (marker := _MARKER.search(text)):
            return f"{marker[0]} in the {where}"
    return ""


def thin_reasoning(subject: Subject, options: ThinReasoning) -> str:
    """Counts no further than it has to. Empty reasoning was asked for: else a completion would hold no trace."""
    if not subject.trace.reasoning:
        return ""
    words = 0
    for _ in _WORD.finditer(subject.trace.reasoning):
        words += 1
        if words >= options.min_words:
            return ""
    return f"reasoning of {words} words: {shown(subject.trace.reasoning)}"

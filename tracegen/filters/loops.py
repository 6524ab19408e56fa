"""The filter for text that repeats itself: by sentence and line, which is where teachers loop. It reads no meaning.

A long sentence that comes again and again, a few short ones that follow themselves, and text without any sentence are
three kinds of loop. Short lines that recur here and there are none: calculations, tables and case lists have them.
"""

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from operator import eq

from tracegen.filter_options import Loops
from tracegen.filters.finding import Subject, shown

LONG = 40
"""Characters from which a sentence or line is long, about 15 tokens; a Chinese character counts as three."""
LONGEST_CYCLE = 8
"""Sentences or lines."""
MUCH = 600
"""Characters that must have been said before to matter: a short proof may take up its claim word by word."""
RUNAWAY = 1_500
"""Characters without an end of sentence that are looked at by themselves."""
RUNAWAY_RATIO = 12
"""Bytes per byte that deflate leaves of a runaway. Prose gives 2 to 3, tables and lists of numbers up to 8."""

ENDS = re.compile(r"[.!?;](?=\s|$)|[。！？；\n]")
LETTERS = re.compile(r"[^\W\d_]{2}|[\u3040-\u30ff\u3400-\u9fff]")


def loops(subject: Subject, options: Loops) -> str:
    """In reasoning or answer, each by itself: an answer may say again what the reasoning said."""
    for text in (subject.trace.reasoning, subject.trace.answer):
        if found := _loop(text, options):
            return found
    return ""


def _loop(text: str, options: Loops) -> str:
    segments = [segment for piece in ENDS.split(text) if (segment := piece.strip())]
    if len(segments) > len(set(segments)):
        return _recurring(segments, options) or _in_a_row(segments, options.max_in_a_row) or _runaway(segments)
    return _runaway(segments)


def _recurring(segments: Sequence[str], options: Loops) -> str:
    """Long segments that occur too often, or make up too much of the text."""
    counts = {segment: number for segment, number in Counter(segments).items() if number > 1 and is_long(segment)}
    if not counts:
        return ""
    repeated = sum((number - 1) * len(segment) for segment, number in counts.items())
    most, number = max(counts.items(), key=lambda item: (item[1], item[0]))
    if number > options.max_repeats:
        return f"said {number} times: {shown(most)}"
    share = repeated / sum(map(len, segments))
    return (
        f"{share:.0%} was said before: {shown(most)}" if repeated >= MUCH and share > options.max_repeated_share else ""
    )


def is_long(segment: str) -> bool:
    """Whether its coming again says something. Tables and grids that are drawn again have no words, and are not meant."""
    if len(segment) < LONG and (segment.isascii() or len(segment.encode(errors="replace")) < LONG):
        return False
    return len(LETTERS.findall(segment)) >= LONG // 8


def _in_a_row(segments: Sequence[str], limit: int) -> str:
    """A group of segments with words in it that follows itself ``limit`` times."""
    for length in range(1, LONGEST_CYCLE + 1):
        as_before = list(map(eq, segments[length:], segments))
        if sum(as_before) < length * (limit - 1):
            continue
        run = 0
        for place, again in enumerate(as_before):
            run = run + 1 if again else 0
            if run >= length * (limit - 1):
                group = segments[place + 1 : place + 1 + length]
                if any(map(LETTERS.search, group)):
                    return f"{limit} times in a row: {shown(' / '.join(group))}"
    return ""


def _runaway(segments: Sequence[str]) -> str:
    for segment in segments:
        if len(segment) >= RUNAWAY:
            data = segment.encode(errors="replace")
            if (ratio := len(data) / len(zlib.compress(data, 1))) > RUNAWAY_RATIO:
                return f"{len(segment):,} characters that shrink {ratio:.0f}-fold: {shown(segment)}"
    return ""

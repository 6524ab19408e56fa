"""What a recipe may say about filters: closed models, one a filter, with the source of each default. No filtering.

"Ours" means that nobody published a number: R1's paper names its three filters and gives no threshold (arXiv 2501.12948,
2.3.3). What such a number rests on is said beside it.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from tracegen.types import Domain, Value

PersonalKind = Literal["email", "phone", "card", "iban", "id_number"]
PERSONAL_KINDS: tuple[PersonalKind, ...] = ("email", "phone", "card", "iban", "id_number")


class Filter(Value):
    """What every filter has."""

    spare: tuple[Domain, ...] = ()
    """Domains that it leaves alone."""


class MixedLanguages(Filter):
    """Reasoning in more than one language, or in another one than its answer. One of R1's three."""

    foreign_letters: int = Field(12, gt=0)
    """So many letters of another script, each word counted once, are a mix; grammar words (``因此``) count three times.
    Ours: the names in a word problem come to 9 (three names of three characters), one clause of Chinese to more."""
    clause_words: int = Field(6, gt=1)
    """English among Chinese, or another script that does not write with Latin letters, is a mix from so many words in
    a row with a grammar word among them. Ours: the longest technical terms have five words and no grammar word."""
    paragraph_words: int = Field(12, gt=0)
    """Between languages of one script, only paragraphs of so many words are told apart, by py3langid. Ours: it called
    0.13 % of 3,000 runs of twelve words from MATH's problems another language, of four words 2.3 % (docs/filters.md)."""
    confidence: float = Field(0.99, gt=0, le=1)
    """Of py3langid, for a paragraph to count. Ours: none of those runs reached 0.9."""


class LongParagraphs(Filter):
    """A paragraph that nobody would read. One of R1's three."""

    max_bytes: int = Field(4_000, gt=0)
    """UTF-8 bytes of one line: models do not wrap lines, and a thought takes about as many bytes in Chinese as in
    English. Ours: about 650 English words, more than a printed page without a break."""


class CodeBlocks(Filter):
    """A fenced block of code in the reasoning. One of R1's three."""

    spare: tuple[Domain, ...] = (Domain.CODE,)
    """Domains that it leaves alone. The paper names no exception; ours is code, where the block is the draft of the
    answer and most teachers write one. ``[]`` is the paper to the letter."""


class Truncation(Filter):
    """An answer that ends at the token limit. (Cut within the reasoning, a completion holds no trace at all.)"""


class ChatMarkers(Filter):
    """Tokens of a chat template spelled out, and think tags in other spellings: a tokenizer would take them for real."""


class ThinReasoning(Filter):
    """Reasoning in name only. (Where it is empty, a completion holds no trace at all.)"""

    min_words: int = Field(10, gt=0)
    """A Chinese character counts as a word. Ours: ``Let me think about this step by step.`` has eight."""
    spare: tuple[Domain, ...] = (Domain.GENERAL,)
    """Domains that it leaves alone. R1's pipeline gave simple general prompts no reasoning (arXiv 2501.12948, 2.3.3)."""


class Loops(Filter):
    """Text that repeats itself."""

    max_repeats: int = Field(20, gt=0)
    """How often a sentence or line of 40 characters may occur. After AM-Thinking's study, which drops n-grams of 20
    tokens that occur more than 20 times (arXiv 2505.14464)."""
    max_in_a_row: int = Field(10, gt=1)
    """How often a group of up to eight short sentences or lines may follow itself. Ours: verifying a case again and
    again by hand seldom says the very same words three times running."""
    max_repeated_share: float = Field(0.3, gt=0, lt=1)
    """Share of the text, in characters, that may stand in long sentences or lines seen before. Gopher allows 0.2 in web
    pages (arXiv 2112.11446, table A1); ours is wider, as reasoning takes a step again when it checks."""


class Conclusion(Filter):
    """The answer's box holds what the reasoning did not arrive at."""


class Refusals(Filter):
    """The answer declines to answer."""


class PersonalData(Filter):
    """Data about people, in reasoning or answer."""

    kinds: tuple[PersonalKind, ...] = PERSONAL_KINDS
    """What is looked for. A number counts only with its check digits (cards, IBAN, Chinese identity numbers) or with
    words before it that say what it is (phones, US social security): mathematics is full of digits."""


class Filters(Value):
    """Which filters a trace must pass to be judged. ``null`` turns one off."""

    mixed_languages: MixedLanguages | None = MixedLanguages()
    long_paragraphs: LongParagraphs | None = LongParagraphs()
    code_blocks: CodeBlocks | None = CodeBlocks()
    truncation: Truncation | None = Truncation()
    chat_markers: ChatMarkers | None = ChatMarkers()
    thin_reasoning: ThinReasoning | None = ThinReasoning()
    loops: Loops | None = Loops()
    conclusion: Conclusion | None = Conclusion()
    refusals: Refusals | None = Refusals()
    personal_data: PersonalData | None = PersonalData()

    @model_validator(mode="after")
    def _some_are_on(self) -> Self:
        if all(value is None for _, value in self):
            msg = "every filter is off; leave filters out instead"
            raise ValueError(msg)
        return self

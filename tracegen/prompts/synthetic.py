"""Prompts made of seeded arithmetic, in any number and for any domain: for rehearsals, never for a corpus to train on.

They cost a microsecond each, no two texts of a source are alike, and each has an answer that the math verifier reads.
"""

from collections.abc import Iterator
from random import Random

from tracegen.recipe import SyntheticSource
from tracegen.types import AnswerReference, Prompt, prompt_id

FIRST_FACTOR = 1_000
"""The first factor counts up from here: that is what makes every text of a source different."""
LARGEST = 1_000


def synthetic_rows(source: SyntheticSource) -> Iterator[Prompt]:
    """The same source, the same prompts: number and seed decide, whatever the source is called."""
    draw = Random(f"{source.domain.value} {source.seed}").random  # noqa: S311 -- a rehearsal, no secret
    for number in range(source.size):
        first, second, third = FIRST_FACTOR + number, 2 + int(draw() * LARGEST), int(draw() * LARGEST)
        text = f"What is {first} * {second} + {third}?"
        reference = AnswerReference(answer=str(first * second + third))
        identity = prompt_id(source.domain, text)
        yield Prompt(identity, source.domain, text, reference, source.name, str(number + 1), source.licence)

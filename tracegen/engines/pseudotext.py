"""Text that looks like reasoning and means nothing, cut from one long block so that it costs no time."""

from functools import lru_cache
from random import Random

BLOCK_CHARS = 1 << 19
"""Parquet compresses by the megabyte: texts cut from a block smaller than a few of those repeat each other there."""

_TEXT = (
    "let us compute the total so we need to check if this is right wait actually the product of the first two numbers "
    "then add the remaining ones hmm alternatively break it down step by step carry over multiply by ten and sum again "
    "therefore that gives an equality because each factor divides evenly okay suppose instead it were larger"
)
_WORDS = _TEXT.split()


@lru_cache(maxsize=4)
def pseudotext(seed: int, chars: int = BLOCK_CHARS) -> str:
    """A block of varied sentences; the same seed, the same block."""
    random = Random(f"pseudotext {seed}")  # noqa: S311 -- a simulation, no secret
    sentences: list[str] = []
    size = 0
    while size < chars:
        sentence = _sentence(random)
        sentences.append(sentence)
        size += len(sentence)
    return "".join(sentences)[:chars]


def _sentence(random: Random) -> str:
    words = " ".join(random.choices(_WORDS, k=random.randint(6, 18)))
    if random.random() < 0.5:
        left, right = random.randint(2, 999), random.randint(2, 999)
        words += f" {left} * {right} = {left * right}"
    return f"{words.capitalize()}. "


def slice_of(block: str, where: float, chars: int) -> str:
    """So many characters from a place given as a fraction; the block is taken as a ring."""
    start = int(where * len(block))
    text = block[start : start + chars]
    while len(text) < chars:
        text += block[: chars - len(text)]
    return text

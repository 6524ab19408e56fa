"""What one completion shows of the engine behind it. Pure; one completion proves little, so the rules are elsewhere."""

import re

from tracegen.extract import CLOSE, OPEN
from tracegen.types import FinishReason, Generation, Request, Sampling

MISPRINT = re.compile(r"<think>\s*(?:/n|\\n)")
"""A line break that became two characters on its way through JSON, YAML or a shell."""
FEWEST_CHARS_PER_TOKEN = 0.5
MOST_CHARS_PER_TOKEN = 16
"""Text has 1 to 6 characters a token in any language and with any tokenizer in use."""
GREEDY_BELOW = 0.01
"""vLLM raises smaller temperatures to this."""


def leading_opens(text: str) -> int:
    """Opening think tags at the beginning, with nothing but white space between them."""
    count, rest = 0, text.lstrip()
    while rest.startswith(OPEN):
        count, rest = count + 1, rest.removeprefix(OPEN).lstrip()
    return count


def thinks(request: Request) -> bool:
    """Whether the prefill begins a reasoning and leaves it open."""
    return OPEN in request.prefill and CLOSE not in request.prefill


def has_reasoning(request: Request, text: str) -> bool:
    """Whether a finished text holds a reasoning that is closed and not empty."""
    head, closed, _ = (request.prefill + text).partition(CLOSE)
    return bool(closed and head.replace(OPEN, "").strip())


def cut_short(generation: Generation, context_tokens: int = 0) -> bool:
    """Whether the token limit is said to have been met before it was.

    ``context_tokens``: what else may have filled the context. Servers count the last token or do not: two per cent
    are left for that.
    """
    limit, made = generation.sampling.max_tokens, generation.completion_tokens
    if generation.finish_reason is not FinishReason.LENGTH or not made:
        return False
    return made + context_tokens < limit - max(2, limit // 50)


def vanished(text: str, tokens: int) -> bool:
    """Whether more was generated than is there to be read."""
    return len(text) < FEWEST_CHARS_PER_TOKEN * tokens


def differing(asked: Sampling, in_effect: Sampling, prompt_tokens: int) -> str:
    """The parameter that is not in effect as it was asked for; empty where all are.

    The limit on tokens may be smaller by what the prompt takes: a context as long as the limit.
    """
    greedy = asked.temperature < GREEDY_BELOW
    if in_effect.temperature != asked.temperature and not (greedy and in_effect.temperature <= GREEDY_BELOW):
        return "temperature"
    if in_effect.top_p != asked.top_p and not greedy:
        return "top_p"
    return "max_tokens" if in_effect.max_tokens + prompt_tokens < asked.max_tokens else ""

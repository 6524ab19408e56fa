"""The rules for a run's own completions: nothing is asked, and chance is ruled out by looking at many in a row."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tracegen.canary.findings import Finding, quoted
from tracegen.canary.replies import WARM
from tracegen.canary.signs import cut_short, differing, has_reasoning, leading_opens, vanished
from tracegen.extract import CLOSE
from tracegen.recipe_where import CanaryCheck
from tracegen.types import FinishReason, Generation, Request

NAMED = 8
"""So many of the attempts in question are named."""
FEWEST_TOKENS = 8
FEWEST_TOKENS_TO_DIFFER = 64
REMEMBERED = 4096
"""Prompts whose last completion is remembered, by a hash of its text."""


@dataclass(slots=True)
class Streak:
    """How often in a row something looked wrong."""

    needed: int
    count: int = 0
    attempts: deque[str] = field(default_factory=lambda: deque(maxlen=NAMED))

    def add(self, attempt_id: str, wrong: bool | None) -> bool:
        """True when it is enough. ``None`` says nothing either way."""
        if wrong is None:
            return False
        if not wrong:
            self.count = 0
            self.attempts.clear()
            return False
        self.count += 1
        self.attempts.append(attempt_id)
        return self.count >= self.needed


class Running:
    """Looks at each completion of one replica."""

    def __init__(self) -> None:
        self._streaks: dict[str, Streak] = {
            "sampling": Streak(2),
            "max_tokens": Streak(4),
            "think": Streak(16),
            "vanished": Streak(16),
            "reasoning": Streak(128),
            "seed": Streak(32),
            "abort": Streak(32),
            "length": Streak(256),
        }
        self._last: OrderedDict[str, int] = OrderedDict()

    def see(self, request: Request, generation: Generation) -> Iterator[tuple[Finding, tuple[str, ...]]]:
        """What the completions have come to show, and the attempts that showed it last."""
        for name, wrong in self._signs(request, generation).items():
            streak = self._streaks[name]
            if streak.add(request.attempt_id, wrong):
                yield _finding(name, streak.count, request, generation), tuple(streak.attempts)

    def _signs(self, request: Request, generation: Generation) -> dict[str, bool | None]:
        text, tokens, reason = generation.text, generation.completion_tokens, generation.finish_reason
        stopped, cut = reason is FinishReason.STOP, reason is FinishReason.LENGTH
        asks_to_think = CLOSE not in request.prefill
        return {
            "sampling": bool(differing(request.sampling, generation.sampling, generation.prompt_tokens)),
            "max_tokens": cut_short(generation, generation.prompt_tokens) if cut else None,
            "think": leading_opens(request.prefill + text[:64]) > 1 if text else None,
            "vanished": vanished(text, tokens) if tokens >= FEWEST_TOKENS else None,
            "reasoning": not has_reasoning(request, text) if stopped and asks_to_think else None,
            "seed": self._repeats(request, generation),
            "abort": reason is FinishReason.ABORT,
            "length": cut,
        }

    def _repeats(self, request: Request, generation: Generation) -> bool | None:
        """Whether it says what the prompt's last completion said; None where that may well be."""
        short = generation.completion_tokens < FEWEST_TOKENS_TO_DIFFER
        if short or request.sampling.temperature < WARM:
            return None
        prompt_id = request.attempt_id.partition(".")[0]
        last, said = self._last.pop(prompt_id, None), hash(generation.text)
        self._last[prompt_id] = said
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return None if last is None else last == said


def _finding(name: str, count: int, request: Request, generation: Generation) -> Finding:
    asked, in_effect, text = request.sampling, generation.sampling, generation.text
    changed = differing(asked, in_effect, generation.prompt_tokens) or "max_tokens"
    row = f"{count} completions in a row"
    words: dict[str, tuple[CanaryCheck, str, str]] = {
        "sampling": (
            "max_tokens" if changed == "max_tokens" else "sampling",
            f"{changed} {getattr(asked, changed)}",
            f"{changed} {getattr(in_effect, changed)} in effect in {row}",
        ),
        "max_tokens": (
            "max_tokens",
            f"up to {in_effect.max_tokens} tokens before a completion is said to be cut off",
            f"{row} cut off before that, the last at {generation.completion_tokens}",
        ),
        "think": ("think", "one opening think tag", f"two in {row}: {quoted(request.prefill + text)}"),
        "vanished": (
            "reasoning",
            "the text of all tokens that were generated, reasoning included",
            f"{row} with most of it gone, the last {len(text)} characters for {generation.completion_tokens} tokens",
        ),
        "reasoning": ("reasoning", "reasoning closed by </think>", f"none in {row} that finished: {quoted(text)}"),
        "seed": ("seed", f"different texts from different seeds at temperature {asked.temperature}", f"{row} repeated"),
        "abort": ("finish", "completions that end by themselves or at the token limit", f"{row} aborted"),
        "length": ("finish", "completions that end by themselves", f"{row} that ran into the token limit"),
    }
    return Finding(*words[name])

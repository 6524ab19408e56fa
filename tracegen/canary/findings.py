"""What a check can find, and its words for people. Knows no check."""

from collections.abc import Iterable
from dataclasses import dataclass

from tracegen.errors import UnfaithfulTeacher
from tracegen.recipe_where import CanaryCheck

HINTS: dict[CanaryCheck, str] = {
    "think": "mend teacher.prefill or the model's chat template: the response has to begin with one <think> tag",
    "reasoning": "the traces would be lost: mend the server's reasoning parser or its chat template",
    "bos": "leave the BOS token to one of the two, the chat template or the tokenizer",
    "sampling": "mend teacher.sampling, or the engine's or server's defaults that stand in its way",
    "seed": "have the server use each request's own seed",
    "temperature": "have the server use each request's own temperature",
    "max_tokens": "raise the engine's or server's limit on output or its context, or lower teacher.sampling.max_tokens",
    "finish": "look at the completions: the stop token, the chat template, or the token limit is wrong",
    "prompt": "the model does not read the whole prompt: mend the server's context limit or the chat template",
}
SWITCH = "a check that is wrong about this teacher is switched off by where.canary.off: {%s: the reason}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check that failed."""

    check: CanaryCheck
    expected: str
    seen: str

    def __str__(self) -> str:
        return f"check {self.check}: expected {self.expected}, seen {self.seen}"


def unfaithful(who: str, findings: Iterable[Finding], also: str) -> UnfaithfulTeacher:
    """The error that stops a run: the first finding in full, the others by name."""
    first, *others = findings
    more = f"; failed as well: {', '.join(other.check for other in others)}" if others else ""
    hint = f"{HINTS[first.check]}; {SWITCH % first.check}"
    return UnfaithfulTeacher(f"canary: {who} is not the teacher of the recipe: {first}{more} ({also})", hint=hint)


def quoted(text: str, chars: int = 60) -> str:
    """A text's beginning, on one line."""
    return repr(text if len(text) <= chars else f"{text[:chars]}…")

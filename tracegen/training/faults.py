"""What can be wrong with a row on its way into a trainer, and what to do about each. Pure."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from tracegen.extract import CLOSE, OPEN
from tracegen.students import ASSISTANT, BOS, EOS, USER
from tracegen.training.conversation import Conversation
from tracegen.training.seen import Seen
from tracegen.training.tokens import Renderer
from tracegen.training.trainers import Shape

MARKS = (BOS, EOS, USER, ASSISTANT)


class Fault(StrEnum):
    """Names of faults; ``ADVICE`` says what to do."""

    NULL_COLUMN = "null_column"
    SPLIT_TOKEN = "split_token"  # noqa: S105
    NOT_TEXT = "not_text"
    WRONG_ROLES = "wrong_roles"
    EMPTY_ANSWER = "empty_answer"
    MISSING_THINK = "missing_think"
    DOUBLED_THINK = "doubled_think"
    MISPLACED_THINK = "misplaced_think"
    EMPTY_REASONING = "empty_reasoning"
    MARK_INSIDE = "mark_inside"
    TEMPLATE_REFUSES = "template_refuses"
    NO_TEMPLATE = "no_template"
    DROPPED_REASONING = "dropped_reasoning"
    DIFFERING_TURNS = "differing_turns"
    NOT_A_PREFIX = "not_a_prefix"
    DOUBLED_BOS = "doubled_bos"
    NO_EOS = "no_eos"
    TOO_LONG = "too_long"


ADVICE = {
    Fault.NULL_COLUMN: "give the column a type, or leave it out: loaders fail on it, or fill it in",
    Fault.SPLIT_TOKEN: "use the tokenizer of the published distill, or rename unused tokens of the base",
    Fault.NOT_TEXT: "every turn needs a content that is text",
    Fault.WRONG_ROLES: "turns must be: system (if any), then user and assistant in turn, the last an assistant's",
    Fault.EMPTY_ANSWER: "leave the row out: there is nothing after the thinking",
    Fault.MISSING_THINK: r"write <think>\n, reasoning, \n</think>\n\n, answer; with nothing inside for no reasoning",
    Fault.DOUBLED_THINK: "one <think> and one </think> a turn: mend the row, or a template that adds its own",
    Fault.MISPLACED_THINK: "the assistant's turn must begin with <think>, and close it after",
    Fault.EMPTY_REASONING: "leave the row out, or say thinking: false in a column",
    Fault.MARK_INSIDE: "leave the row out: the text has a special token in it, which ends or begins a turn",
    Fault.TEMPLATE_REFUSES: "mend the turns, or train with the student's template",
    Fault.NO_TEMPLATE: "strings are taken as they are: give messages, or render with the student's template first",
    Fault.DROPPED_REASONING: "train with the student's template: this one drops what is before </think>",
    Fault.DIFFERING_TURNS: "verl renders turn by turn: use a template that renders each the same alone",
    Fault.NOT_A_PREFIX: "the prompt must be the beginning of prompt and completion: use the student's template",
    Fault.DOUBLED_BOS: "the text begins with the tokenizer's own mark already: leave it out of the text",
    Fault.NO_EOS: "the model would not learn to stop: set eos_token to what ends the assistant's turn",
    Fault.TOO_LONG: "raise the trainer's length, or leave the rows out before training",
}


OF_EVERY_ROW = frozenset(
    {
        *(Fault.NOT_TEXT, Fault.WRONG_ROLES, Fault.EMPTY_ANSWER, Fault.MISSING_THINK),
        *(Fault.MISPLACED_THINK, Fault.EMPTY_REASONING, Fault.MARK_INSIDE, Fault.DOUBLED_THINK),
    }
)
"""Faults that need no template and no tokenizer: they are looked for in every row, the others in the sample."""


def of_content(conversation: Conversation) -> Iterator[Fault]:
    """Faults of the row itself, whoever reads it."""
    if conversation.shape is Shape.TEXT:
        yield from _of_rendered_text(conversation)
        return
    roles = [turn["role"] for turn in conversation.turns]
    if not _in_turn(roles[1:] if roles[:1] == ["system"] else roles):
        yield Fault.WRONG_ROLES
    if conversation.shape is not Shape.COMPLETION and any(
        mark in turn["content"] for turn in conversation.turns for mark in MARKS
    ):
        yield Fault.MARK_INSIDE
    for turn in conversation.turns:
        if turn["role"] == "assistant":
            yield from _of_answer(turn["content"], conversation.thinking)


def _in_turn(roles: Sequence[str]) -> bool:
    pairs = len(roles) // 2
    return pairs > 0 and list(roles) == ["user", "assistant"] * pairs


def _of_rendered_text(conversation: Conversation) -> Iterator[Fault]:
    """A text may hold several turns, so its parts cannot be told apart: tags are only counted."""
    text = conversation.turns[0]["content"]
    if not text.strip():
        yield Fault.EMPTY_ANSWER
    elif not (opened := text.count(OPEN)) or not (closed := text.count(CLOSE)):
        yield Fault.MISSING_THINK
    elif opened != closed or opened > max(1, text.count(ASSISTANT)):
        yield Fault.DOUBLED_THINK


def _of_answer(content: str, thinking: bool | None) -> Iterator[Fault]:
    content = content.removesuffix(EOS)
    opened, closed = content.count(OPEN), content.count(CLOSE)
    if not content.strip():
        yield Fault.EMPTY_ANSWER
    elif opened > 1 or closed > 1:
        yield Fault.DOUBLED_THINK
    elif not opened or not closed:
        yield Fault.MISSING_THINK
    elif not content.startswith(OPEN) or content.index(CLOSE) < len(OPEN):
        yield Fault.MISPLACED_THINK
    else:
        inside, _, answer = content.removeprefix(OPEN).partition(CLOSE)
        if not answer.strip():
            yield Fault.EMPTY_ANSWER
        if not inside.strip() and thinking is not False:
            yield Fault.EMPTY_REASONING


def of_rendering(conversation: Conversation, seen: Seen, renderer: Renderer) -> Iterator[Fault]:
    """Faults of the text that a trainer makes of a row."""
    if seen.special and renderer.generation_prompt and renderer.generation_prompt not in seen.text:
        yield Fault.NO_TEMPLATE
    contents = [turn["content"] for turn in conversation.turns if turn["role"] == "assistant"]
    if any(_reasoning(content) not in seen.text for content in contents):
        yield Fault.DROPPED_REASONING
    written = sum(turn["content"].count(OPEN) for turn in conversation.turns)
    if written and seen.text.count(OPEN) > written:
        yield Fault.DOUBLED_THINK


def _reasoning(content: str) -> str:
    return content.partition(CLOSE)[0].removeprefix(OPEN).strip()


def of_tokens(seen: Seen, prompt: Sequence[int], whole: Sequence[int], renderer: Renderer) -> Iterator[Fault]:
    """Faults of the token ids of a rendered prompt, and of prompt and completion together."""
    learnt = common_prefix(prompt, whole)
    if learnt < len(prompt) or not seen.text.startswith(seen.prompt):
        yield Fault.NOT_A_PREFIX
    bos, eos = renderer.tokenizer.bos_token_id, renderer.tokenizer.eos_token_id
    if bos is not None and list(whole[:2]) == [bos, bos]:
        yield Fault.DOUBLED_BOS
    if eos is None or eos not in whole[learnt:]:
        yield Fault.NO_EOS


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens two sequences begin with together."""
    if list(right[: len(left)]) == list(left):
        return len(left)
    return next(place for place, (a, b) in enumerate(zip(left, right, strict=False)) if a != b)

"""The chat that a teacher is sent. Pure, and the only place that composes it: generation and corpus must agree."""

from tracegen.extract import CLOSE, UNTHINKING, trim
from tracegen.recipe import Recipe, Teacher
from tracegen.types import (
    AnswerReference,
    ChoiceReference,
    Domain,
    Message,
    ProceduralReference,
    Prompt,
    Request,
    RubricReference,
    attempt_seed,
)


def user_turn(teacher: Teacher, domain: Domain, text: str) -> str:
    """The problem, and the teacher's instruction for its domain after a blank line."""
    instruction = teacher.instruction.get(domain, "")
    return f"{text}\n\n{instruction}" if instruction else text


def messages(teacher: Teacher, domain: Domain, text: str, *, thinking: bool = True) -> tuple[Message, ...]:
    """System message if any, worked examples, and the user turn. Examples think where the teacher is to."""
    system = (Message("system", teacher.system),) if teacher.system else ()
    examples = tuple(
        turn
        for example in teacher.examples.get(domain, ())
        for turn in (
            Message("user", user_turn(teacher, domain, example.prompt)),
            Message("assistant", example.response if thinking else _without_reasoning(example.response)),
        )
    )
    return (*system, *examples, Message("user", user_turn(teacher, domain, text)))


def _without_reasoning(response: str) -> str:
    return UNTHINKING + trim(response.rpartition(CLOSE)[2])


def request(prompt: Prompt, index: int, recipe: Recipe) -> Request:
    """The request of one attempt, complete."""
    teacher, thinking = recipe.teacher, recipe.thinks(prompt.source)
    attempt_id = f"{prompt.prompt_id}.{index:04d}"
    return Request(
        attempt_id=attempt_id,
        messages=messages(teacher, prompt.domain, prompt.text, thinking=thinking),
        prefill=teacher.prefill if thinking else UNTHINKING,
        sampling=teacher.sampling_of(prompt.domain),
        seed=attempt_seed(recipe.seed, attempt_id),
        domain=prompt.domain,
        hint=_hint(prompt),
        guard=recipe.guard,
    )


def _hint(prompt: Prompt) -> str:
    match prompt.reference:
        case AnswerReference(answer=answer) | ChoiceReference(answer=answer):
            return answer
        case RubricReference(example=example):
            return example
        case ProceduralReference(item=item):
            return str(item.get("answer", ""))
        case _:
            return ""

"""The chat that a teacher is sent. Pure, and the only place that composes it: generation and corpus must agree."""

from tracegen.recipe import Teacher
from tracegen.types import Domain, Message


def user_turn(teacher: Teacher, domain: Domain, text: str) -> str:
    """The problem, and the teacher's instruction for its domain after a blank line."""
    instruction = teacher.instruction.get(domain, "")
    return f"{text}\n\n{instruction}" if instruction else text


def messages(teacher: Teacher, domain: Domain, text: str) -> tuple[Message, ...]:
    """System message if any, worked examples, and the user turn."""
    system = (Message("system", teacher.system),) if teacher.system else ()
    examples = tuple(
        turn
        for example in teacher.examples.get(domain, ())
        for turn in (
            Message("user", user_turn(teacher, domain, example.prompt)),
            Message("assistant", example.response),
        )
    )
    return (*system, *examples, Message("user", user_turn(teacher, domain, text)))

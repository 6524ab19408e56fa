"""The chat that a teacher is sent, character by character."""

from tracegen.chat import messages, user_turn
from tracegen.recipe import Example, Teacher
from tracegen.types import Domain, Message

TEACHER = Teacher(
    engine="e",
    model="m",
    system="Be brief.",
    instruction={Domain.MATH: "Box it."},
    examples={Domain.MATH: (Example(prompt="1+1?", response="\\boxed{2}"),)},
)


def test_the_instruction_follows_after_a_blank_line() -> None:
    assert user_turn(TEACHER, Domain.MATH, "2+2?") == "2+2?\n\nBox it."
    assert user_turn(TEACHER, Domain.LOGIC, "who?") == "who?"


def test_system_and_worked_examples_come_first() -> None:
    assert messages(TEACHER, Domain.MATH, "2+2?") == (
        Message("system", "Be brief."),
        Message("user", "1+1?\n\nBox it."),
        Message("assistant", "\\boxed{2}"),
        Message("user", "2+2?\n\nBox it."),
    )
    assert messages(Teacher(engine="e", model="m"), Domain.LOGIC, "who?") == (Message("user", "who?"),)

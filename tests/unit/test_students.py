"""The six students: the published settings, and the template that they are trained on."""

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from tracegen.errors import UserError
from tracegen.students import ASSISTANT, BOS, EOS, USER, Student, load_student, students

PUBLISHED = {
    "qwen-1.5b": ("Qwen/Qwen2.5-Math-1.5B", 1e-4),
    "qwen-7b": ("Qwen/Qwen2.5-Math-7B", 8e-5),
    "qwen-14b": ("Qwen/Qwen2.5-14B", 7e-5),
    "qwen-32b": ("Qwen/Qwen2.5-32B", 6e-5),
    "llama-8b": ("meta-llama/Llama-3.1-8B", 5e-5),
    "llama-70b": ("meta-llama/Llama-3.3-70B-Instruct", 2e-5),
}
EACH = pytest.mark.parametrize("student", students(), ids=lambda student: student.name)

ASKED = {"role": "user", "content": "What is 6 times 7?"}
ANSWERED = {"role": "assistant", "content": "<think>\nSix sevens.\n</think>\n\n42"}


def rendered(student: Student, *messages: dict[str, str], **options: object) -> tuple[str, list[str]]:
    """The text, and the parts of it that are marked as generated."""
    texts, marks = render_jinja_template(
        [list(messages)],
        chat_template=student.template,
        return_assistant_tokens_mask=True,
        bos_token=BOS,
        eos_token=EOS,
        **options,
    )
    return texts[0], [texts[0][start:end] for start, end in marks[0]]


def test_the_settings_are_the_published_ones() -> None:
    assert {student.name: (student.base, student.learning_rate) for student in students()} == PUBLISHED
    for student in students():
        assert (student.epochs, student.batch, student.context) == ((2, 3), 64, 32768)
        assert (student.schedule, student.least_learning_rate) == ("cosine", 0.1)


def test_only_the_math_bases_get_other_positions() -> None:
    assert [student.name for student in students() if student.rope] == ["qwen-1.5b", "qwen-7b"]


def test_an_unknown_student_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UserError, match="did you mean 'qwen-7b'"):
        load_student("qwen7b")
    with pytest.raises(UserError, match=r"known: qwen-1\.5b, qwen-7b"):
        load_student("mistral")


def test_case_does_not_matter() -> None:
    assert load_student("Llama-8B") is load_student("llama-8b")


@EACH
def test_a_conversation_is_rendered_as_the_distills_do_with_the_reasoning_kept(student: Student) -> None:
    text, marked = rendered(student, ASKED, ANSWERED)
    assert text == (
        "<｜begin▁of▁sentence｜><｜User｜>What is 6 times 7?"
        "<｜Assistant｜><think>\nSix sevens.\n</think>\n\n42<｜end▁of▁sentence｜>"
    )
    assert marked == ["<think>\nSix sevens.\n</think>\n\n42<｜end▁of▁sentence｜>"]


@EACH
def test_a_system_message_follows_the_beginning_without_a_mark(student: Student) -> None:
    text, _ = rendered(student, {"role": "system", "content": "Be brief."}, ASKED, ANSWERED)
    assert text.startswith(f"{BOS}Be brief.{USER}What is 6 times 7?{ASSISTANT}<think>\n")


@EACH
def test_every_assistant_turn_is_kept_and_marked(student: Student) -> None:
    text, marked = rendered(student, ASKED, ANSWERED, ASKED, ANSWERED)
    turn = f"{USER}What is 6 times 7?{ASSISTANT}<think>\nSix sevens.\n</think>\n\n42{EOS}"
    assert text == BOS + turn + turn
    assert len(marked) == 2


@EACH
def test_the_generation_prompt_is_a_prefix_and_can_force_thinking(student: Student) -> None:
    prompt, _ = rendered(student, ASKED, add_generation_prompt=True)
    assert prompt == f"{BOS}{USER}What is 6 times 7?{ASSISTANT}"
    assert rendered(student, ASKED, ANSWERED)[0].startswith(prompt)
    assert rendered(student, ASKED, add_generation_prompt=True, thinking=True)[0] == prompt + "<think>\n"


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(Exception, match="system, user and assistant, not tool"):
        rendered(load_student("qwen-7b"), {"role": "tool", "content": "42"})

"""What the teacher is told: a prompt becomes a chat. Pure text, pinned by tests."""

from tracegen.recipe import Teacher
from tracegen.types import AnswerReference, Message, ProceduralReference, Prompt, Request, attempt_seed


def user_turn(prompt: Prompt, teacher: Teacher) -> str:
    """The user turn as sent, and as it stands in the corpus."""
    return _with_instruction(prompt.text, teacher.instruction.get(prompt.domain, ""))


def chat(prompt: Prompt, teacher: Teacher) -> tuple[Message, ...]:
    """System turn where there is one, worked examples of the prompt's domain, user turn."""
    turns = [Message("system", teacher.system)] if teacher.system else []
    instruction = teacher.instruction.get(prompt.domain, "")
    for example in teacher.examples.get(prompt.domain, ()):
        turns.append(Message("user", _with_instruction(example.prompt, instruction)))
        turns.append(Message("assistant", example.response))
    turns.append(Message("user", user_turn(prompt, teacher)))
    return tuple(turns)


def request(prompt: Prompt, index: int, teacher: Teacher, run_seed: int) -> Request:
    """The request of one attempt, complete."""
    attempt_id = f"{prompt.prompt_id}.{index:04d}"
    return Request(
        attempt_id=attempt_id,
        messages=chat(prompt, teacher),
        prefill=teacher.prefill,
        sampling=teacher.sampling,
        seed=attempt_seed(run_seed, attempt_id),
        domain=prompt.domain,
        hint=_hint(prompt),
    )


def _with_instruction(text: str, instruction: str) -> str:
    return f"{text}\n\n{instruction}" if instruction else text


def _hint(prompt: Prompt) -> str:
    match prompt.reference:
        case AnswerReference(answer=answer):
            return answer
        case ProceduralReference(item=item):
            return str(item.get("answer", ""))
        case _:
            return ""

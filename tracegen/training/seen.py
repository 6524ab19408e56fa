"""A row as each trainer sees it: the text that it makes into tokens, and the part of it that is not learnt. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tracegen.errors import UserError
from tracegen.students import ASSISTANT, USER
from tracegen.training.conversation import Conversation
from tracegen.training.tokens import Messages, Renderer
from tracegen.training.trainers import HABITS, Shape, Trainer


@dataclass(frozen=True, slots=True)
class Seen:
    """What a trainer makes into tokens."""

    prompt: str
    """What comes before the last assistant turn, as the trainer renders it for itself; empty where all is learnt."""
    text: str
    special: bool = False
    """The tokenizer is left to add its special tokens."""


View = Callable[[Conversation, Renderer], Seen]


def by_trainer(conversation: Conversation, renderer: Renderer, trainers: Sequence[Trainer]) -> Mapping[Trainer, Seen]:
    """What each of these trainers sees. Raises UserError for turns that the template refuses."""
    return {trainer: VIEWS[trainer](conversation, renderer) for trainer in trainers}


def readers(shape: Shape) -> tuple[Trainer, ...]:
    """The trainers that read rows of a shape."""
    return tuple(trainer for trainer, habits in HABITS.items() if shape in habits.reads)


def check_reads(trainers: Sequence[Trainer], shape: Shape) -> None:
    """Raises UserError for a trainer that does not read such rows."""
    for trainer in trainers:
        if shape not in HABITS[trainer].reads:
            shapes = ", or ".join(HABITS[trainer].reads)
            raise UserError(f"{trainer} does not read rows of {shape}", hint=f"it reads {shapes}")


def turns_differ(conversation: Conversation, renderer: Renderer) -> bool:
    """Whether turns rendered one by one, as verl does, differ from all of them rendered at once."""
    start = _opening(renderer)
    parts = [renderer.render([turn]) for turn in conversation.turns]
    rest = (part.removeprefix(start) for part in parts[1:])
    return "".join([*parts[:1], *rest]) != renderer.render(conversation.turns)


def _rendered(conversation: Conversation, renderer: Renderer) -> Seen:
    """TRL, Axolotl, NeMo; verl with messages."""
    return Seen(renderer.render(conversation.turns[:-1], generation=True), renderer.render(conversation.turns))


def _trl(conversation: Conversation, renderer: Renderer) -> Seen:
    match conversation.shape:
        case Shape.COMPLETION:
            prompt, completion = (turn["content"] for turn in conversation.turns)
            return Seen(prompt, _ended(prompt + completion, renderer), special=True)
        case Shape.TEXT:
            return Seen("", _ended(conversation.turns[0]["content"], renderer), special=True)
        case _:
            return _rendered(conversation, renderer)


def _ended(text: str, renderer: Renderer) -> str:
    return text if text.endswith(renderer.eos) else text + renderer.eos


def _llama_factory(conversation: Conversation, renderer: Renderer) -> Seen:
    """Its template ``deepseek3``, which our configuration names; ``deepseekr1`` adds tags to answers without."""
    text = renderer.bos
    prompt = text
    for turn in conversation.turns:
        match turn["role"]:
            case "user":
                text += f"{USER}{turn['content']}{ASSISTANT}"
            case "assistant":
                prompt = text
                text += turn["content"] + renderer.eos
            case _:
                text += turn["content"]
    return Seen(prompt, text)


def _verl(conversation: Conversation, renderer: Renderer) -> Seen:
    if conversation.shape is not Shape.RESPONSE:
        return _rendered(conversation, renderer)
    prompt = renderer.render(conversation.turns[:-1], generation=True)
    return Seen(prompt, prompt + conversation.turns[-1]["content"] + renderer.eos)


def _opening(renderer: Renderer) -> str:
    """What the template puts before the first turn, found as verl finds it."""
    empty: Messages = [{"role": "user", "content": ""}]
    once, twice = renderer.render(empty), renderer.render([*empty, *empty])
    return once[: 2 * len(once) - len(twice)]


VIEWS: Mapping[Trainer, View] = {
    Trainer.TRL: _trl,
    Trainer.LLAMA_FACTORY: _llama_factory,
    Trainer.AXOLOTL: _rendered,
    Trainer.VERL: _verl,
    Trainer.NEMO: _rendered,
}

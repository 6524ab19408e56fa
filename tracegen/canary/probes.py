"""The canary's own questions, put as the recipe's prompts are: same chat, same prefill, same sampling. Pure."""

from dataclasses import dataclass, replace
from typing import Literal

from tracegen import chat
from tracegen.recipe import Recipe
from tracegen.types import AnswerReference, Prompt, Request, attempt_seed

Kind = Literal["sampled", "greedy", "solved", "long"]

STORY = "Invent a name for a town that does not exist, and tell a story of it."
SUM = "State the final answer to the following arithmetic problem: 5 + 2 ="
COUNT = "Count from 1 to 1000. Write one number on each line, and leave none out."
TEXTS: dict[Kind, str] = {"sampled": STORY, "greedy": STORY, "solved": SUM, "long": COUNT}
NUMBERS: dict[Kind, int] = {"sampled": 4, "greedy": 4, "solved": 2, "long": 1}
SAMPLED_TOKENS, GREEDY_TOKENS, SOLVED_TOKENS = 32, 16, 256


@dataclass(frozen=True, slots=True)
class Probe:
    """One question and why it is asked."""

    kind: Kind
    request: Request


def probes(recipe: Recipe, who: str, asking: int) -> list[Probe]:
    """The questions of one asking. A later asking has other seeds, and more of what chance decides.

    ``who`` makes the seeds differ from replica to replica.
    """
    return [
        Probe(kind, _request(recipe, kind, f"canary-{who}-{asking}-{kind}", index))
        for kind, number in NUMBERS.items()
        for index in range(number if kind == "long" else number * (1 + asking))
    ]


def in_full(probe: Probe, recipe: Recipe) -> Request:
    """The question with the recipe's own sampling: for looking at, not for asking."""
    return replace(probe.request, sampling=recipe.teacher.sampling)


def _request(recipe: Recipe, kind: Kind, prompt_id: str, index: int) -> Request:
    source = recipe.prompts[0]
    prompt = Prompt(
        prompt_id=prompt_id,
        domain=source.domain,
        text=TEXTS[kind],
        reference=AnswerReference(answer="7"),
        source=source.name,
        source_row="",
        licence="",
    )
    asked = chat.request(prompt, index, recipe)
    limits = {
        "sampled": SAMPLED_TOKENS,
        "greedy": GREEDY_TOKENS,
        "solved": SOLVED_TOKENS,
        "long": recipe.where.canary.long_tokens,
    }
    changed: dict[str, object] = {"max_tokens": min(limits[kind], asked.sampling.max_tokens)}
    if kind == "greedy":
        changed["temperature"] = 0.0
    sampling = asked.sampling.model_copy(update=changed)
    return replace(asked, sampling=sampling, seed=attempt_seed(recipe.seed, asked.attempt_id))

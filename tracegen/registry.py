"""Names of recipes become classes here: one table, resolved lazily, so that a name costs no import.

A plug-in package adds to it with an entry point in the group ``tracegen.engines`` or ``tracegen.verifiers``.
"""

from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Literal

from tracegen.errors import RecipeError

Kind = Literal["engine", "verifier"]

BUILT_IN: dict[Kind, dict[str, str]] = {
    "engine": {
        "llamacpp": "tracegen.engines.llamacpp:LlamaCppEngine",
        "openai": "tracegen.engines.openai:OpenAIEngine",
        "simulated": "tracegen.engines.simulated:SimulatedEngine",
        "vllm": "tracegen.engines.vllm:VllmEngine",
    },
    "verifier": {
        "choice": "tracegen.verify.choice:ChoiceVerifier",
        "code": "tracegen.verify.code:CodeVerifier",
        "logic": "tracegen.verify.logic:LogicVerifier",
        "math": "tracegen.verify.math:MathVerifier",
    },
}


def names(kind: Kind) -> list[str]:
    """Every name that a recipe may use."""
    return sorted({*BUILT_IN[kind], *(point.name for point in entry_points(group=f"tracegen.{kind}s"))})


def resolve(kind: Kind, name: str) -> Any:
    """The class behind a name. Raises RecipeError for a name that nobody has."""
    if target := BUILT_IN[kind].get(name):
        module, _, attribute = target.partition(":")
        return getattr(import_module(module), attribute)
    for point in entry_points(group=f"tracegen.{kind}s", name=name):
        return point.load()
    known = names(kind)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    raise RecipeError(f"unknown {kind} {name!r}", hint=hint)

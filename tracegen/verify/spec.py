"""Who judges which kind of reference: names as a recipe gives them, made into verifiers. It judges nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from tracegen import registry
from tracegen.errors import RecipeError
from tracegen.filter_options import Filters
from tracegen.protocols import Verifier
from tracegen.recipe import Judge
from tracegen.verify.judge import JudgeSpec, RubricVerifier
from tracegen.verify.preflight import RunsPrograms
from tracegen.verify.sandbox.contract import Isolation

PARTS = ("name", "reads", "check", "deadline_s", "quick", "verify")
"""Of a verifier: a plug-in may have been written for another version."""


@dataclass(frozen=True, slots=True)
class HostSpec:
    """By what a pool judges: plain values, so that a host can be built inside of an actor."""

    verifiers: Mapping[str, str]
    """Names by kind of reference."""
    judge: JudgeSpec | None = None
    filters: Filters | None = None
    isolation: Isolation = "auto"


def build_verifiers(
    names: Mapping[str, str], judge: Judge | None = None, isolation: Isolation = "auto"
) -> dict[str, Verifier]:
    """The verifiers of a recipe, by kind of reference. Raises RecipeError."""
    verifiers: dict[str, Verifier] = {"rubric": RubricVerifier()} if judge and "rubric" in judge.settles else {}
    for kind, name in names.items():
        verifier = registry.resolve("verifier", name)()
        if missing := [part for part in PARTS if not hasattr(verifier, part)]:
            raise RecipeError(
                f"verifier {name!r} lacks {', '.join(missing)}", hint="see tracegen/protocols.py: Verifier"
            )
        if kind not in verifier.reads:
            reads = ", ".join(sorted(verifier.reads))
            raise RecipeError(f"verifier {name!r} does not read references of kind {kind!r}", hint=f"it reads: {reads}")
        verifiers[kind] = verifier.isolated(isolation) if isinstance(verifier, RunsPrograms) else verifier
    return verifiers

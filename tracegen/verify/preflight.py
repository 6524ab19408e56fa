"""Verifiers that run programs, and their look at the machine before a token is spent. It runs none."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from tracegen.protocols import Verifier
from tracegen.verify.sandbox.contract import Isolation


@runtime_checkable
class RunsPrograms(Protocol):
    """A verifier that runs programs which it does not trust."""

    def isolated(self, isolation: Isolation) -> Verifier:
        """The same verifier, with another way to keep programs apart from the machine."""

    def preflight(self) -> None:
        """Raises UserError where this machine has no such way."""


class Preflights:
    """Each verifier's look at this machine, once, when the first reference turns up that needs it."""

    def __init__(self, verifiers: Mapping[str, Verifier]) -> None:
        self._ahead = {kind: verifier for kind, verifier in verifiers.items() if isinstance(verifier, RunsPrograms)}

    def before(self, kind: str) -> None:
        """Raises UserError where references of this kind cannot be judged here."""
        if verifier := self._ahead.get(kind):
            verifier.preflight()
            self._ahead = {other: ahead for other, ahead in self._ahead.items() if ahead != verifier}

"""Verifiers that are unsound in one way each, as a plug-in package would bring them: faults are data."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tracegen.types import Outcome, Reference, Trace, Verdict
from tracegen.verify.math import MathVerifier

ENTRY_POINTS = """[tracegen.verifiers]
yes = tests.drifting:SaysCorrect
no = tests.drifting:SaysIncorrect
shrug = tests.drifting:SaysUndecided
dies = tests.drifting:Dies
turns = tests.drifting:TurnsCorrect
hasty = tests.drifting:HastilyCorrect
sound = tests.drifting:Base
"""


def install(folder: Path) -> None:
    """Make the folder, once it is on the path, a plug-in package with these verifiers."""
    about = folder / "drifting-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: drifting\nVersion: 1\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)


@dataclass(frozen=True)
class Base:
    """The sound one: nothing is settled at sight."""

    name: ClassVar[str] = "drifting/1"
    reads: ClassVar[frozenset[str]] = frozenset({"answer"})

    def check(self, reference: Reference) -> str:
        return MathVerifier().check(reference)

    def deadline_s(self, reference: Reference) -> None: ...

    def quick(self, reference: Reference, trace: Trace) -> Verdict | None:
        return None

    def verify(self, reference: Reference, trace: Trace) -> Verdict:
        return MathVerifier().verify(reference, trace)


class SaysCorrect(Base):
    def verify(self, reference: Reference, trace: Trace) -> Verdict:
        return Verdict(Outcome.CORRECT, "sure")


class SaysIncorrect(Base):
    def verify(self, reference: Reference, trace: Trace) -> Verdict:
        return Verdict(Outcome.INCORRECT, "never")


class SaysUndecided(Base):
    def verify(self, reference: Reference, trace: Trace) -> Verdict:
        return Verdict(Outcome.UNDECIDED, "who_knows")


class Dies(Base):
    def verify(self, reference: Reference, trace: Trace) -> Verdict:
        os._exit(1)


class Hangs(Base):
    def verify(self, reference: Reference, trace: Trace) -> Verdict:
        time.sleep(60)
        raise TimeoutError


@dataclass(frozen=True)
class DiesOnce(Base):
    """Sound, but for an outage."""

    mark: str

    def verify(self, reference: Reference, trace: Trace) -> Verdict:
        if Path(self.mark).exists():
            Path(self.mark).unlink()
            os._exit(1)
        return super().verify(reference, trace)


class HastilyCorrect(Base):
    """What is done outside of the killable processes can drift as well."""

    def quick(self, reference: Reference, trace: Trace) -> Verdict | None:
        return Verdict(Outcome.CORRECT, "sure")


SOUND_CASES = 50
_judged = 0


class TurnsCorrect(Base):
    """Sound at first."""

    def verify(self, reference: Reference, trace: Trace) -> Verdict:
        global _judged
        _judged += 1
        return super().verify(reference, trace) if _judged <= SOUND_CASES else Verdict(Outcome.CORRECT, "sure")

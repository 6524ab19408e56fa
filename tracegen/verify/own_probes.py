"""Probes made of a run's own references, and judged in their turn among its cases. Those by kind are ``probes.py``."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tracegen.extract import last_boxed
from tracegen.protocols import Verifier
from tracegen.types import AnswerReference, ChoiceReference, Outcome, ProceduralReference, Reference
from tracegen.verify.pool import Case, VerifierPool
from tracegen.verify.probes import Probe, boxed
from tracegen.verify.proving import drift

OWN_PROBES = 8
"""References of a shard that become probes, per kind."""
FEWEST_OWN = 4
"""Of so many probes made of a shard's own references, one right one at least must be judged correct."""


class OwnProbes:
    """Those that a pool is judging, and whether any has found drift."""

    def __init__(self) -> None:
        self._trying: set[asyncio.Task[None]] = set()
        self._drift: BaseException | None = None

    def check(self) -> None:
        """Raises VerifierDrift where one has found it, and whatever else has befallen one."""
        if self._drift is not None:
            raise self._drift

    def put(self, pool: VerifierPool, verifiers: Mapping[str, Verifier], references: Sequence[Reference]) -> None:
        """Have the pool judge the references' own answers, and spoilt ones; returns at once."""
        trying = asyncio.create_task(_try(pool, verifiers, references))
        self._trying.add(trying)
        trying.add_done_callback(self._tried)

    async def judged(self) -> None:
        """Returns when none is under way."""
        if self._trying:
            await asyncio.wait(self._trying)

    def _tried(self, trying: "asyncio.Task[None]") -> None:
        self._trying.discard(trying)
        if not trying.cancelled() and (error := trying.exception()):
            self._drift = self._drift or error


async def _try(pool: VerifierPool, verifiers: Mapping[str, Verifier], references: Sequence[Reference]) -> None:
    """Judge the references' own answers, and spoilt ones. Raises VerifierDrift."""
    probes = own_probes(reference for reference in references if reference.kind in verifiers)
    verdicts = await pool.judge([Case(probe.kind, probe.reference, probe.trace) for probe in probes])
    passed: Counter[str] = Counter()
    for probe, verdict in zip(probes, verdicts, strict=True):
        if not probe.right and probe.refutes(verdict):
            raise drift(verifiers[probe.kind], probe, f"correct ({verdict.reason})")
        passed[probe.kind] += probe.right and verdict.outcome is Outcome.CORRECT
    # One reference may be odd; a verifier that finds none of many equal to itself reads them no more.
    for probe, verdict in zip(probes, verdicts, strict=True):
        if not passed[probe.kind] and sum(other.kind == probe.kind for other in probes) >= FEWEST_OWN:
            raise drift(verifiers[probe.kind], probe, f"{verdict.outcome} ({verdict.reason}), as of the rest")


def own_probes(references: Iterable[Reference]) -> list[Probe]:
    """Probes made of a run's own references: their own answers are right, and spoilt ones are not."""
    counts: dict[str, int] = {}
    probes: list[Probe] = []
    for reference in references:
        made = _own(reference)
        if made and counts.setdefault(reference.kind, 0) < OWN_PROBES:
            counts[reference.kind] += 1
            probes.extend(made)
    return probes


def _own(reference: Reference) -> list[Probe]:
    own, spoilt = _spoilt(reference)
    # An answer that does not come out of its box as it went in is no fault of the verifier.
    if not own or last_boxed(rf"\boxed{{{own}}}") != own:
        return []
    return [*boxed(reference, (own,), (spoilt,) if spoilt else ())]


def _spoilt(reference: Reference) -> tuple[str, str]:
    """The reference's own answer, and one that is certainly wrong; empty where there is none."""
    match reference:
        case AnswerReference():
            answer = reference.answer.strip()
            # Ten times as much, and more: outside of any tolerance, which is below 1.
            return answer, f"{answer}7" if re.fullmatch(r"-?[1-9]\d{0,30}", answer) else ""
        case ChoiceReference():
            return reference.answer, "B" if reference.answer == "A" else "A"
        case ProceduralReference():
            own = reference.item.get("answer")
            return (own.strip(), "no answer at all") if isinstance(own, str) else ("", "")
    return "", ""

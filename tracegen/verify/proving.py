"""Who has passed the probes, and when they are due again. What the probes are is ``probes.py``; it kills nothing.

A verdict that contradicts a probe is drift at once. One that does not come, or leaves a right trace undecided, may be
an outage, and is one no longer after it happened to a process and to those that took its place, one after another.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracegen.errors import VerifierDrift, boundary
from tracegen.protocols import Verifier
from tracegen.types import Trace, Verdict
from tracegen.verify.probes import PROBES, Probe
from tracegen.verify.process import WorkerDied, WorkerProcess, WorkerTimeout

logger = logging.getLogger(__name__)

CASES_BETWEEN = 1_000
"""A process is probed again after so many cases,"""
SECONDS_BETWEEN = 30.0
"""or, if it has judged any, after so many seconds."""
MAX_SILENCES = 3
HINT = "nothing judged since the last good probe is settled; mend the verifier, and the same command goes on"


@dataclass(frozen=True, slots=True)
class _Passed:
    """When a process last passed."""

    probes: int
    """How many there were."""
    cases: int
    """How many it had judged by then, these probes included."""
    at_s: float


class Proofs:
    """The probes of one pool, and which of its processes have passed them."""

    def __init__(self, verifiers: Mapping[str, Verifier]) -> None:
        self._verifiers = verifiers
        self._kinds: set[str] = set()
        self._probes: list[Probe] = []
        self._passed: dict[int, _Passed] = {}
        self._silences: dict[int, int] = {}
        """Of processes that have let probes down, and of the replaced ones whose place they have."""
        self._quick = _Passed(0, 0, 0.0)
        self.quick_cases = 0
        """Judged without a process."""
        self.asked = 0
        """Probes put to processes so far."""

    def take_on(self, kinds: Iterable[str]) -> None:
        """Probe for these kinds, too, from now on; kinds that nobody here judges are none of ours."""
        for kind in sorted(set(kinds) & self._verifiers.keys() - self._kinds):
            self._kinds.add(kind)
            self._probes.extend(PROBES.get(kind, ()))

    def has_passed(self, worker: WorkerProcess, since_cases: int = 0) -> bool:
        """Whether the process has passed every probe, after so many cases."""
        passed = self._passed.get(worker.pid)
        if passed is None:
            return not self._probes
        return passed.probes == len(self._probes) and (passed.cases >= since_cases or worker.judged == passed.cases)

    def is_due(self, worker: WorkerProcess, now_s: float) -> bool:
        return not self.has_passed(worker) or _is_due(self._passed.get(worker.pid), worker.judged, now_s)

    async def ask(self, worker: WorkerProcess, now_s: float) -> bool:
        """Put every probe to a process. False: it let one down, and is to be replaced. Raises VerifierDrift."""
        probes = tuple(self._probes)
        worker.ask([(probe.kind, probe.reference, probe.trace) for probe in probes])
        for probe in probes:
            self.asked += 1
            try:
                verdict = await worker.verdict()
            except WorkerDied:
                return self._silent(worker, probe, "nothing: its process died")
            except WorkerTimeout:
                return self._silent(worker, probe, "nothing within its deadline")
            if probe.misses(verdict):
                return self._silent(worker, probe, _undecided(verdict))
            self._refuse(probe, verdict)
        self._silences.pop(worker.pid, None)
        self._passed[worker.pid] = _Passed(len(probes), worker.judged, now_s)
        return True

    def ask_quickly(self, now_s: float) -> None:
        """Put the probes to what settles cases at sight, in this process, where that is due. Raises VerifierDrift."""
        passed = self._quick
        if passed.probes == len(self._probes) and not _is_due(passed, self.quick_cases, now_s):
            return
        self.prove_quick(now_s)

    def prove_quick(self, now_s: float) -> None:
        """The same, due or not."""
        for probe in self._probes:
            verifier = self._verifiers[probe.kind]
            with boundary(VerifierDrift, f"{verifier.name} fails on a probe", hint=HINT):
                verdict = verifier.quick(probe.reference, probe.trace)
            if verdict is not None and probe.misses(verdict):
                raise self._drift(probe, _undecided(verdict))
            if verdict is not None:
                self._refuse(probe, verdict)
        self._quick = _Passed(len(self._probes), self.quick_cases, now_s)

    def replaced(self, worker: WorkerProcess, fresh: WorkerProcess) -> None:
        """One process has taken another's place."""
        self._passed.pop(worker.pid, None)
        if silences := self._silences.pop(worker.pid, 0):
            self._silences[fresh.pid] = silences

    def _refuse(self, probe: Probe, verdict: Verdict) -> None:
        if probe.refutes(verdict):
            raise self._drift(probe, f"{verdict.outcome.value} ({verdict.reason})")

    def _silent(self, worker: WorkerProcess, probe: Probe, said: str) -> bool:
        self._silences[worker.pid] = self._silences.get(worker.pid, 0) + 1
        error = self._drift(probe, said)
        if self._silences[worker.pid] >= MAX_SILENCES:
            raise error
        logger.warning("a verifier process is replaced: %s", error.message)
        return False

    def _drift(self, probe: Probe, said: str) -> VerifierDrift:
        return drift(self._verifiers[probe.kind], probe, said)


def drift(verifier: Verifier, probe: Probe, said: str) -> VerifierDrift:
    """What was asked, expected and said, in one line."""
    expected = "correct" if probe.right else "anything but correct"
    asked = f"a {'right' if probe.right else 'wrong'} probe of kind {probe.kind!r} ({_short(probe.trace)})"
    said = " ".join(said.split())[:200]
    return VerifierDrift(f"verifier {verifier.name} drifts: {asked} must be {expected}; it said {said}", hint=HINT)


def _undecided(verdict: Verdict) -> str:
    return f"undecided ({verdict.reason}: {verdict.detail})"


def _is_due(passed: _Passed | None, cases: int, now_s: float) -> bool:
    if passed is None or cases == passed.cases:
        return False
    return cases - passed.cases >= CASES_BETWEEN or now_s - passed.at_s >= SECONDS_BETWEEN


def _short(trace: Trace) -> str:
    return repr(trace.answer if len(trace.answer) <= 80 else trace.answer[:77] + "...")

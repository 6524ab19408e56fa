"""Which attempts are in which replica's hands, and which of them are suspected of having killed one.

After a death every attempt that the replica had in hand is a suspect. A replica gets few suspects at a time: when it
dies again, few are left to be suspected, and one that is alone is to blame.
"""

from collections import Counter

from tracegen.scheduling.state import DomainState, InFlight, OpenPrompt

MAX_DEATHS = 2
"""An attempt that was in hand at so many deaths of replicas, the last time with few others, is quarantined."""
SUSPECTS_PER_SLOTS = 16
"""A replica gets one suspect for so many slots at a time."""


class Hands:
    """Attempts in flight."""

    def __init__(self) -> None:
        self._flights: dict[str, InFlight] = {}
        self._suspects: Counter[str] = Counter()
        self._hedges: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._flights)

    def may_take(self, flight: InFlight, replica_id: str, slots: int) -> bool:
        """Whether a replica of so many slots may have this attempt now."""
        return not flight.deaths or self._suspects[replica_id] < max(1, slots // SUSPECTS_PER_SLOTS)

    def hedges(self, replica_id: str) -> int:
        return self._hedges[replica_id]

    def prompts_of(self, domain: DomainState) -> list[OpenPrompt]:
        """The longest in flight first."""
        return [flight.prompt for flight in self._flights.values() if flight.prompt.shard.domain is domain]

    def take(self, flight: InFlight, replica_id: str) -> None:
        flight.replica_id = replica_id
        self._flights[flight.attempt_id] = flight
        self._suspects[replica_id] += flight.deaths > 0
        self._hedges[replica_id] += flight.hedge

    def land(self, attempt_id: str) -> InFlight:
        """The attempt is in nobody's hands any more."""
        flight = self._flights.pop(attempt_id)
        self._suspects[flight.replica_id] -= flight.deaths > 0
        self._hedges[flight.replica_id] -= flight.hedge
        return flight

    def bury(self, replica_id: str, *, died: bool) -> tuple[list[InFlight], str]:
        """What a replica that is gone had in hand, and the attempt that is to blame for its death, if that is known."""
        lost = [flight for flight in self._flights.values() if flight.replica_id == replica_id]
        for flight in lost:
            del self._flights[flight.attempt_id]
            flight.tries += 1
            flight.deaths += died
        del self._suspects[replica_id], self._hedges[replica_id]
        repeated = [flight.attempt_id for flight in lost if died and flight.deaths >= MAX_DEATHS]
        return lost, repeated[0] if len(repeated) == 1 else ""

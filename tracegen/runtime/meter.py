"""What a run's nodes have run so far, by node type, over all of its drivers. It asks no cloud: its figures are an estimate.

A node counts for as long as a driver of the run sees it in its cluster. What it costs before it joins, after the run's
last driver, or between two drivers, is not in it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from tracegen.errors import ActorLost
from tracegen.runtime.progress import NodeUse

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0


class Meter:
    """Begins with what earlier drivers have left."""

    def __init__(
        self, before: Sequence[NodeUse], usd_per_hour: Mapping[str, float], clock: Callable[[], float]
    ) -> None:
        self._node_s = {use.node_type: use.node_s for use in before}
        self._usd_per_hour = usd_per_hour
        self._clock = clock
        self._seen_at_s = clock()
        self._nodes: Mapping[str, int] = {}

    def see(self, nodes: Mapping[str, int]) -> None:
        """Nodes by type, now; since the last look there were as many as at that one."""
        self._advance()
        self._nodes = nodes

    def uses(self) -> tuple[NodeUse, ...]:
        """By node type, up to this moment."""
        self._advance()
        types = sorted(self._node_s.keys() | self._nodes.keys())
        return tuple(
            NodeUse(name, self._nodes.get(name, 0), self._node_s.get(name, 0.0), self._usd_per_hour.get(name))
            for name in types
        )

    def _advance(self) -> None:
        now_s = self._clock()
        for name, number in self._nodes.items():
            self._node_s[name] = self._node_s.get(name, 0.0) + number * (now_s - self._seen_at_s)
        self._seen_at_s = now_s


@asynccontextmanager
async def counting(
    meter: Meter, nodes: Callable[[], Mapping[str, int]], every_s: float = LOOK_EVERY_S
) -> AsyncIterator[None]:
    """Looks at the nodes again and again. A look that fails is left out: the bill must not end a run."""
    looking = asyncio.create_task(_look(meter, nodes, every_s))
    try:
        yield
    finally:
        looking.cancel()


async def _look(meter: Meter, nodes: Callable[[], Mapping[str, int]], every_s: float) -> None:
    while True:
        try:
            meter.see(await asyncio.to_thread(nodes))
        except ActorLost as error:
            logger.info("nodes are not counted: %s", error)
        await asyncio.sleep(every_s)

"""Every part of a run in this process, on one event loop: the twin of ``ray.py``, with the same contract tests.

Verifier processes are processes all the same. There is nothing to wrap: the plain objects are the ports.
"""

from collections.abc import Mapping

from tracegen.errors import RecipeError
from tracegen.protocols import Crew, RecorderPort, ReplicaPort, VerifierPort
from tracegen.recipe import Where
from tracegen.runtime.crew import Pool
from tracegen.runtime.recorder import Recorder, RecorderSpec
from tracegen.runtime.replica import Replica, ReplicaSpec
from tracegen.verify.host import VerifierHost
from tracegen.verify.spec import HostSpec


class LocalCluster:
    """Needs nothing, reaches no further than this machine."""

    def __init__(self, where: Where) -> None:
        self._where = where

    def open(self) -> None:
        """There is nothing to connect to. Raises RecipeError when GPUs are asked for: only Ray deals them out."""
        if self._where.gpus_per_replica:
            raise RecipeError("where.cluster is local, which hands out no GPUs", hint="use where.cluster: ray")

    async def start_replica(self, spec: ReplicaSpec, replica_id: str) -> ReplicaPort:
        return Replica(spec, replica_id)

    async def start_recorder(self, spec: RecorderSpec, recorder_id: str) -> RecorderPort:
        return Recorder(spec, recorder_id)

    async def start_verifiers(self, spec: HostSpec, number: int) -> VerifierPort:  # noqa: ARG002
        where = self._where
        host = VerifierHost(spec, where.verifier_processes, memory_bytes=where.verifier_memory_bytes)
        await host.start()
        return host

    def crew(self) -> Crew:
        return Pool(self._where.build_processes)

    def nodes(self) -> Mapping[str, int]:
        """This machine is not charged for."""
        return {}

    def close(self) -> None:
        """Nothing outlives the run."""

"""Every part of a run in this process, on one event loop: the twin of ``ray.py``, with the same contract tests.

Verifier processes are processes all the same. There is nothing to wrap: the plain objects are the ports.
"""

from tracegen.protocols import RecorderPort, ReplicaPort, VerifierPort
from tracegen.runtime.recorder import Recorder, RecorderSpec
from tracegen.runtime.replica import Replica, ReplicaSpec
from tracegen.verify.host import VerifierHost, VerifierSpec


class LocalCluster:
    """Needs nothing, reaches no further than this machine."""

    async def start_replica(self, spec: ReplicaSpec, replica_id: str) -> ReplicaPort:
        return Replica(spec, replica_id)

    async def start_recorder(self, spec: RecorderSpec, recorder_id: str) -> RecorderPort:
        return Recorder(spec, recorder_id)

    async def start_verifiers(self, spec: VerifierSpec, number: int) -> VerifierPort:
        host = VerifierHost(spec)
        await host.start()
        return host

    def close(self) -> None:
        """Nothing outlives the run."""

"""The EC2 instances of one cluster, by their tag: also those that Ray's autoscaler launched, unknown to Terraform."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tracegen.errors import CloudError, UserError, boundary

CLUSTER_TAG, TYPE_TAG = "ray-cluster-name", "ray-user-node-type"
"""Ray gives them to what it launches, and Terraform to the head."""
ALIVE = ["pending", "running", "shutting-down", "stopping", "stopped"]
RUNNING = ("pending", "running")
WAIT = {"Delay": 5, "MaxAttempts": 240}
"""A node with eight GPUs takes minutes to end."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One machine."""

    instance_id: str
    node_type: str
    instance_type: str
    state: str
    launched_at_s: float
    """Unix time of the last start."""

    @property
    def hours(self) -> float:
        """Since its last start, while it runs."""
        return max(0.0, time.time() - self.launched_at_s) / 3600 if self.state in RUNNING else 0.0


class Instances:
    """Of the cluster of that name. Raises CloudError, and UserError without credentials."""

    def __init__(self, client: Any, cluster: str) -> None:
        self._client = client
        self._cluster = cluster

    def alive(self) -> list[Instance]:
        """All that is not terminated."""
        filters = [
            {"Name": f"tag:{CLUSTER_TAG}", "Values": [self._cluster]},
            {"Name": "instance-state-name", "Values": ALIVE},
        ]
        with asking_aws("its instances cannot be listed"):
            pages = list(self._client.get_paginator("describe_instances").paginate(Filters=filters))
        found = [one for page in pages for group in page["Reservations"] for one in group["Instances"]]
        return sorted(map(_instance, found), key=lambda one: (one.node_type, one.instance_id))

    def stop(self, instance_id: str) -> None:
        """And wait until it is stopped: until then it may launch others."""
        with asking_aws(f"{instance_id} cannot be stopped"):
            self._client.stop_instances(InstanceIds=[instance_id])
            self._client.get_waiter("instance_stopped").wait(InstanceIds=[instance_id], WaiterConfig=WAIT)

    def terminate(self, instance_ids: Sequence[str]) -> None:
        """And wait until they are gone."""
        with asking_aws(f"{', '.join(instance_ids)} cannot be ended"):
            self._client.terminate_instances(InstanceIds=list(instance_ids))
            self._client.get_waiter("instance_terminated").wait(InstanceIds=list(instance_ids), WaiterConfig=WAIT)


def _instance(found: Any) -> Instance:
    tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", ())}
    return Instance(
        found["InstanceId"],
        tags.get(TYPE_TAG, "?"),
        found["InstanceType"],
        found["State"]["Name"],
        found["LaunchTime"].timestamp(),
    )


@contextmanager
def asking_aws(what: str) -> Iterator[None]:
    """AWS's errors get our names."""
    from botocore.exceptions import NoCredentialsError, PartialCredentialsError

    try:
        with boundary(CloudError, what):
            yield
    except CloudError as error:
        if isinstance(error.__cause__, NoCredentialsError | PartialCredentialsError):
            raise UserError(
                "no AWS credentials", hint="aws sso login, or set AWS_PROFILE or AWS_ACCESS_KEY_ID"
            ) from error
        raise

"""A cluster that Terraform describes, from its making to its end. Bills end here: what is left is looked for."""

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tracegen.cloud.instances import CLUSTER_TAG, Instance, Instances, asking_aws
from tracegen.cloud.terraform import Terraform
from tracegen.errors import CloudError, MissingDependency, UserError

HEAD_TAG = "ray-node-type"
STOPPABLE = ("pending", "running", "stopping")
Client = Callable[[str, str], Any]
"""From a service and a region to its client."""
Told = Callable[[str], None]
SETTLED_LOOKS, SETTLE_S = 2, 3.0
"""A launch that was under way when the head stopped may show up after the first look."""
MOST_LOOKS = 30
"""Who launches for longer is not the head: what is left is told."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What an apply will do, and the way to do it."""

    created: int
    changed: int
    destroyed: int
    max_hourly_cost_usd: float | None
    apply: Callable[[], Mapping[str, Any]]
    """Returns the outputs."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A cluster at one moment."""

    name: str
    region: str
    outputs: Mapping[str, Any]
    instances: Sequence[Instance]

    def usd_per_hour(self, node_type: str) -> float | None:
        """Of one node, as the configuration's prices have it."""
        prices: Mapping[str, float] = self.outputs.get("usd_per_hour") or {}
        return prices.get(node_type)


@dataclass(frozen=True, slots=True)
class Tunnel:
    """From this machine to the head's dashboard and Jobs API; nothing else reaches them."""

    command: str
    beside: Sequence[str]
    """What to type in a shell beside it, before `ray job submit`."""

    def open(self) -> None:
        """Until it is stopped. Raises MissingDependency and CloudError."""
        words = shlex.split(self.command)
        if shutil.which(words[0]) is None:
            raise MissingDependency(
                "the AWS CLI is not installed",
                hint="install it, and its Session Manager plug-in; --print shows the command",
            )
        try:
            ended = subprocess.run(words, check=False).returncode  # noqa: S603
        except KeyboardInterrupt:
            return
        if ended:
            raise CloudError(
                f"the tunnel ended with exit code {ended}", hint="is the head running? tracegen cluster status"
            )


@dataclass(frozen=True, slots=True)
class Left:
    """What still exists after the end."""

    instances: Sequence[Instance]
    volumes: Sequence[str]
    resources: Sequence[str]
    """Addresses in Terraform's state."""
    buckets: Sequence[str]
    """Kept, since they hold objects."""

    @property
    def nothing(self) -> bool:
        return not (self.instances or self.volumes or self.resources)


@dataclass(frozen=True, slots=True)
class _Made:
    """What Terraform's state tells of a cluster."""

    name: str
    region: str
    head_id: str
    """Empty where Terraform knows of no head (any more)."""


class CloudCluster:
    """The cluster of one Terraform folder. Raises UserError and CloudError."""

    def __init__(
        self, terraform: Terraform, client: Client | None = None, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._terraform = terraform
        self._client = client or _client
        self._pause = pause

    @contextmanager
    def planned(self) -> Iterator[Planned]:
        """A plan, until the end of the block."""
        self._terraform.check()
        self._terraform.init()
        with TemporaryDirectory(prefix="tracegen-") as folder:
            path = Path(folder) / "plan"
            plan = self._terraform.plan(path)
            actions = [change["change"]["actions"] for change in plan.get("resource_changes", ())]
            most = _outputs(plan.get("planned_values", {})).get("max_hourly_cost_usd")
            created, changed, destroyed = (
                sum(verb in taken for taken in actions) for verb in ("create", "update", "delete")
            )
            yield Planned(created, changed, destroyed, most, lambda: self._applied(path))

    def _applied(self, plan: Path) -> Mapping[str, Any]:
        self._terraform.apply(plan)
        return _outputs(self._terraform.state())

    def status(self) -> Standing:
        """What runs now. Raises UserError where nothing was made."""
        state = self._state()
        made = _must_be_made(state)
        return Standing(made.name, made.region, _outputs(state), self._instances(made).alive())

    def tunnel(self) -> Tunnel:
        """The way to the head. Raises UserError where nothing was made."""
        state = self._state()
        _must_be_made(state)
        outputs = _outputs(state)
        if "tunnel_command" not in outputs:
            raise UserError("the cluster was not made to its end", hint="tracegen cluster up goes on")
        beside = (
            f"export RAY_API_SERVER_ADDRESS={outputs['ray_address']} RAY_AUTH_MODE=token",
            f"export RAY_AUTH_TOKEN=$({outputs['ray_token_command']})",
        )
        return Tunnel(str(outputs["tunnel_command"]), beside)

    def down(self, tell: Told) -> Left:
        """End everything: the head, which would launch others, then what it launched, then what Terraform made."""
        state = self._state()
        # After a plain `terraform destroy` the state is empty, and what the head had launched may still run.
        made = _made(state) or self._described()
        self._end_instances(made, tell)
        full = [bucket for bucket in _buckets(state) if self._holds_objects(bucket, made.region)]
        if full:
            tell(f"kept: {', '.join(full)}, which holds objects")
        self._destroy(state, full)
        return self._left(made, full)

    def _destroy(self, state: Mapping[str, Any], kept: Sequence[str]) -> None:
        """All but modules with these buckets: Terraform would take their protection first, and then fail."""
        modules = _modules_without(state, kept)
        if kept and modules:
            self._terraform.destroy(modules)
        if not kept and _managed(state):
            self._terraform.destroy()

    def _state(self) -> Mapping[str, Any]:
        self._terraform.check()
        if not self._terraform.initialised:
            self._terraform.init()
        return self._terraform.state()

    def _described(self) -> _Made:
        """Name and region as the configuration has them. Raises CloudError where it has none."""
        with TemporaryDirectory(prefix="tracegen-") as folder:
            plan = self._terraform.plan(Path(folder) / "plan")
        outputs = _outputs(plan.get("planned_values", {}))
        if not {"name", "region"} <= outputs.keys():
            raise CloudError(
                "the configuration has no outputs `name` and `region`", hint="without them nothing can be found"
            )
        return _Made(str(outputs["name"]), str(outputs["region"]), "")

    def _instances(self, made: _Made) -> Instances:
        return Instances(self._client("ec2", made.region), made.name)

    def _end_instances(self, made: _Made, tell: Told) -> None:
        instances = self._instances(made)
        if any(one.instance_id == made.head_id and one.state in STOPPABLE for one in instances.alive()):
            tell(f"stopping the head, {made.head_id}")
            instances.stop(made.head_id)
        self._end_launched(instances, made.head_id, tell)

    def _end_launched(self, instances: Instances, head_id: str, tell: Told) -> None:
        """Until none has been seen for some looks."""
        empty = 0
        for _ in range(MOST_LOOKS):
            launched = [one for one in instances.alive() if one.instance_id != head_id]
            empty = 0 if launched else empty + 1
            if empty == SETTLED_LOOKS:
                return
            if launched:
                tell(f"ending {', '.join(f'{one.instance_id} ({one.node_type})' for one in launched)}")
                instances.terminate([one.instance_id for one in launched])
            self._pause(SETTLE_S)

    def _holds_objects(self, bucket: str, region: str) -> bool:
        s3 = self._client("s3", region)
        with asking_aws(f"s3://{bucket} cannot be listed"):
            try:
                # Old versions keep a bucket from being deleted, too.
                found = s3.list_object_versions(Bucket=bucket, MaxKeys=1)
            except s3.exceptions.NoSuchBucket:
                return False
        return bool(found.get("Versions") or found.get("DeleteMarkers"))

    def _left(self, made: _Made, full: Sequence[str]) -> Left:
        resources = _managed(self._terraform.state())
        filters = [{"Name": f"tag:{CLUSTER_TAG}", "Values": [made.name]}]
        with asking_aws("its volumes cannot be listed"):
            volumes = self._client("ec2", made.region).describe_volumes(Filters=filters)["Volumes"]
        return Left(self._instances(made).alive(), [one["VolumeId"] for one in volumes], resources, full)


def _client(service: str, region: str) -> Any:
    import boto3

    make: Any = boto3.client  # its stubs, where they are installed, want each service by name
    return make(service, region_name=region)


def _outputs(state: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: output.get("value") for name, output in state.get("outputs", {}).items()}


def _resources(state: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    modules = [state["root_module"]] if "root_module" in state else []
    while modules:
        module = modules.pop()
        yield from module.get("resources", ())
        modules += module.get("child_modules", ())


def _managed(state: Mapping[str, Any]) -> list[str]:
    """Addresses of what Terraform has made."""
    return [str(one["address"]) for one in _resources(state) if one["mode"] == "managed"]


def _must_be_made(state: Mapping[str, Any]) -> _Made:
    made = _made(state)
    if made is None:
        raise UserError("there is no cluster", hint="make one with: tracegen cluster up")
    return made


def _made(state: Mapping[str, Any]) -> _Made | None:
    """From the head itself, not from outputs: a creation that was cut short has none."""
    for one in _resources(state):
        tags = one.get("values", {}).get("tags") or {}
        if one["type"] == "aws_instance" and tags.get(HEAD_TAG) == "head":
            return _Made(tags[CLUSTER_TAG], one["values"]["arn"].split(":")[3], one["values"]["id"])
    return None


def _buckets(state: Mapping[str, Any]) -> list[str]:
    buckets = [one["values"] for one in _resources(state) if one["type"] == "aws_s3_bucket"]
    return [str(values["bucket"]) for values in buckets if not values["force_destroy"]]


def _modules_without(state: Mapping[str, Any], buckets: Sequence[str]) -> list[str]:
    """Modules of the root that hold none of these buckets."""
    found = []
    for module in state.get("root_module", {}).get("child_modules", ()):
        held = [one["values"].get("bucket") for one in module.get("resources", ()) if one["type"] == "aws_s3_bucket"]
        if not set(held) & set(buckets):
            found.append(str(module["address"]))
    return found

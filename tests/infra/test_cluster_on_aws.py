"""A cluster from `tracegen cluster up` to `down`, at moto: what Ray launches in it, and that all of it goes."""

import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.processes import until
from tests.infra.account import instances, left, nodes, tag
from tests.infra.terraform import Terraform
from tests.servers.growing import kill
from tests.servers.moto import MotoServer
from tests.servers.ray_head import RayHead, ray_head
from tracegen.cloud.cluster import CloudCluster
from tracegen.cloud.instances import TYPE_TAG
from tracegen.cloud.terraform import Terraform as OurTerraform

pytestmark = [pytest.mark.infra, pytest.mark.timeout(300)]

IMAGE = "ami-12c6146b"
"""One that moto knows."""


@pytest.fixture
def provider(cluster: Terraform, aws: MotoServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ray's own for AWS."""
    pytest.importorskip("ray")
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider

    for name, value in aws.env.items():
        monkeypatch.setenv(name, value)
    config = cluster.autoscaler()
    return AWSNodeProvider(config["provider"], config["cluster_name"])


def launch(provider: Any, config: dict[str, Any], node_type: str, number: int) -> None:
    """As Ray's autoscaler does it."""
    from ray.autoscaler.tags import TAG_RAY_NODE_KIND, TAG_RAY_USER_NODE_TYPE

    tags = {TAG_RAY_NODE_KIND: "worker", TAG_RAY_USER_NODE_TYPE: node_type}
    provider.create_node(config["available_node_types"][node_type]["node_config"], tags, number)


def end_all(provider: Any, aws: MotoServer) -> None:
    for node_id, node_type in nodes(aws).items():
        if node_type != "head":
            provider.terminate_node(node_id)
    assert list(nodes(aws).values()) == ["head"]


def test_nothing_is_there_before(root: Terraform, tmp_path: Path) -> None:
    empty = root.copied(tmp_path)
    for command in ("status", "tunnel"):
        asked = empty.tracegen(command)
        assert asked.returncode == 2
        assert asked.stderr.splitlines()[-1] == "error: there is no cluster; make one with: tracegen cluster up"
    assert empty.tracegen("up").stderr.splitlines()[-1] == "error: nobody is here to say yes; give --yes"
    assert not empty.made


def test_ray_takes_the_configuration(cluster: Terraform, aws: MotoServer) -> None:
    pytest.importorskip("ray")
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = cluster.autoscaler()
    validate_config(config)
    prepared = prepare_config(config)
    validate_config(prepared)
    assert prepared["available_node_types"]["teacher"]["resources"]["GPU"] == 8
    with pytest.raises(Exception, match="idle_minutes"):
        validate_config({**config, "idle_minutes": 5})


def test_ray_launches_and_ends_nodes_from_it(cluster: Terraform, aws: MotoServer, provider: Any) -> None:
    config = cluster.autoscaler()
    launch(provider, config, "teacher", 2)
    launch(provider, config, "verifier", 1)
    assert Counter(nodes(aws).values()) == {"head": 1, "teacher": 2, "verifier": 1}
    end_all(provider, aws)


HOLD = """
import sys, ray
ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)
group = ray.util.placement_group([{"GPU": 8, "teacher": 1}] * 2, strategy="STRICT_SPREAD")
ray.get(group.ready(), timeout=120)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.ray
def test_a_waiting_group_brings_two_nodes_and_idle_ones_go(cluster: Terraform, aws: MotoServer) -> None:
    """Nodes of moto's never join: raylets on this machine do, in their names, as user data has them do."""
    pytest.importorskip("ray")
    config = {**cluster.autoscaler(), "idle_timeout_minutes": 0.1}
    environment = {
        **aws.env,
        "RAY_enable_autoscaler_v2": "1",
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_CLOUD_INSTANCE_ID": cluster.outputs()["head_instance_id"],
        "RAY_NODE_TYPE_NAME": "head",
    }
    with ray_head(1, lambda _port, _folder: config, **environment) as head, ExitStack() as started:
        command = [sys.executable, "-c", HOLD, head.address]
        waiting = subprocess.Popen(
            command, env=dict(head.env), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.callback(waiting.kill)
        until(lambda: Counter(nodes(aws).values()) == {"head": 1, "teacher": 2}, "two teachers", 60)
        launched_as = {tag(one, "ray-node-type") for one in instances(aws) if tag(one, TYPE_TAG) != "head"}
        join(nodes(aws), head, config, started)
        assert waiting.stdout
        assert waiting.stdout.readline() == "ready\n"
        assert Counter(nodes(aws).values()) == {"head": 1, "teacher": 2}, "no more than were asked for"
        waiting.communicate("", timeout=30)
        until(lambda: list(nodes(aws).values()) == ["head"], "idle nodes go", 60)
        # Told to end, Ray drains the head, and its autoscaler ends the head's instance: what IAM refuses, and moto does.
        kill(head)
    assert launched_as == {"worker"}, "by this tag the head may end nodes, and not itself"


def join(found: dict[str, str], head: RayHead, config: dict[str, Any], started: ExitStack) -> None:
    """A raylet for every teacher that EC2 has."""
    from ray._private.services import get_node_ip_address

    from tests.servers.ray_provider.launched import started as node_started

    address = f"{get_node_ip_address()}:{head.address.partition(':')[2]}"
    resources = {**config["available_node_types"]["teacher"]["resources"], "object_store_memory": 100_000_000}
    for number, (node_id, node_type) in enumerate(found.items()):
        if node_type == "teacher":
            # Sockets lie in there, and the path of a socket must be short.
            place = head.folder / f"n{number}"
            place.mkdir()
            node = node_started(address, place, dict(resources), node_id, node_type)
            started.callback(node.wait)
            started.callback(node.terminate)


def test_the_bill_and_the_way_in(cluster: Terraform, aws: MotoServer, provider: Any) -> None:
    launch(provider, cluster.autoscaler(), "teacher", 1)
    shown = cluster.tracegen("status")
    assert shown.returncode == 0, shown.stderr
    rows = {line.split()[0]: line.split()[1:] for line in shown.stdout.splitlines()[2:4]}
    price = cluster.outputs()["usd_per_hour"]["teacher"]
    assert rows["teacher"][:5] == ["1", "1", "running", "0.00", f"{price:,.2f}"]
    assert rows["head"][:3] == ["1", "1", "running"]
    asked = cluster.tracegen("tunnel", "--print")
    assert asked.stdout.strip() == cluster.outputs()["tunnel_command"]
    assert "aws ssm start-session" in asked.stdout
    end_all(provider, aws)


def test_down_ends_what_terraform_does_not_know_and_keeps_a_corpus(
    cluster: Terraform, aws: MotoServer, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, outputs = cluster.autoscaler(), cluster.outputs()
    bucket, head = outputs["bucket"], outputs["head_instance_id"]
    launch(provider, config, "teacher", 1)
    launch(provider, config, "verifier", 2)
    ec2, s3 = aws.client("ec2"), aws.client("s3")
    s3.delete_bucket_policy(Bucket=bucket)  # moto, which has no TLS, lets nobody past it
    s3.put_object(Bucket=bucket, Key="run/corpus", Body=b"traces")

    refused = cluster.tracegen("down")
    assert (refused.returncode, refused.stderr.strip()) == (2, "error: nobody is here to say yes; give --yes")
    assert Counter(nodes(aws).values()) == {"head": 1, "teacher": 1, "verifier": 2}

    # Launches that were under way when the head stopped: one more shows up each time that others have been ended.
    late, heads_were = ["verifier", "teacher"], set()

    def launched_late(**_: Any) -> None:
        found = aws.client("ec2").describe_instances(InstanceIds=[head])["Reservations"][0]["Instances"][0]
        heads_were.add(found["State"]["Name"])
        if late:
            launch(provider, config, late.pop(), 1)

    ec2.meta.events.register("after-call.ec2.TerminateInstances", launched_late)
    for name, value in cluster.env.items():
        monkeypatch.setenv(name, value)
    told: list[str] = []
    ours = CloudCluster(
        OurTerraform(cluster.folder),
        lambda name, _: ec2 if name == "ec2" else aws.client(name),
        pause=lambda _: None,
    )
    remains = ours.down(told.append)
    assert told[0] == f"stopping the head, {head}"
    assert [line.split()[0] for line in told[1:4]] == ["ending"] * 3
    assert heads_were == {"stopped"}, "it would launch others"
    assert told[4:] == [f"kept: {bucket}, which holds objects"]
    assert (remains.instances, remains.volumes, remains.buckets) == ([], [], [bucket])
    assert not nodes(aws)
    assert [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []

    again = cluster.tracegen("down", "--yes")
    assert again.returncode == 0, again.stderr[-3000:]
    assert again.stdout.strip().endswith(f"in Terraform's state; kept with its objects: s3://{bucket}")
    assert s3.get_object(Bucket=bucket, Key="run/corpus")["Body"].read() == b"traces"
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled", "what is kept stays as it was"
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    stopped = cluster.run("destroy", "-auto-approve", codes=(1,))
    assert "BucketNotEmpty" in stopped.stderr, "a corpus is not destroyed by the way"

    for version in s3.list_object_versions(Bucket=bucket)["Versions"]:
        s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    cluster.run("destroy", "-auto-approve")
    assert left(aws) == []

    # After a plain `terraform destroy`: no state, and a node that the head had launched.
    tags = [{"Key": "ray-cluster-name", "Value": config["cluster_name"]}, {"Key": TYPE_TAG, "Value": "teacher"}]
    described = [{"ResourceType": "instance", "Tags": tags}]
    ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, TagSpecifications=described)
    assert list(nodes(aws).values()) == ["teacher"]
    swept = cluster.tracegen("down", "--yes")
    assert (swept.returncode, swept.stdout.strip()) == (0, "nothing is left"), swept.stderr[-3000:]
    assert left(aws) == []

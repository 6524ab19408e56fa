"""A cluster from `tracegen cluster up` to `down`, at moto: what Terraform makes, what Ray launches, and that all of it goes.

The tests of this file are one story, and come in its order.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.faults.processes import until
from tests.infra.applied import IMAGE, Example, missing, tag
from tests.servers.growing import kill
from tests.servers.moto import moto_server
from tests.servers.ray_head import RayHead, ray_head
from tracegen.cloud.instances import TYPE_TAG

pytestmark = [pytest.mark.infra, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    if why := missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("cluster")
    with moto_server(folder) as server:
        yield Example.copied(folder, server)


def provider(example: Example, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ray's own for AWS."""
    pytest.importorskip("ray")
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider

    for name, value in example.server.env.items():
        monkeypatch.setenv(name, value)
    config = example.autoscaler()
    return AWSNodeProvider(config["provider"], config["cluster_name"])


def launch(provider: Any, config: dict[str, Any], node_type: str, number: int) -> None:
    """As Ray's autoscaler does it."""
    from ray.autoscaler.tags import TAG_RAY_NODE_KIND, TAG_RAY_USER_NODE_TYPE

    tags = {TAG_RAY_NODE_KIND: "worker", TAG_RAY_USER_NODE_TYPE: node_type}
    provider.create_node(config["available_node_types"][node_type]["node_config"], tags, number)


def test_nothing_is_there_before(example: Example) -> None:
    for command in ("status", "tunnel"):
        asked = example.tracegen(command)
        assert asked.returncode == 2
        assert asked.stderr.splitlines()[-1] == "error: there is no cluster; make one with: tracegen cluster up"
    assert example.tracegen("up").stderr.splitlines()[-1] == "error: nobody is here to say yes; give --yes"
    assert not example.nodes()


def test_up_tells_what_it_can_cost_and_makes_a_head(example: Example) -> None:
    made = example.tracegen("up", "--yes")
    assert made.returncode == 0, made.stderr[-3000:]
    assert f"with every node up it costs {example.output('max_hourly_cost_usd'):,.2f} USD an hour" in made.stderr
    assert f"corpus_uri        {example.output('corpus_uri')}" in made.stdout
    assert list(example.nodes().values()) == ["head"]


def test_ray_takes_the_configuration(example: Example) -> None:
    pytest.importorskip("ray")
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = example.autoscaler()
    validate_config(config)
    prepared = prepare_config(config)
    validate_config(prepared)
    assert prepared["available_node_types"]["teacher"]["resources"]["GPU"] == 8
    with pytest.raises(Exception, match="idle_minutes"):
        validate_config({**config, "idle_minutes": 5})


def test_ray_launches_and_ends_nodes_from_it(example: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes, config = provider(example, monkeypatch), example.autoscaler()
    launch(nodes, config, "teacher", 2)
    launch(nodes, config, "verifier", 1)
    assert Counter(example.nodes().values()) == {"head": 1, "teacher": 2, "verifier": 1}
    for node_id, node_type in example.nodes().items():
        if node_type != "head":
            nodes.terminate_node(node_id)
    assert list(example.nodes().values()) == ["head"]


HOLD = """
import sys, ray
ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)
group = ray.util.placement_group([{"GPU": 8, "teacher": 1}] * 2, strategy="STRICT_SPREAD")
ray.get(group.ready(), timeout=120)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.ray
def test_a_waiting_group_brings_two_nodes_and_idle_ones_go(example: Example) -> None:
    """Nodes of moto's never join: raylets on this machine do, in their names, as user data has them do."""
    pytest.importorskip("ray")
    config = {**example.autoscaler(), "idle_timeout_minutes": 0.1}
    environment = {
        **example.server.env,
        "RAY_enable_autoscaler_v2": "1",
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_CLOUD_INSTANCE_ID": example.output("head_instance_id"),
        "RAY_NODE_TYPE_NAME": "head",
    }
    with ray_head(1, lambda _port, _folder: config, **environment) as head, ExitStack() as started:
        command = [sys.executable, "-c", HOLD, head.address]
        waiting = subprocess.Popen(
            command, env=dict(head.env), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.callback(waiting.kill)
        until(lambda: Counter(example.nodes().values()) == {"head": 1, "teacher": 2}, "two teachers", 60)
        launched_as = {tag(one, "ray-node-type") for one in example.instances() if tag(one, TYPE_TAG) != "head"}
        join(example, head, config, started)
        assert waiting.stdout
        assert waiting.stdout.readline() == "ready\n"
        assert Counter(example.nodes().values()) == {"head": 1, "teacher": 2}, "no more than were asked for"
        waiting.communicate("", timeout=30)
        until(lambda: list(example.nodes().values()) == ["head"], "idle nodes go", 60)
        # Told to end, Ray drains the head, and its autoscaler ends the head's instance: what IAM refuses, and moto does.
        kill(head)
    assert launched_as == {"worker"}, "by this tag the head may end nodes, and not itself"


def join(example: Example, head: RayHead, config: dict[str, Any], started: ExitStack) -> None:
    """A raylet for every teacher that EC2 has."""
    from ray._private.services import get_node_ip_address

    from tests.servers.ray_provider.launched import started as node_started

    address = f"{get_node_ip_address()}:{head.address.partition(':')[2]}"
    resources = {**config["available_node_types"]["teacher"]["resources"], "object_store_memory": 100_000_000}
    for number, (node_id, node_type) in enumerate(example.nodes().items()):
        if node_type == "teacher":
            # Sockets lie in there, and the path of a socket must be short.
            place = head.folder / f"n{number}"
            place.mkdir()
            node = node_started(address, place, dict(resources), node_id, node_type)
            started.callback(node.wait)
            started.callback(node.terminate)


def test_the_bill_and_the_way_in(example: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    launch(provider(example, monkeypatch), example.autoscaler(), "teacher", 1)
    shown = example.tracegen("status")
    assert shown.returncode == 0, shown.stderr
    rows = {line.split()[0]: line.split()[1:] for line in shown.stdout.splitlines()[2:4]}
    price = example.output("usd_per_hour")["teacher"]
    assert rows["teacher"][:5] == ["1", "1", "running", "0.00", f"{price:,.2f}"]
    assert rows["head"][:3] == ["1", "1", "running"]
    asked = example.tracegen("tunnel", "--print")
    assert asked.stdout.strip() == example.output("tunnel_command")
    assert "aws ssm start-session" in asked.stdout


def test_down_ends_what_terraform_does_not_know_and_keeps_a_corpus(
    example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes, config = provider(example, monkeypatch), example.autoscaler()
    launch(nodes, config, "teacher", 1)
    launch(nodes, config, "verifier", 2)
    bucket, s3 = example.output("bucket"), example.server.client("s3")
    s3.delete_bucket_policy(Bucket=bucket)  # moto, which has no TLS, lets nobody past it
    version = s3.put_object(Bucket=bucket, Key="run/corpus", Body=b"traces")["VersionId"]
    assert Counter(example.nodes().values())["teacher"] == 2

    refused = example.tracegen("down")
    assert (refused.returncode, refused.stderr.strip()) == (2, "error: nobody is here to say yes; give --yes")
    assert len(example.nodes()) == 5

    ended = example.tracegen("down", "--yes")
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert not example.nodes()
    assert ended.stderr.index("stopping the head") < ended.stderr.index("ending i-"), "it would launch others"
    assert f"kept: {bucket}, which holds objects" in ended.stderr
    assert f"kept with its objects: s3://{bucket}" in ended.stdout
    assert s3.get_object(Bucket=bucket, Key="run/corpus")["Body"].read() == b"traces"

    s3.delete_object(Bucket=bucket, Key="run/corpus", VersionId=version)
    gone = example.tracegen("down", "--yes")
    assert gone.returncode == 0, gone.stderr[-3000:]
    assert gone.stdout.strip() == "nothing is left"
    assert s3.list_buckets()["Buckets"] == []
    ec2 = example.server.client("ec2")
    assert [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []
    assert ec2.describe_launch_templates()["LaunchTemplates"] == []

    # As after a plain `terraform destroy`: no state, and a node that the head had launched.
    tags = [{"Key": "ray-cluster-name", "Value": config["cluster_name"]}, {"Key": TYPE_TAG, "Value": "teacher"}]
    described = [{"ResourceType": "instance", "Tags": tags}]
    ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, TagSpecifications=described)
    assert list(example.nodes().values()) == ["teacher"]
    swept = example.tracegen("down", "--yes")
    assert (swept.returncode, swept.stdout.strip()) == (0, "nothing is left"), swept.stderr[-3000:]
    assert not example.nodes()

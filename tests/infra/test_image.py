"""Images with the environment in them, baked on moto. Needs no Terraform."""

import gzip
import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from infra.image import build
from tests.servers.moto import MotoServer, moto_server

pytestmark = pytest.mark.infra

ROOT = Path(__file__).parents[2]
SOURCE = "ami-0123456789abcdef0"
EXTRAS = ("ray", "openai", "procedural", "dedup", "filters", "s3", "sandbox")


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotoServer]:
    with moto_server(tmp_path_factory.mktemp("moto")) as server:
        yield server


def pins(kind: str) -> dict[str, str]:
    lines = (ROOT / f"infra/node/requirements/{kind}.txt").read_text().splitlines()
    return {name: version for name, _, version in (line.partition("==") for line in lines if line[:1] not in ("#", ""))}


def state(aws: MotoServer) -> list[str]:
    found = aws.client("ec2").describe_instances()["Reservations"]
    return [one["State"]["Name"] for many in found for one in many["Instances"]]


def test_an_image_is_baked_when_the_instance_has_stopped_itself(aws: MotoServer) -> None:
    ec2 = aws.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]

    def stop(_: float) -> None:
        running = [{"Name": "instance-state-name", "Values": ["running"]}]
        for many in ec2.describe_instances(Filters=running)["Reservations"]:
            ec2.stop_instances(InstanceIds=[many["Instances"][0]["InstanceId"]])

    image = build.build(ec2, "base", SOURCE, subnet, pause=stop)
    assert ec2.describe_images(ImageIds=[image])["Images"][0]["Name"].startswith("tracegen-base-")
    assert state(aws) == ["terminated"]


def test_an_instance_that_does_not_stop_is_ended_and_makes_no_image(aws: MotoServer) -> None:
    ec2 = aws.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    before = len(ec2.describe_images(Owners=["self"])["Images"])
    with pytest.raises(TimeoutError, match="has not installed everything"):
        build.build(ec2, "teacher", SOURCE, subnet, timeout_s=0.2, pause=lambda _: time.sleep(0.1))
    assert set(state(aws)) == {"terminated"}
    assert len(ec2.describe_images(Owners=["self"])["Images"]) == before


@pytest.mark.parametrize("kind", ["base", "teacher"])
def test_the_instance_installs_what_nodes_install(kind: str) -> None:
    packed = build.user_data(kind)
    assert len(packed) < 16 * 1024
    text = gzip.decompress(packed).decode()
    config = json.loads(text.removeprefix("#cloud-config\n"))
    files = {one["path"]: one["content"] for one in config["write_files"]}
    assert files["/etc/tracegen/requirements.txt"] == (ROOT / f"infra/node/requirements/{kind}.txt").read_text()
    subprocess.run(["bash", "-n"], input=files["/etc/tracegen/install.sh"], text=True, check=True)


@pytest.mark.parametrize("kind", ["base", "teacher"])
def test_pins_are_what_the_package_asks_for(kind: str) -> None:
    """Each requirement of tracegen and of the extras that nodes need is pinned, at a version that it takes."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(one for name in EXTRAS for one in extras[name])]
    if kind == "teacher":
        wanted += extras["vllm"]
    pinned = pins(kind)
    for requirement in map(Requirement, wanted):
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert requirement.specifier.contains(pinned[name], prereleases=True), requirement


def test_all_nodes_have_the_same_versions() -> None:
    """Ray wants one version of itself, and our own parts pickle values to each other."""
    base, teacher = (pins(kind) for kind in ("base", "teacher"))
    assert base.items() <= teacher.items()

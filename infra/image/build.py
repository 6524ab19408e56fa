"""Bakes an image with a node's environment in it, so that nodes serve minutes earlier::

    python infra/image/build.py base --region us-east-2 --subnet subnet-…       # for image_id
    python infra/image/build.py teacher --region us-east-2 --subnet subnet-…    # for teacher_image_id

Starts an instance, has it run infra/node/install.sh, takes its image and ends it. The instance has no role and no key, and
nobody talks to it: that it has stopped by itself is how it says that all went well. Needs boto3 and rights to EC2; the
subnet needs a way out to package registries (the one of a cluster has it).
"""

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NODE = Path(__file__).parents[1] / "node"
SOURCES = {
    "base": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    "teacher": "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id",
}
"""As in modules/cluster/main.tf. Installing needs no GPU."""
DISK_GB = {"base": 30, "teacher": 120}
INSTANCE_TYPE = "c7i.2xlarge"


def build(
    ec2: Any,
    kind: str,
    source: str,
    subnet: str,
    *,
    timeout_s: float = 3600,
    pause: Callable[[float], object] = time.sleep,
) -> str:
    """The new image's id. The instance is ended, whatever happens. Raises TimeoutError."""
    (made,) = ec2.run_instances(**_instance(kind, source, subnet))["Instances"]
    instance = made["InstanceId"]
    try:
        _until(lambda: _state(ec2, instance) == "stopped", f"{instance} has not installed everything", timeout_s, pause)
        name = f"tracegen-{kind}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
        image = str(ec2.create_image(InstanceId=instance, Name=name, TagSpecifications=_tags(kind, "image"))["ImageId"])
        _until(lambda: _available(ec2, image), f"{image} is not available", timeout_s, pause)
    finally:
        ec2.terminate_instances(InstanceIds=[instance])
    return image


def user_data(kind: str) -> bytes:
    """Install, then stop; where installing fails, stay up until somebody gives up."""
    files = {
        "/etc/tracegen/install.sh": (NODE / "install.sh").read_text(),
        "/etc/tracegen/requirements.txt": (NODE / "requirements" / f"{kind}.txt").read_text(),
    }
    config = {
        "write_files": [{"path": path, "content": content, "permissions": "0755"} for path, content in files.items()],
        "runcmd": [
            "/etc/tracegen/install.sh /etc/tracegen/requirements.txt && cloud-init clean --logs && shutdown -h now"
        ],
    }
    return gzip.compress(f"#cloud-config\n{json.dumps(config)}".encode())


def _instance(kind: str, source: str, subnet: str) -> dict[str, Any]:
    disk = {"VolumeSize": DISK_GB[kind], "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    return {
        "ImageId": source,
        "InstanceType": INSTANCE_TYPE,
        "MinCount": 1,
        "MaxCount": 1,
        "SubnetId": subnet,
        "UserData": user_data(kind),
        "InstanceInitiatedShutdownBehavior": "stop",
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": disk}],
        "TagSpecifications": _tags(kind, "instance"),
    }


def _tags(kind: str, resource: str) -> list[dict[str, Any]]:
    return [{"ResourceType": resource, "Tags": [{"Key": "Name", "Value": f"tracegen-image-{kind}"}]}]


def _state(ec2: Any, instance: str) -> str:
    return str(ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"])


def _available(ec2: Any, image: str) -> bool:
    return bool(ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available")


def _until(done: Callable[[], bool], otherwise: str, timeout_s: float, pause: Callable[[float], object]) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{otherwise} after {timeout_s / 60:.0f} minutes")
        pause(15)


def main() -> None:
    import boto3

    parser = argparse.ArgumentParser(description="Bakes an image with a node's environment in it.")
    parser.add_argument("kind", choices=sorted(SOURCES))
    parser.add_argument("--region", required=True)
    parser.add_argument("--subnet", required=True)
    parser.add_argument("--source-image", help="in place of AWS's newest of this kind (Amazon Linux 2023)")
    given = parser.parse_args()
    ssm = boto3.client("ssm", region_name=given.region)
    source = given.source_image or ssm.get_parameter(Name=SOURCES[given.kind])["Parameter"]["Value"]
    try:
        print(build(boto3.client("ec2", region_name=given.region), given.kind, source, given.subnet))
    except TimeoutError as error:
        sys.exit(f"error: {error}; its log is `aws ec2 get-console-output`, while the instance is still listed")


if __name__ == "__main__":
    main()

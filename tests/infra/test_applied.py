"""The example applied to an account, by Terraform's real AWS provider. The account is moto's; see tests/servers/moto.py."""

import gzip
import json
import subprocess
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from infra.node import prepare
from tests.infra.account import ACCOUNT
from tests.infra.policies import allowed, denied
from tests.infra.terraform import Terraform
from tests.servers.moto import MotoServer
from tracegen.store.opening import open_store

pytestmark = [pytest.mark.infra, pytest.mark.timeout(300)]

EC2 = f"arn:aws:ec2:us-east-1:{ACCOUNT}"
USER_DATA_BYTES = 16 * 1024
"""What EC2 takes, before base64."""


@pytest.fixture(scope="module")
def outputs(cluster: Terraform) -> Mapping[str, Any]:
    return cluster.outputs()


@pytest.fixture(scope="module")
def policies(aws: MotoServer, outputs: Mapping[str, Any]) -> Mapping[str, list[Mapping[str, Any]]]:
    """What each role may, as IAM has it."""
    iam = aws.client("iam")
    found = {}
    for role, name in outputs["role_names"].items():
        assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
        documents = [
            iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]
        found[role] = [json.loads(unquote(one)) if isinstance(one, str) else one for one in documents]
    return found


def cloud_config(encoded: str) -> Mapping[str, Any]:
    packed = b64decode(encoded)
    assert len(packed) < USER_DATA_BYTES
    text = gzip.decompress(packed).decode()
    assert text.startswith("#cloud-config\n")
    return dict(yaml.safe_load(text))


def user_data(aws: MotoServer, outputs: Mapping[str, Any], role: str) -> Mapping[str, Any]:
    ec2 = aws.client("ec2")
    if role == "head":
        asked = {"InstanceId": outputs["head_instance_id"], "Attribute": "userData"}
        return cloud_config(ec2.describe_instance_attribute(**asked)["UserData"]["Value"])
    return cloud_config(template(aws, role)["UserData"])


def template(aws: MotoServer, role: str) -> Mapping[str, Any]:
    asked = {"LaunchTemplateName": f"tgtest-{role}", "Versions": ["$Latest"]}
    (version,) = aws.client("ec2").describe_launch_template_versions(**asked)["LaunchTemplateVersions"]
    return dict(version["LaunchTemplateData"])


# --- what is there, and what it is good for ------------------------------------------------------------------------


def test_a_token_that_terraform_never_sees_and_a_second_plan_without_changes(
    cluster: Terraform, aws: MotoServer, outputs: Mapping[str, Any], tmp_path: Path
) -> None:
    client = aws.client("secretsmanager")
    made = prepare.head_token(client, "tgtest/ray-token")
    assert len(made) == 64
    assert prepare.head_token(client, "tgtest/ray-token") == made, "a head that starts again keeps the token"
    assert prepare.waited_token(client, "tgtest/ray-token") == made

    cluster.run("plan", "-var-file=test.tfvars", "-detailed-exitcode", f"-out={tmp_path / 'plan'}", codes=(0,))
    refreshed = cluster.run("show", "-json", str(tmp_path / "plan")).stdout
    assert "tgtest/ray-token" in refreshed
    assert made not in refreshed


def test_the_corpus_uri_is_a_store(aws: MotoServer, outputs: Mapping[str, Any]) -> None:
    s3 = aws.client("s3")
    # moto speaks no TLS, and knows no conditions of a bucket's policy: with it nobody at all gets in.
    policy = s3.get_bucket_policy(Bucket=outputs["bucket"])["Policy"]
    s3.delete_bucket_policy(Bucket=outputs["bucket"])
    store = open_store(outputs["corpus_uri"], env=aws.env)
    store.put("run/owner/1.json", b"{}")
    assert store.get("run/owner/1.json") == b"{}"
    asked = {"Bucket": outputs["bucket"], "Key": "runs/run/owner/1.json"}
    found = s3.head_object(**asked)
    assert found["ServerSideEncryption"] == "AES256"
    assert found["VersionId"] != "null", "what is overwritten can be brought back"
    s3.put_bucket_policy(Bucket=outputs["bucket"], Policy=policy)


def test_rays_own_validation_takes_the_autoscaler_configuration(outputs: Mapping[str, Any]) -> None:
    ray = pytest.importorskip("ray.autoscaler._private.util")
    config = yaml.safe_load(outputs["autoscaler_config"])
    ray.validate_config(config)
    types = config["available_node_types"]
    assert {name: one["resources"] for name, one in types.items()} == {
        "head": {"CPU": 0, "head": 1},
        "teacher": {"CPU": 192, "GPU": 8, "teacher": 1},
        "verifier": {"CPU": 32, "verifier": 1},
    }


def test_the_tunnel_is_the_session_managers(outputs: Mapping[str, Any]) -> None:
    assert f"--target {outputs['head_instance_id']} " in outputs["tunnel_command"]
    assert outputs["tunnel_command"].startswith("aws ssm start-session ")
    assert outputs["ray_address"] == "http://127.0.0.1:8265"
    assert outputs["max_hourly_cost_usd"] == pytest.approx(0.4032 + 0.045 + 2 * 63.296 + 2 * 1.428)


def test_the_budget_tells_somebody(cluster: Terraform, aws: MotoServer) -> None:
    budgets = aws.client("budgets")
    (budget,) = budgets.describe_budgets(AccountId=ACCOUNT)["Budgets"]
    assert budget["BudgetLimit"] == {"Amount": "500", "Unit": "USD"}
    asked = {"AccountId": ACCOUNT, "BudgetName": budget["BudgetName"]}
    for notification in budgets.describe_notifications_for_budget(**asked)["Notifications"]:
        told = budgets.describe_subscribers_for_notification(**asked, Notification=notification)["Subscribers"]
        assert [one["Address"] for one in told] == ["somebody@example.org"]


# --- how nodes start -----------------------------------------------------------------------------------------------


BESIDE = ("tracegen-notices.service", "tracegen-watchdog.service")


@pytest.mark.parametrize("role", ["head", "teacher", "verifier"])
def test_what_a_node_does_when_it_boots(aws: MotoServer, outputs: Mapping[str, Any], tmp_path: Path, role: str) -> None:
    config = user_data(aws, outputs, role)
    files = {one["path"]: one["content"] for one in config["write_files"]}
    clock, *_, install, reload, start = [one for one in config["runcmd"] if one[-1] not in BESIDE]
    assert clock[0] == "systemd-run"
    assert "--on-active=25m" in clock
    assert install == ["/etc/tracegen/install.sh", "/etc/tracegen/requirements.txt"]
    assert reload == ["systemctl", "daemon-reload"]
    assert start[-1] == "tracegen-ray.service"
    for path, content in files.items():
        if path.endswith(".sh"):
            subprocess.run(["bash", "-n"], input=content, text=True, check=True)
        if path.endswith(".py"):
            compile(content, path, "exec")
    service = files["/etc/systemd/system/tracegen-ray.service"]
    assert "User=ray\n" in service
    assert ("ray==2.60.0\n" in files["/etc/tracegen/requirements.txt"]) == ("RAY" not in service)
    assert ("vllm==" in files["/etc/tracegen/requirements.txt"]) == (role == "teacher")
    head = role == "head"
    assert ("--head " in service) == head
    assert (f"--address={outputs['head_private_ip']}:6379 " in service) != head
    assert ("ExecStopPost=+/usr/sbin/shutdown -h now\n" in service) != head, "a worker without Ray only costs"
    assert ("IPAddressDeny=169.254.169.254" in service) == (role == "verifier")
    assert ("/etc/sysctl.d/90-tracegen.conf" in files) == (role == "verifier")
    assert (outputs["notice_file"] in files.get("/etc/systemd/system/tracegen-notices.service", "")) == (
        role == "teacher"
    )
    watchdog = "--idle-minutes 60 --token-file /run/tracegen/ray-token\n"
    assert (watchdog in files.get("/etc/systemd/system/tracegen-watchdog.service", "")) == head
    if head:
        assert config["runcmd"][-1][-1] == "tracegen-watchdog.service"
        assert "--dashboard-host=127.0.0.1 " in service
        assert files["/etc/tracegen/autoscaler.yaml"] == outputs["autoscaler_config"]
    else:
        resources = yaml.safe_load(outputs["autoscaler_config"])["available_node_types"][role]["resources"]
        custom = json.dumps({role: 1}, separators=(",", ":"))
        wanted = f"--num-cpus={resources['CPU']} --num-gpus={resources.get('GPU', 0)} '--resources={custom}'"
        assert wanted in service, "Ray must have what the autoscaler expects"


@pytest.mark.parametrize("role", ["teacher", "verifier"])
def test_what_nodes_are_launched_from(cluster: Terraform, aws: MotoServer, role: str) -> None:
    launched = template(aws, role)
    assert launched["MetadataOptions"]["HttpTokens"] == "required"
    assert launched["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert launched["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert launched["BlockDeviceMappings"][0]["Ebs"]["Encrypted"]
    assert launched["IamInstanceProfile"]["Arn"].endswith(f"/tgtest-{role}")
    assert "KeyName" not in launched


def test_the_environment_of_ray(aws: MotoServer, cluster: Terraform, tmp_path: Path) -> None:
    node = {"role": "teacher", "region": "us-east-1", "secret": "tgtest/ray-token", "user": "", "efa": "true"}
    token = prepare.head_token(aws.client("secretsmanager"), node["secret"])
    prepare.prepare(node, "i-0123", aws.client("secretsmanager"), tmp_path / "run")
    prepare.prepare(node, "i-0123", aws.client("secretsmanager"), tmp_path / "run")  # at the next boot
    said = dict(line.split("=", 1) for line in (tmp_path / "run" / "ray.env").read_text().splitlines())
    assert said["RAY_AUTH_MODE"] == "token"
    assert Path(said["RAY_AUTH_TOKEN_PATH"]).read_text() == token
    assert Path(said["RAY_AUTH_TOKEN_PATH"]).stat().st_mode & 0o777 == 0o400
    assert (said["RAY_CLOUD_INSTANCE_ID"], said["RAY_NODE_TYPE_NAME"]) == ("i-0123", "teacher")
    assert token not in (tmp_path / "run" / "ray.env").read_text()


# --- who can reach what (docs/security.md) --------------------------------------------------------------------------


def test_nobody_outside_gets_in(cluster: Terraform, aws: MotoServer) -> None:
    ec2 = aws.client("ec2")
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["tgtest"]}])["Vpcs"]
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["SecurityGroups"]
    by_name = {one["GroupName"]: one for one in groups}
    assert set(by_name) == {"default", "tgtest-nodes"}
    assert by_name["default"]["IpPermissions"] == by_name["default"]["IpPermissionsEgress"] == []
    nodes = by_name["tgtest-nodes"]
    (rule,) = nodes["IpPermissions"]
    assert rule["IpRanges"] == rule.get("Ipv6Ranges", []) == rule.get("PrefixListIds", []) == []
    assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == [nodes["GroupId"]]
    outward = [one for one in nodes["IpPermissionsEgress"] if one["IpRanges"]]
    assert [(one["FromPort"], one["ToPort"]) for one in outward] == [(443, 443)]


def test_the_head_has_no_public_address(cluster: Terraform, aws: MotoServer, outputs: Mapping[str, Any]) -> None:
    asked = aws.client("ec2").describe_instances(InstanceIds=[outputs["head_instance_id"]])
    head = asked["Reservations"][0]["Instances"][0]
    assert not head.get("PublicIpAddress")
    assert head["PrivateIpAddress"] == outputs["head_private_ip"]
    assert "KeyName" not in head
    assert head["MetadataOptions"]["HttpTokens"] == "required"
    assert {tag["Key"]: tag["Value"] for tag in head["Tags"]}["ray-node-type"] == "head"


def test_the_bucket_is_closed(cluster: Terraform, aws: MotoServer, outputs: Mapping[str, Any]) -> None:
    s3, bucket = aws.client("s3"), outputs["bucket"]
    assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    for resource in (f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/runs/x"):
        assert denied(policy, "s3:GetObject", resource, {"aws:SecureTransport": "false"})
        assert not denied(policy, "s3:GetObject", resource, {"aws:SecureTransport": "true"})
    assert all(said["Effect"] == "Deny" for said in policy["Statement"]), "the bucket itself lets nobody in"


BUCKET = f"arn:aws:s3:::tgtest-corpus-{ACCOUNT}-us-east-1"
OWN = {"aws:ResourceTag/ray-cluster-name": "tgtest", "aws:ResourceTag/ray-node-type": "worker"}
OTHERS = {**OWN, "aws:ResourceTag/ray-cluster-name": "other"}
ITSELF = {**OWN, "aws:ResourceTag/ray-node-type": "head"}
PASSED = {"iam:PassedToService": "ec2.amazonaws.com"}
MAY = [
    ("head", "s3:PutObject", f"{BUCKET}/runs/a", {}),
    ("head", "s3:GetObject", f"{BUCKET}/weights/a", {}),
    ("head", "s3:DeleteObject", f"{BUCKET}/runs/a", {}),
    ("head", "s3:ListBucket", BUCKET, {}),
    ("head", "ec2:TerminateInstances", f"{EC2}:instance/i-1", OWN),
    ("head", "ec2:CreateTags", f"{EC2}:instance/i-1", {"ec2:CreateAction": "RunInstances"}),
    ("head", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/tgtest-teacher", PASSED),
    ("head", "ec2:DescribeInstances", "*", {}),
    ("teacher", "s3:GetObject", f"{BUCKET}/weights/r1/model-1.safetensors", {}),
    ("teacher", "s3:ListBucket", BUCKET, {"s3:prefix": "weights/r1/"}),
    *((role, "ssm:UpdateInstanceInformation", "*", {}) for role in ("head", "teacher", "verifier")),
]
MAY_NOT = [
    ("head", "s3:PutObject", "arn:aws:s3:::another-bucket/a", {}),
    ("head", "s3:DeleteObjectVersion", f"{BUCKET}/runs/a", {}),
    ("head", "s3:PutBucketPolicy", BUCKET, {}),
    ("head", "s3:DeleteBucket", BUCKET, {}),
    ("head", "ec2:TerminateInstances", f"{EC2}:instance/i-1", OTHERS),
    ("head", "ec2:TerminateInstances", f"{EC2}:instance/i-1", ITSELF),
    ("head", "ec2:TerminateInstances", f"{EC2}:instance/i-1", {}),
    ("head", "ec2:CreateTags", f"{EC2}:instance/i-1", OTHERS),
    ("head", "ec2:RunInstances", f"{EC2}:instance/*", {}),
    ("head", "ec2:RunInstances", f"{EC2}:instance/*", {"ec2:LaunchTemplate": f"{EC2}:launch-template/lt-others"}),
    ("head", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/tgtest-head", PASSED),
    ("head", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", PASSED),
    (
        "head",
        "iam:PassRole",
        f"arn:aws:iam::{ACCOUNT}:role/tgtest-teacher",
        {"iam:PassedToService": "lambda.amazonaws.com"},
    ),
    ("head", "iam:CreateRole", "*", {}),
    ("head", "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:prod/database", {}),
    ("teacher", "s3:GetObject", f"{BUCKET}/runs/a", {}),
    ("teacher", "s3:PutObject", f"{BUCKET}/weights/a", {}),
    ("teacher", "s3:DeleteObject", f"{BUCKET}/weights/a", {}),
    ("teacher", "s3:ListBucket", BUCKET, {}),
    ("teacher", "s3:ListBucket", BUCKET, {"s3:prefix": "runs/"}),
    ("teacher", "ec2:RunInstances", f"{EC2}:instance/*", {}),
    ("teacher", "ec2:TerminateInstances", f"{EC2}:instance/i-1", OWN),
    ("teacher", "secretsmanager:PutSecretValue", "*", {}),
    ("verifier", "s3:GetObject", f"{BUCKET}/weights/a", {}),
    ("verifier", "s3:GetObject", "arn:aws:s3:::a-public-bucket/a", {}),
    ("verifier", "s3:ListAllMyBuckets", "*", {}),
    ("verifier", "ec2:DescribeInstances", "*", {}),
    ("verifier", "ec2:TerminateInstances", f"{EC2}:instance/i-1", OWN),
    ("verifier", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/tgtest-teacher", PASSED),
    *(
        (role, "ssm:GetParameter", f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/prod/key", {})
        for role in ("head", "teacher", "verifier")
    ),
    *((role, "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}) for role in ("head", "teacher", "verifier")),
]


@pytest.mark.parametrize(("role", "action", "resource", "context"), MAY)
def test_what_a_role_may(
    policies: Mapping[str, list[Mapping[str, Any]]], role: str, action: str, resource: str, context: dict[str, str]
) -> None:
    assert allowed(policies[role], action, resource, context)


@pytest.mark.parametrize(("role", "action", "resource", "context"), MAY_NOT)
def test_what_a_role_may_not(
    policies: Mapping[str, list[Mapping[str, Any]]], role: str, action: str, resource: str, context: dict[str, str]
) -> None:
    assert not allowed(policies[role], action, resource, context)


def test_the_head_launches_from_the_two_templates(
    policies: Mapping[str, list[Mapping[str, Any]]], outputs: Mapping[str, Any]
) -> None:
    types = yaml.safe_load(outputs["autoscaler_config"])["available_node_types"]
    for role in ("teacher", "verifier"):
        node = types[role]["node_config"]
        arn = f"{EC2}:launch-template/{node['LaunchTemplate']['LaunchTemplateId']}"
        for resource in (f"{EC2}:instance/*", f"{EC2}:subnet/{node['SubnetIds'][0]}", arn):
            assert allowed(policies["head"], "ec2:RunInstances", resource, {"ec2:LaunchTemplate": arn})
        for resource in (f"{EC2}:subnet/subnet-others", "arn:aws:ec2:us-east-1::image/ami-others"):
            assert not allowed(policies["head"], "ec2:RunInstances", resource, {"ec2:LaunchTemplate": arn})


def test_all_read_the_token_and_only_the_head_writes_it(
    aws: MotoServer, policies: Mapping[str, list[Mapping[str, Any]]]
) -> None:
    token = aws.client("secretsmanager").describe_secret(SecretId="tgtest/ray-token")["ARN"]
    for role, documents in policies.items():
        assert allowed(documents, "secretsmanager:GetSecretValue", token, {})
        assert allowed(documents, "secretsmanager:PutSecretValue", token, {}) == (role == "head")


def test_only_nodes_take_the_roles(aws: MotoServer, outputs: Mapping[str, Any]) -> None:
    for name in outputs["role_names"].values():
        document = aws.client("iam").get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        assert [said["Principal"] for said in document["Statement"]] == [{"Service": "ec2.amazonaws.com"}]

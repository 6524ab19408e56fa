"""What the account has; as AWS tells it, not as we do."""

from typing import Any

from tests.servers.moto import MotoServer
from tracegen.cloud.instances import TYPE_TAG

ACCOUNT = "123456789012"


def instances(aws: MotoServer) -> list[Any]:
    """What runs."""
    states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    groups = aws.client("ec2").describe_instances(Filters=states)["Reservations"]
    return [one for group in groups for one in group["Instances"]]


def nodes(aws: MotoServer) -> dict[str, str]:
    """Ray's types of the instances that run, by id."""
    return {one["InstanceId"]: tag(one, TYPE_TAG) for one in instances(aws)}


def tag(instance: Any, name: str) -> str:
    return next((str(one["Value"]) for one in instance["Tags"] if one["Key"] == name), "")


def left(aws: MotoServer) -> list[str]:
    """Everything that the account still has, but what AWS itself has put there. Of interfaces AWS makes sure itself: a
    subnet that has one cannot be deleted. moto leaves those of ended instances behind."""
    ec2, iam = aws.client("ec2"), aws.client("iam")
    tagged = [{"Name": "tag:tracegen-cluster", "Values": ["tgtest"]}]
    found = [
        *(
            one["InstanceId"]
            for many in ec2.describe_instances()["Reservations"]
            for one in many["Instances"]
            if one["State"]["Name"] != "terminated"
        ),
        *(one["VpcId"] for one in ec2.describe_vpcs(Filters=tagged)["Vpcs"]),
        *(one["SubnetId"] for one in ec2.describe_subnets(Filters=tagged)["Subnets"]),
        *(one["GroupId"] for one in ec2.describe_security_groups(Filters=tagged)["SecurityGroups"]),
        *(one["LaunchTemplateId"] for one in ec2.describe_launch_templates()["LaunchTemplates"]),
        *(one["NatGatewayId"] for one in ec2.describe_nat_gateways()["NatGateways"] if one["State"] != "deleted"),
        *(one["AllocationId"] for one in ec2.describe_addresses()["Addresses"]),
        *(one["VpcEndpointId"] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"] if one["State"] != "deleted"),
        *(one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]),
        *(one["Name"] for one in aws.client("s3").list_buckets()["Buckets"]),
        *(one["RoleName"] for one in iam.list_roles()["Roles"]),
        *(one["InstanceProfileName"] for one in iam.list_instance_profiles()["InstanceProfiles"]),
        *(one["Name"] for one in aws.client("secretsmanager").list_secrets()["SecretList"]),
        *(one["BudgetName"] for one in aws.client("budgets").describe_budgets(AccountId=ACCOUNT)["Budgets"]),
    ]
    return [str(one) for one in found]

"""moto's server, with what Terraform's AWS provider needs and moto 5.2 lacks. Each function below says what AWS does there.

Differences that stay, and that tests step around where they meet them:

* It speaks no TLS and knows no conditions of a bucket's policy: one that denies plain HTTP denies everybody.
* Network interfaces of ended instances stay; in AWS they end with their instance. Subnets that have some can be deleted.
* Instances come, stop and end at once, and always: no quotas, no missing capacity, no spot market, no placement groups.
* IAM is not enforced, and there are no Deep Learning images.
"""

import json
import sys
from typing import Any

from moto.budgets.responses import BudgetsResponse
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateBackend
from moto.ec2.responses.instances import InstanceResponse
from moto.server import main


def describe_subscribers_for_notification(self: BudgetsResponse) -> str:
    """AWS has it; moto does not."""
    account, name = self._get_param("AccountId"), self._get_param("BudgetName")
    wanted = {key: value for key, value in self._get_param("Notification").items() if key != "NotificationState"}
    for notification in self.backend.budgets[account][name].notifications:
        if wanted.items() <= notification.details.items():
            return json.dumps({"Subscribers": notification.subscribers})
    return json.dumps({"Subscribers": []})


def list_tags_for_resource(self: BudgetsResponse) -> str:
    """AWS has it for budgets; moto does not."""
    name = self._get_param("ResourceARN").rpartition("/")[2]
    account = self._get_param("ResourceARN").split(":")[4]
    return json.dumps({"ResourceTags": self.backend.budgets[account][name].budget.get("ResourceTags", [])})


def create_budget(self: BudgetsResponse) -> str:
    """AWS keeps a budget's tags; moto drops them."""
    budget = {**self._get_param("Budget"), "ResourceTags": self._get_param("ResourceTags") or []}
    self.backend.create_budget(
        account_id=self._get_param("AccountId"),
        budget=budget,
        notifications=self._get_param("NotificationsWithSubscribers", []),
    )
    return json.dumps({})


_create = LaunchTemplateBackend.create_launch_template


def create_launch_template(
    self: LaunchTemplateBackend, name: str, description: str, template_data: dict[str, Any], tag_spec: dict[str, Any]
) -> LaunchTemplate:
    """AWS keeps the tags of the template apart from those of what it launches; moto gives both to instances."""
    tags = [one for one in template_data.get("TagSpecifications", []) if one["ResourceType"] != "launch-template"]
    return _create(self, name, description, {**template_data, "TagSpecifications": tags}, tag_spec)


_prep_nics = Instance.prep_nics
_regroup = InstanceBackend.modify_instance_security_groups


def prep_nics(self: Instance, *args: Any, **kwargs: Any) -> None:
    """AWS puts an instance into the security groups of its interface; moto only where the instance itself names them."""
    _prep_nics(self, *args, **kwargs)
    self.security_groups = self.security_groups or list(self.nics[0].group_set)


def modify_instance_security_groups(self: InstanceBackend, instance_id: str, new_group_id_list: list[str]) -> Instance:
    """AWS leaves the groups alone where another attribute is changed; moto empties them."""
    return _regroup(self, instance_id, new_group_id_list) if new_group_id_list else self.get_instance(instance_id)


_run = InstanceResponse.run_instances


def run_instances(self: InstanceResponse) -> Any:
    """EC2 makes MaxCount instances where it can, moto MinCount."""
    asked = self._get_param
    self._get_param = lambda name, *rest, **named: asked("MaxCount" if name == "MinCount" else name, *rest, **named)
    return _run(self)


InstanceResponse.run_instances = run_instances  # type: ignore[method-assign]
Instance.prep_nics = prep_nics  # type: ignore[method-assign]
InstanceBackend.modify_instance_security_groups = modify_instance_security_groups  # type: ignore[method-assign]
LaunchTemplateBackend.create_launch_template = create_launch_template  # type: ignore[method-assign]
for action in (describe_subscribers_for_notification, list_tags_for_resource, create_budget):
    setattr(BudgetsResponse, action.__name__, action)

if __name__ == "__main__":
    main(sys.argv[1:])

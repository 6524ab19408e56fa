"""moto's server, with what Terraform's AWS provider needs and moto 5.2 lacks: subscribers and tags of a budget, launch
templates whose own tags do not become part of what they launch, instances that are in the security groups of their
interfaces, also when another attribute is changed, and as many instances at once as Ray asks for."""

import json
import sys
from typing import Any

from moto.budgets.responses import BudgetsResponse
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateBackend
from moto.ec2.responses.instances import InstanceResponse
from moto.server import main


def describe_subscribers_for_notification(self: BudgetsResponse) -> str:
    account, name = self._get_param("AccountId"), self._get_param("BudgetName")
    wanted = {key: value for key, value in self._get_param("Notification").items() if key != "NotificationState"}
    for notification in self.backend.budgets[account][name].notifications:
        if wanted.items() <= notification.details.items():
            return json.dumps({"Subscribers": notification.subscribers})
    return json.dumps({"Subscribers": []})


def list_tags_for_resource(self: BudgetsResponse) -> str:
    name = self._get_param("ResourceARN").rpartition("/")[2]
    account = self._get_param("ResourceARN").split(":")[4]
    return json.dumps({"ResourceTags": self.backend.budgets[account][name].budget.get("ResourceTags", [])})


def create_budget(self: BudgetsResponse) -> str:
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
    tags = [one for one in template_data.get("TagSpecifications", []) if one["ResourceType"] != "launch-template"]
    return _create(self, name, description, {**template_data, "TagSpecifications": tags}, tag_spec)


_prep_nics = Instance.prep_nics
_regroup = InstanceBackend.modify_instance_security_groups


def prep_nics(self: Instance, *args: Any, **kwargs: Any) -> None:
    _prep_nics(self, *args, **kwargs)
    self.security_groups = self.security_groups or list(self.nics[0].group_set)


def modify_instance_security_groups(self: InstanceBackend, instance_id: str, new_group_id_list: list[str]) -> Instance:
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

"""moto's server, with the answers that Terraform's AWS provider needs and moto 5.2 lacks: subscribers and tags of a budget."""

import json
import sys

from moto.budgets.responses import BudgetsResponse
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


for action in (describe_subscribers_for_notification, list_tags_for_resource, create_budget):
    setattr(BudgetsResponse, action.__name__, action)

if __name__ == "__main__":
    main(sys.argv[1:])

"""Says whether IAM policies allow an action, by the rules of the IAM User Guide, "Policy evaluation logic": no by default,
yes by an Allow, no by any Deny. For one account, without boundaries; it knows the operators that are used here."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any


def allowed(
    policies: Iterable[Mapping[str, Any]], action: str, resource: str, context: Mapping[str, str] | None = None
) -> bool:
    """Whether the holder of these policies may. ``context`` has the condition keys of the request."""
    effects = {
        said["Effect"]
        for policy in policies
        for said in policy["Statement"]
        if _applies(said, action, resource, context or {})
    }
    return "Allow" in effects and "Deny" not in effects


def denied(policy: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Whether a Deny of this policy applies."""
    return any(said["Effect"] == "Deny" and _applies(said, action, resource, context) for said in policy["Statement"])


def _applies(said: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    return (
        any(fnmatchcase(action.lower(), one.lower()) for one in _listed(said["Action"]))
        and any(fnmatchcase(resource, one) for one in _listed(said["Resource"]))
        and all(
            _holds(operator, context.get(key), _listed(values))
            for operator, keys in said.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, given: str | None, values: list[str]) -> bool:
    if given is None:
        return False
    match operator:
        case "StringEquals" | "Bool":
            return given in values
        case "StringLike" | "ArnEquals":
            return any(fnmatchcase(given, value) for value in values)
        case _:
            raise NotImplementedError(operator)


def _listed(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]

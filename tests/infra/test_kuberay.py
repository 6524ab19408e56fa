"""The example for Kubernetes, against the fields that KubeRay documents. KubeRay's own schemas are in no package."""

from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.infra

PATH = Path(__file__).parents[2] / "infra/kuberay/rayjob.yaml"
JOB = {
    *("entrypoint", "runtimeEnvYAML", "backoffLimit", "activeDeadlineSeconds", "shutdownAfterJobFinishes"),
    *("ttlSecondsAfterFinished", "rayClusterSpec", "submissionMode", "suspend", "submitterPodTemplate", "metadata"),
}
CLUSTER = {
    *("rayVersion", "enableInTreeAutoscaling", "autoscalerOptions", "authOptions", "headGroupSpec", "workerGroupSpecs"),
    *("suspend", "managedBy", "gcsFaultToleranceOptions", "headServiceAnnotations", "upgradeStrategy"),
}
AUTOSCALER = {
    "version",
    "idleTimeoutSeconds",
    "upscalingMode",
    "resources",
    "image",
    "imagePullPolicy",
    "env",
    "envFrom",
}
HEAD = {"rayStartParams", "template", "serviceType", "headService", "enableIngress", "resources", "labels"}
WORKER = {
    *("groupName", "replicas", "minReplicas", "maxReplicas", "numOfHosts", "idleTimeoutSeconds", "rayStartParams"),
    *("template", "scaleStrategy", "suspend", "resources", "labels"),
}
"""https://docs.ray.io/en/master/cluster/kubernetes/references/api.html (KubeRay 1.6)."""


@pytest.fixture
def job() -> dict[str, Any]:
    return dict(yaml.safe_load(PATH.read_text()))


def test_only_documented_fields(job: dict[str, Any]) -> None:
    spec = job["spec"]
    cluster = spec["rayClusterSpec"]
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert set(spec) <= JOB
    assert set(cluster) <= CLUSTER
    assert set(cluster["autoscalerOptions"]) <= AUTOSCALER
    assert set(cluster["headGroupSpec"]) <= HEAD
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        assert group["template"]["spec"]["containers"]
    for group in cluster["workerGroupSpecs"]:
        assert set(group) <= WORKER
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_it_ends_wants_a_token_and_is_an_example(job: dict[str, Any]) -> None:
    spec = job["spec"]
    assert PATH.read_text().startswith("# An example, ")
    assert spec["shutdownAfterJobFinishes"]
    assert spec["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert all(group["minReplicas"] == 0 for group in spec["rayClusterSpec"]["workerGroupSpecs"])


def test_it_is_the_ray_of_our_nodes(job: dict[str, Any]) -> None:
    pins = (PATH.parents[1] / "node/requirements/base.txt").read_text().splitlines()
    assert f"ray=={job['spec']['rayClusterSpec']['rayVersion']}" in pins

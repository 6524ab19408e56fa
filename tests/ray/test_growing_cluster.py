"""A cluster that may grow is not refused for what it lacks today."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.ray_head import ray_head

pytestmark = pytest.mark.ray

ROOT = Path(__file__).parents[2]
PROGRAM = """
import logging
from tracegen.cluster.ray import RayCluster
from tracegen.recipe import Where
logging.basicConfig(level=logging.WARNING, format="%(message)s")
cluster = RayCluster(Where(replicas=2, gpus_per_replica=8))
cluster.open()
cluster.close()
"""


def test_nodes_of_a_group_may_become_more() -> None:
    pytest.importorskip("ray")
    with ray_head(RAY_NODE_TYPE_NAME="head") as head:
        env = {**head.env, "RAY_ADDRESS": head.address}
        command = [sys.executable, "-c", PROGRAM]
        opened = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert opened.returncode == 0, opened.stderr
    assert "room for 0 of 2 replicas; the others wait for the cluster to grow" in opened.stderr

"""Ray's fake node provider, with nodes that are started as on machines of their own: by `ray start`, in a folder of their
own, with the environment that user data gives them. Loaded by Ray's autoscaler, outside this package.

As it comes, the provider's nodes share the head's folder, and unpack a job's files under each other's feet.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ray.autoscaler._private.fake_multi_node.node_provider import FakeMultiNodeProvider
from ray.autoscaler.tags import NODE_KIND_WORKER, TAG_RAY_NODE_KIND, TAG_RAY_USER_NODE_TYPE


class LaunchedNodes(FakeMultiNodeProvider):
    """Nodes of one test's cluster."""

    def _create_node_with_resources_and_labels(
        self, node_config: Any, tags: dict[str, str], count: int, resources: dict[str, float], labels: dict[str, str]
    ) -> None:
        with self.lock:
            node_id = self._next_hex_node_id()
            node_type = tags[TAG_RAY_USER_NODE_TYPE]
            all_tags = {TAG_RAY_NODE_KIND: NODE_KIND_WORKER, **tags}
            folder = Path(self.provider_config["folder"]) / node_id[-5:]
            folder.mkdir()
            node = started(self._gcs_address, folder, dict(resources), node_id, node_type)
            self._nodes[node_id] = {"tags": all_tags, "node": node}

    def _terminate_node(self, node: dict[str, Any]) -> None:
        node["node"].terminate()


def started(
    address: str, folder: Path, resources: dict[str, float], node_id: str, node_type: str
) -> "subprocess.Popen[bytes]":
    """A node of that type joins the head at that address, and ends with the process. Takes ``resources`` apart."""
    memory = int(resources.pop("object_store_memory"))
    command = [
        *(str(Path(sys.executable).with_name("ray")), "start", "--block", f"--address={address}"),
        *(f"--num-cpus={resources.pop('CPU', 0):g}", f"--num-gpus={resources.pop('GPU', 0):g}"),
        *(f"--resources={json.dumps(resources)}", f"--object-store-memory={memory}", f"--temp-dir={folder}"),
        *("--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0", "--disable-usage-stats"),
    ]
    head_only = ("RAY_OVERRIDE_NODE_ID_FOR_TESTING", "RAY_FAKE_CLUSTER", "PYTHONPATH")
    env = {name: value for name, value in os.environ.items() if name not in head_only}
    env |= {"RAY_CLOUD_INSTANCE_ID": node_id, "RAY_NODE_TYPE_NAME": node_type}
    with (folder / "start.log").open("wb") as log:
        return subprocess.Popen(command, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

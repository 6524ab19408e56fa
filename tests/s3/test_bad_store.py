"""An S3 store that will not do is told before anything is spent: one line, exit code 2, and the bucket as it was."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.seaweed import S3Server
from tracegen.cli import main

pytestmark = pytest.mark.s3

RECIPE = """
name: small
prompts:
  - {kind: jsonl, name: sums, domain: math, path: sums.jsonl}
teacher: {engine: simulated, model: pseudo, engines: {simulated: {instant: true}}}
where: {cluster: local}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_server: S3Server) -> Iterator[None]:
    (tmp_path / "small.yaml").write_text(RECIPE)
    (tmp_path / "sums.jsonl").write_text(json.dumps({"prompt": "1 + 1 = ?", "answer": "2"}) + "\n")
    monkeypatch.chdir(tmp_path)
    before = keys(s3_server)
    yield
    assert keys(s3_server) == before


def keys(server: S3Server) -> list[str]:
    return [found["Key"] for found in server.client().list_objects_v2(Bucket=server.bucket).get("Contents", [])]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changed", "bucket", "expected"),
    [
        ({}, "no-such-bucket", "the bucket does not exist; create it, or correct the name"),
        (
            {"AWS_ACCESS_KEY_ID": "stranger"},
            "tracegen",
            "the access key is unknown; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        ),
        (
            {"AWS_SECRET_ACCESS_KEY": "wrong"},
            "tracegen",
            "the secret key is wrong; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        ),
        (
            {"AWS_ACCESS_KEY_ID": "reader"},
            "tracegen",
            "access denied; these credentials need s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject there",
        ),
    ],
)
def test_it_is_told_in_one_line(
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, str],
    bucket: str,
    expected: str,
) -> None:
    for name, value in {**s3_server.env, **changed}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(["run", "small.yaml", "--store", f"s3://{bucket}/prefix"])
    assert ended.value.code == 2
    assert capsys.readouterr() == (
        "",
        f"error: cannot write s3://{bucket}/prefix at {s3_server.endpoint}: {expected}\n",
    )

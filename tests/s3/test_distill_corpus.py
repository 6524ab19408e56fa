"""A corpus on S3 becomes files that a trainer reads."""

from pathlib import Path

import pytest

from tests.servers.seaweed import S3Server
from tests.simulated_run import order, recipe_file
from tracegen.distill.corpus import corpus_at
from tracegen.run import run
from tracegen.store import open_store

pytestmark = pytest.mark.s3


def test_a_corpus_on_s3_is_copied_whole(
    s3_server: S3Server, s3_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.env.items():
        monkeypatch.setenv(name, value)
    built = run(order(recipe_file(tmp_path)), lambda _: None).corpus_path
    assert built is not None
    store = open_store(s3_uri)
    for path in Path(built).iterdir():
        store.put(f"corpus/{path.name}", path.read_bytes())
    found = corpus_at(f"{s3_uri}/corpus/", tmp_path / "cache")
    local = corpus_at(built, tmp_path)
    assert (found.uri, found.digest) == (f"{s3_uri}/corpus", local.digest)
    assert [path.read_bytes() for path in found.files] == [path.read_bytes() for path in local.files]

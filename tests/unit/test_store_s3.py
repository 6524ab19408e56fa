"""S3Store against faults that a real server cannot be made to show, and its words for a user's mistakes."""

import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers.scripted import Answer, scripted_s3
from tests.servers.seaweed import S3Server, free_ports
from tracegen.errors import PromptError, StoreError, StoreUnavailable
from tracegen.store import S3Store, open_store, open_uri, preflight, read_uri


def s3(env: dict[str, str], *, patience_s: float = 10, timeout_s: float = 5) -> S3Store:
    store = open_store("s3://bucket/prefix", env=env)
    assert isinstance(store, S3Store)
    return store.hurried(patience_s, timeout_s)


@pytest.mark.parametrize(
    "puts",
    [[409], [503, 503], [500], ["reset"], ["done-then-reset"], ["done-then-500"], ["done-then-reset", 409, 503]],
    ids=str,
)
def test_our_own_win_is_true_whatever_we_heard_of_it(puts: list[Answer]) -> None:
    with scripted_s3(puts) as server:
        assert s3(server.env).put_if_absent("k", b"ours") is True
        assert server.objects["/bucket/prefix/k"][0] == b"ours"
        assert len([request for request in server.requests if request.startswith("PUT")]) == len(puts) + 1


@pytest.mark.parametrize("puts", [[], [409], [503], ["reset"]], ids=str)
def test_another_ones_win_is_false(puts: list[Answer]) -> None:
    with scripted_s3() as server:
        assert s3(server.env).put_if_absent("k", b"theirs") is True
        server.puts = puts
        assert s3(server.env).put_if_absent("k", b"theirs") is False


@pytest.mark.parametrize("puts", [[503], [500, 500], ["reset"], ["done-then-reset"]], ids=str)
def test_a_plain_put_is_repeated(puts: list[Answer]) -> None:
    with scripted_s3(puts) as server:
        store = s3(server.env)
        store.put("k", b"v")
        assert store.get("k") == b"v"


def test_patience_is_bounded_and_the_error_names_object_and_endpoint() -> None:
    with scripted_s3([503] * 100) as server:
        started = time.monotonic()
        with pytest.raises(StoreError, match=rf"cannot write s3://bucket/prefix/k at {server.endpoint}: .*SlowDown"):
            s3(server.env, patience_s=1).put_if_absent("k", b"v")
        assert time.monotonic() - started < 3


def test_a_server_that_hangs_is_given_up() -> None:
    with scripted_s3(["hang"] * 3) as server, pytest.raises(StoreError, match=r"no answer in time"):
        s3(server.env, patience_s=0.5, timeout_s=0.5).put("k", b"v")


def test_a_server_that_is_started_again_is_waited_for() -> None:
    port = free_ports(1)[0]
    env = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(s3(env).put_if_absent, "k", b"v")
        time.sleep(0.3)
        with scripted_s3(port=port) as server:
            assert written.result(timeout=10) is True
            assert server.objects["/bucket/prefix/k"][0] == b"v"


def test_refusals_are_not_repeated() -> None:
    with scripted_s3([403] * 9) as server:
        with pytest.raises(StoreError, match="access denied; these credentials need s3:ListBucket"):
            s3(server.env).put("k", b"v")
        assert server.requests == ["PUT 403"]


def test_preflight_refuses_a_server_that_ignores_conditions() -> None:
    with scripted_s3(honours_conditions=False) as server:
        with pytest.raises(StoreUnavailable, match=r"s3://bucket/prefix ignores conditional writes \(If-None-Match\)"):
            preflight(s3(server.env))
        assert server.objects == {}


def test_preflight_accepts_a_server_that_honours_them() -> None:
    with scripted_s3() as server:
        preflight(s3(server.env))
        assert server.objects == {}


def test_preflight_names_an_endpoint_that_nobody_listens_on() -> None:
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    env = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    with pytest.raises(StoreUnavailable, match=rf"at {endpoint}: cannot connect; is the server up") as caught:
        preflight(open_store("s3://bucket", env=env), deadline_s=5)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_preflight_ends_at_its_deadline() -> None:
    with scripted_s3(["hang"] * 20) as server:
        started = time.monotonic()
        with pytest.raises(StoreUnavailable, match=r"no answer in time|did not answer in 1 s"):
            preflight(s3(server.env), deadline_s=1)
        assert time.monotonic() - started < 2


def test_an_endpoint_that_is_no_url_is_said() -> None:
    env = {"AWS_ENDPOINT_URL": "localhost:8333", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    with pytest.raises(StoreUnavailable, match="localhost:8333"):
        preflight(open_store("s3://bucket", env=env))


def test_missing_credentials_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    env = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "us-east-1"}
    with pytest.raises(StoreUnavailable, match="no credentials found; set AWS_ACCESS_KEY_ID"):
        preflight(open_store("s3://bucket", env=env))


def test_keys_travel_with_the_store_and_are_not_shown() -> None:
    store = s3({"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_ENDPOINT_URL": "http://e"})
    assert "hush" not in repr(store) + repr(store.access)
    assert pickle.loads(pickle.dumps(store)).access == store.access
    assert store.access.resolved().secret_key == "hush"


@pytest.mark.s3
class TestOnARealServer:
    def test_wrong_secret(self, s3_server: S3Server, s3_uri: str) -> None:
        env = {**s3_server.env, "AWS_SECRET_ACCESS_KEY": "wrong"}
        with pytest.raises(StoreUnavailable, match="the secret key is wrong; check AWS_ACCESS_KEY_ID"):
            preflight(open_store(s3_uri, env=env))

    def test_unknown_key(self, s3_server: S3Server, s3_uri: str) -> None:
        env = {**s3_server.env, "AWS_ACCESS_KEY_ID": "nobody"}
        with pytest.raises(StoreUnavailable, match="the access key is unknown"):
            preflight(open_store(s3_uri, env=env))

    def test_may_not_write(self, s3_server: S3Server, s3_uri: str) -> None:
        with pytest.raises(StoreUnavailable, match="access denied"):
            preflight(open_store(s3_uri, env=s3_server.reader_env))

    def test_no_such_bucket(self, s3_server: S3Server) -> None:
        with pytest.raises(StoreUnavailable, match=r"s3://nothing-here/x.* the bucket does not exist; create it"):
            preflight(open_store("s3://nothing-here/x", env=s3_server.env))

    def test_files_are_read_by_uri(self, s3_server: S3Server, s3_uri: str) -> None:
        open_store(s3_uri, env=s3_server.env).put("in/prompts.jsonl", b"{}\n" * 1_000_000)
        with open_uri(f"{s3_uri}/in/prompts.jsonl", env=s3_server.env) as file:
            assert file.readline() == b"{}\n"
        assert len(read_uri(f"{s3_uri}/in/prompts.jsonl", env=s3_server.env)) == 3_000_000
        with pytest.raises(PromptError, match=f"no such object: {s3_uri}/in/other"):
            open_uri(f"{s3_uri}/in/other", env=s3_server.env)
        with pytest.raises(PromptError, match="the bucket does not exist"):
            open_uri("s3://nothing-here/in", env=s3_server.env)

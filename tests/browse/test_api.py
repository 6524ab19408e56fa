"""What the page asks for: right on a run, on a corpus, on nothing; bad input is one line. No browser."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.browse.places import ATTEMPTS, PROMPTS, RUN, begun_run, full_run, going_on
from tests.servers.seaweed import S3Server
from tracegen.browse.desk import Desk
from tracegen.browse.human import export_notes
from tracegen.browse.place import open_corpus, open_run
from tracegen.browse.security import COOKIE
from tracegen.browse.server import application
from tracegen.catalog import query
from tracegen.differences import of_sets
from tracegen.errors import UserError
from tracegen.runs import build_corpus, newest_corpus_path
from tracegen.store import SubStore, open_store

ROWS = PROMPTS * ATTEMPTS
Client = TestClient[Any, Any]


async def client_of(desk: Desk, token: str = "") -> Client:
    client: Client = TestClient(TestServer(application(desk, token)))
    await client.start_server()
    return client


@pytest.fixture
async def client(full_store: Path) -> AsyncIterator[Client]:
    made = await client_of(Desk(open_run(str(full_store), RUN)))
    yield made
    await made.close()


async def got(client: Client, path: str, status: int = 200) -> Any:
    async with client.get(path) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def searched(client: Client, path: str) -> list[Any]:
    async with client.get(path) as response:
        assert response.status == 200
        return [json.loads(line) for line in (await response.text()).splitlines()]


async def test_counts_are_those_of_the_ledger(client: Client, full_store: Path) -> None:
    found = await got(client, "/api/counts")
    assert found["total"] == ROWS
    said = query(str(full_store), RUN, "SELECT outcome, count(*) FROM judged GROUP BY 1").rows
    assert found["facets"]["outcome"] == {str(outcome): number for outcome, number in said}
    assert found["facets"]["kept"]["yes"] == query(str(full_store), RUN, "SELECT count(*) FROM corpus").rows[0][0]


async def test_a_chosen_facet_still_counts_its_other_values(client: Client) -> None:
    found = await got(client, "/api/counts?outcome=correct&domain=math")
    everything = await got(client, "/api/counts?domain=math")
    assert found["facets"]["outcome"] == everything["facets"]["outcome"]
    assert found["facets"]["domain"].keys() == {"math", "logic"}
    assert found["total"] == everything["facets"]["outcome"]["correct"]


@pytest.mark.parametrize("sort", ["id", "longest", "shortest", "hardest", "easiest"])
async def test_pages_by_key_are_the_whole_list_forwards_and_back(client: Client, sort: str) -> None:
    whole = [row["id"] for row in (await got(client, f"/api/rows?limit=200&sort={sort}"))["rows"]]
    assert len(set(whole)) == ROWS
    forwards, page = [], await got(client, f"/api/rows?limit=33&sort={sort}")
    assert page["before"] == ""
    forwards += [row["id"] for row in page["rows"]]
    while page["after"]:
        page = await got(client, f"/api/rows?limit=33&sort={sort}&after={page['after']}")
        forwards += [row["id"] for row in page["rows"]]
    assert forwards == whole
    backwards = [row["id"] for row in page["rows"]]
    while page["before"]:
        page = await got(client, f"/api/rows?limit=33&sort={sort}&before={page['before']}")
        backwards = [row["id"] for row in page["rows"]] + backwards
    assert backwards == whole


async def test_filters_let_in_what_they_say(client: Client) -> None:
    found = await got(client, "/api/rows?outcome=incorrect&outcome=undecided&domain=math&min=300&max=3000&limit=200")
    assert found["rows"]
    assert all(row["outcome"] != "correct" and row["domain"] == "math" for row in found["rows"])
    assert all(300 <= row["tokens"] <= 3000 for row in found["rows"])


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/api/rows?colour=red", "no filter"),
        ("/api/rows?sort=best", "no order"),
        ("/api/rows?limit=100000", "at most"),
        ("/api/rows?limit=-1", "whole number"),
        ("/api/rows?min=1e9", "whole number"),
        ("/api/rows?after=nowhere", "no place"),
        ("/api/rows?sort=longest&after=much~x", "no place"),
        ("/api/rows?after=a~a&before=a~a", "one of them"),
        ("/api/rows?mark=great", "no mark"),
        ("/api/counts?' OR 1=1 --=x", "no filter"),
        ("/api/search", "nothing to search"),
        (f"/api/search?q={'x' * 501}", "at most"),
        ("/api/search?q=x&sort=longest", "by id"),
    ],
)
async def test_bad_input_is_refused_in_one_line(client: Client, path: str, word: str) -> None:
    error = (await got(client, path, 400))["error"]
    assert word in error
    assert "\n" not in error


@pytest.mark.parametrize("value", ["'; DROP TABLE rows; --", "\x00", "é\u202e", "%27"])
async def test_a_filter_is_a_value_and_no_sql(client: Client, value: str) -> None:
    async with client.get("/api/rows", params={"source": value}) as response:
        assert (await response.json())["rows"] == []
    assert (await got(client, "/api/counts"))["total"] == ROWS


@pytest.mark.parametrize("path", ["/api/trace/nobody", "/api/trace/%2e%2e%2f", "/static/passwd", "/nowhere"])
async def test_what_is_not_there_is_404(client: Client, path: str) -> None:
    assert "\n" not in (await got(client, path, 404))["error"]


async def test_a_trace_has_all_of_it_and_every_attempt(client: Client) -> None:
    row = (await got(client, "/api/rows?domain=math&outcome=correct&limit=1"))["rows"][0]
    found = await got(client, f"/api/trace/{row['id']}")
    assert [one["id"].rpartition(".")[2] for one in found["attempts"]] == ["0000", "0001", "0002", "0003"]
    assert found["reasoning"].startswith("Okay")
    assert "boxed" in found["answer"]
    assert "S_n" in found["prompt"]
    assert json.loads(found["reference"])["kind"] == "answer"
    assert found["facts"]["completion_tokens"] == row["tokens"]
    assert {"seed", "model", "licence", "source_row", "verifier", "temperature"} <= found["facts"].keys()


async def test_a_trace_without_an_end_is_shown_as_it_came(client: Client) -> None:
    ids = [row["id"] for row in (await got(client, "/api/rows?limit=200"))["rows"]]
    cut = next(one for one in ids if one.startswith(tuple("0123")) and one.endswith(".0003"))
    found = await got(client, f"/api/trace/{cut}")
    assert found["reasoning"] == found["answer"] == ""
    assert found["raw"].startswith("<think>")


async def test_a_search_finds_what_reading_all_finds(client: Client, full_store: Path) -> None:
    for text, sql in (
        ("attempt 2", "contains(text, 'attempt 2')"),
        ("KNIGHTS", "false"),
        ("knights", "domain = 'logic'"),
    ):
        told = await searched(client, f"/api/search?q={text}&limit=200")
        wanted = query(str(full_store), RUN, f"SELECT attempt_id FROM completions WHERE {sql} ORDER BY 1").rows
        assert [line["row"]["id"] for line in told if "row" in line] == [row[0] for row in wanted]
        assert told[-1] == {"after": ""}


async def test_a_search_goes_on_where_its_page_ended(client: Client) -> None:
    found, after = [], ""
    while True:
        told = await searched(client, f"/api/search?q=squares&domain=math&limit=30&after={after}")
        found += [line["row"]["id"] for line in told if "row" in line]
        if not (after := told[-1]["after"]):
            break
    assert found == sorted(set(found))
    assert len(found) == (await got(client, "/api/counts?domain=math"))["total"]


async def test_notes_are_kept_found_and_taken_back(tmp_path: Path) -> None:
    full_run(str(tmp_path / "store"), tmp_path)
    client = await client_of(Desk(open_run(str(tmp_path / "store"), RUN)))
    ids = [row["id"] for row in (await got(client, "/api/rows?limit=3"))["rows"]]
    for row_id, mark in zip(ids, ("right", "wrong", "unsure"), strict=True):
        async with client.put(f"/api/notes/{row_id}", json={"mark": mark, "note": f"so {mark}\u202e"}) as response:
            assert response.status == 200
    async with client.put(f"/api/notes/{ids[2]}", json={"mark": ""}) as response:
        assert response.status == 200
    await client.close()
    again = await client_of(Desk(open_run(str(tmp_path / "store"), RUN)))
    assert (await got(again, f"/api/trace/{ids[1]}"))["note"] == {"mark": "wrong", "note": "so wrong\u202e"}
    assert [row["id"] for row in (await got(again, "/api/rows?mark=wrong"))["rows"]] == [ids[1]]
    assert (await got(again, "/api/counts"))["facets"]["mark"] == {"right": 1, "wrong": 1}
    await again.close()


@pytest.mark.parametrize(
    ("body", "status"),
    [('{"mark": "great"}', 400), ("nonsense", 400), ('{"note": "x"}', 400), ('{"mark": 3}', 400), ("[]", 400)],
)
async def test_a_bad_note_is_refused(client: Client, body: str, status: int) -> None:
    row = (await got(client, "/api/rows?limit=1"))["rows"][0]
    json_type = {"Content-Type": "application/json"}
    async with client.put(f"/api/notes/{row['id']}", data=body, headers=json_type) as response:
        assert response.status == status
        assert "\n" not in (await response.json())["error"]


async def test_another_site_can_neither_read_nor_write(client: Client) -> None:
    async with client.get("/api/about", headers={"Host": "evil.example"}) as response:
        assert response.status == 403
    row = (await got(client, "/api/rows?limit=1"))["rows"][0]
    async with client.put(f"/api/notes/{row['id']}", data='{"mark": "right"}') as response:
        assert response.status == 415
    async with client.get("/") as response:
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_with_a_token_nobody_else_gets_in(full_store: Path) -> None:
    client = await client_of(Desk(open_run(str(full_store), RUN)), "sesame")
    for path in ("/", "/api/about", "/?token=", "/?token=wrong", "/static/app.js"):
        async with client.get(path) as response:
            assert response.status == 403
    async with client.get("/?token=sesame&domain=math", allow_redirects=False) as response:
        assert response.headers["Location"] == "/?domain=math"
        assert response.cookies[COOKIE]["samesite"] == "Strict"
        assert response.cookies[COOKIE]["httponly"]
    assert (await got(client, "/api/about"))["rows"] == ROWS
    await client.close()


@pytest.fixture
def moved(full_store: Path, tmp_path: Path) -> Path:
    """A corpus's folder by itself."""
    corpus = Path(newest_corpus_path(str(full_store), RUN))
    return Path(shutil.copytree(corpus, tmp_path / "corpus"))


async def test_a_corpus_without_its_run(moved: Path) -> None:
    client = await client_of(Desk(open_corpus(str(moved))))
    assert (await got(client, "/api/about"))["corpus"] is True
    row = (await got(client, "/api/rows?limit=1"))["rows"][0]
    found = await got(client, f"/api/trace/{row['id']}")
    assert found["reasoning"]
    assert found["answer"]
    assert (await searched(client, "/api/search?q=squares&limit=1"))[-1]["after"]
    assert await got(client, f"/api/openings?id={row['id']}")
    async with client.put(f"/api/notes/{row['id']}", json={"mark": "right"}) as response:
        assert response.status == 200
    assert [item.key for item in open_store(str(moved)).list("notes/")] == [f"notes/{row['id']}.json"]
    await client.close()


async def test_notes_on_a_corpus_in_its_run_are_the_runs(full_store: Path) -> None:
    place = open_corpus(newest_corpus_path(str(full_store), RUN))
    assert place.notes.uri == str(full_store / RUN)


async def test_nothing_and_a_run_that_goes_on(tmp_path: Path) -> None:
    store = begun_run(str(tmp_path / "store"), tmp_path)
    clock = [1000.0]
    desk = Desk(open_run(str(tmp_path / "store"), RUN), lambda: clock[0])
    client = await client_of(desk)
    assert (await got(client, "/api/about"))["standing"] is None
    assert (await got(client, "/api/counts"))["total"] == 0
    assert (await got(client, "/api/rows"))["rows"] == []
    assert await searched(client, "/api/search?q=x") == [{"after": ""}]
    full_run(str(tmp_path / "store"), tmp_path, built=False)
    going_on(store, 1000.0)
    clock[0] += 60
    about = await got(client, "/api/about")
    assert about["rows"] == ROWS
    assert about["standing"]["shards_open"] == 2
    await client.close()


async def test_a_client_that_goes_stops_its_question(full_store: Path) -> None:
    desk = Desk(open_run(str(full_store), RUN))
    endless = "SELECT count(*) FROM range(100000000000) a, range(100000) b"
    asked = asyncio.ensure_future(desk.dataset.read(lambda connection: connection.execute(endless).fetchall()))
    await asyncio.sleep(0.3)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    for _ in range(3):  # one more than there are readers: the interrupted one is free again
        async with asyncio.timeout(10):
            assert await desk.dataset.read(lambda connection: connection.execute("SELECT 1").fetchall()) == [(1,)]
    desk.dataset.close()


async def test_notes_become_a_verdict_set_that_can_be_compared(tmp_path: Path) -> None:
    uri = str(tmp_path / "store")
    store = full_run(uri, tmp_path)
    with pytest.raises(UserError, match="no notes"):
        export_notes(uri, RUN)
    desk = Desk(open_run(uri, RUN))
    correct = "SELECT attempt_id FROM judged WHERE outcome = 'correct' ORDER BY 1 LIMIT 2"
    first, second = (str(row[0]) for row in query(uri, RUN, correct).rows)
    await desk.note(first, "wrong", "the proof has a gap")
    await desk.note(second, "right", "")
    exported = export_notes(uri, RUN)
    assert (exported.rows, exported.outcomes, exported.left_out) == (2, {"incorrect": 1, "correct": 1}, 0)
    changes = of_sets(uri, RUN, ("math-1", "human"), sample=5).changes.rows
    assert ("correct", "equal", "incorrect", "marked_wrong", 1) in changes
    await desk.note(second, "", "")
    assert export_notes(uri, RUN).rows == 1
    assert query(uri, RUN, "SELECT attempt_id FROM verdicts WHERE verdict_set = 'human'").rows == [(first,)]
    assert build_corpus(uri, RUN, "math-1").rows > 0
    assert [item.key for item in store.list("notes/")] == [f"notes/{first}.json"]
    desk.dataset.close()


@pytest.mark.s3
async def test_a_run_on_s3(s3_server: S3Server, s3_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.env.items():
        monkeypatch.setenv(name, value)
    full_run(s3_uri, tmp_path, built=False)
    client = await client_of(Desk(open_run(s3_uri, RUN)))
    row = (await got(client, "/api/rows?limit=1&outcome=correct"))["rows"][0]
    assert (await got(client, f"/api/trace/{row['id']}"))["reasoning"]
    async with client.put(f"/api/notes/{row['id']}", json={"mark": "right", "note": "on S3"}) as response:
        assert response.status == 200
    await client.close()
    assert export_notes(s3_uri, RUN).outcomes == {"correct": 1}
    assert [item.key for item in SubStore(open_store(s3_uri), RUN).list("notes/")] == [f"notes/{row['id']}.json"]

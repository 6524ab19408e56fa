"""The ledger under ``kill -9``: real processes, a real folder, and a reader who looks all the while."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from tests.rows import completion, judgement
from tracegen.ledger.journal import Journal, JournalLimits, replay
from tracegen.ledger.owner import Owner, claim
from tracegen.ledger.process import this_process
from tracegen.ledger.settle import settle, settled_shards, sweep
from tracegen.store import glob_uri, open_store

SHARDS, PER_SHARD = 6, 12


async def drive(uri: str) -> None:
    """A driver: prints every attempt that it asks for and every one that it knows to be durable."""
    store = open_store(uri)
    me = Owner(this_process(os.getpid()), time.time())
    claimed = claim(store, "killed", me, ttl_s=30)
    sweep(store, "v1")
    journal = Journal(store, epoch=claimed.epoch, recorder_id="r0", limits=JournalLimits(linger_s=0.005))
    for shard in range(SHARDS):
        shard_id = f"s{shard}"
        if shard_id in settled_shards(store):
            continue
        done = {row.attempt_id for row in replay(store, shard_id)[0]}
        judged = {row.attempt_id for row in replay(store, shard_id)[1]}
        for number in range(shard * PER_SHARD, (shard + 1) * PER_SHARD):
            row = completion(number, shard_id=shard_id, epoch=claimed.epoch, text="x" * 2000)
            if row.attempt_id not in done:
                print("asked", row.attempt_id, flush=True)
                await journal.append([row])
                print("durable", row.attempt_id, flush=True)
            if row.attempt_id not in judged:
                await journal.append_judgements([judgement(row)])
        settle(store, shard_id, "v1")
    await journal.close()
    claimed.release()


def watch(pattern: str, stop: threading.Event, seen: list[tuple[int, int]]) -> None:
    with duckdb.connect() as connection:
        while not stop.is_set():
            try:
                query = f"SELECT count(attempt_id), count(DISTINCT attempt_id) FROM read_parquet('{pattern}')"
                seen.append(connection.sql(query).fetchone())
            except duckdb.IOException as error:
                if "No files found" not in str(error):
                    raise
            time.sleep(0.02)


def one_life(uri: str, kill_after_lines: int | None) -> tuple[list[str], int]:
    """What a driver said, and how it ended."""
    lines: list[str] = []
    command = [sys.executable, "-m", "tests.contract.test_ledger_killed", uri]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            lines.append(line.strip())
            if len(lines) == kill_after_lines:
                process.send_signal(signal.SIGKILL)
    return lines, process.returncode


@pytest.mark.faults
def test_a_killed_driver_is_continued_by_the_same_command(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "run"))
    pattern = glob_uri(store, "ledger/completions/*.parquet")
    stop, seen, draw = threading.Event(), [], random.Random(1)
    reader = threading.Thread(target=watch, args=(pattern, stop, seen), daemon=True)
    reader.start()
    said: list[str] = []
    kills = 0
    for life in range(40):
        lines, code = one_life(store.uri, kill_after_lines=draw.randint(1, 30) if life < 6 else None)
        said += lines
        if code == 0:
            break
        assert code == -signal.SIGKILL
        kills += 1
    stop.set()
    reader.join()
    assert kills == 6
    assert len(set(seen)) > 3, "the reader looked while shards were settled"
    assert all(rows == distinct for rows, distinct in seen)
    everything = duckdb.sql(f"SELECT attempt_id FROM read_parquet('{pattern}')").fetchall()
    expected = [completion(number).attempt_id for number in range(SHARDS * PER_SHARD)]
    assert sorted(attempt_id for (attempt_id,) in everything) == expected
    durable = set()
    for line in said:
        word, _, attempt_id = line.partition(" ")
        assert word == "durable" or attempt_id not in durable, "asked again for a durable completion"
        if word == "durable":
            durable.add(attempt_id)
    assert list(store.list("ledger/journal/")) == []


if __name__ == "__main__":
    import asyncio

    asyncio.run(drive(sys.argv[1]))

"""Node-hours and dollars of a run, over all of its drivers."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from tests.unit.test_runs import SNAPSHOT
from tracegen.cli.bill import show_bill
from tracegen.errors import ActorLost
from tracegen.runs import STATUS_KEY, nodes_before
from tracegen.runtime.meter import Meter, counting
from tracegen.runtime.progress import NodeUse, Snapshot
from tracegen.store.memory import MemoryStore


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_node_counts_from_look_to_look() -> None:
    clock = Clock()
    meter = Meter([], {"teacher": 60.0}, clock)
    clock.now_s = 100
    meter.see({"head": 1})
    clock.now_s = 200
    meter.see({"head": 1, "teacher": 2})
    clock.now_s = 500
    meter.see({"head": 1})
    clock.now_s = 600
    assert meter.uses() == (NodeUse("head", 1, 500.0, None), NodeUse("teacher", 0, 600.0, 60.0))
    assert meter.uses()[1].usd == 10.0
    assert meter.uses()[0].usd is None


def test_the_next_driver_goes_on_with_the_bill_of_the_last() -> None:
    store = MemoryStore()
    assert nodes_before(store) == ()
    left = replace(SNAPSHOT, nodes=(NodeUse("teacher", 2, 3600.0, 50.0),))
    store.put(STATUS_KEY, json.dumps(left.to_json()).encode())
    meter = Meter(nodes_before(store), {"teacher": 60.0}, Clock())
    assert meter.uses() == (NodeUse("teacher", 0, 3600.0, 60.0),), "the price is the recipe's of now"


def test_a_spoilt_status_begins_the_bill_anew(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    store.put(STATUS_KEY, b"{")
    assert nodes_before(store) == ()
    assert "the bill" in caplog.text


async def test_a_look_that_fails_is_left_out() -> None:
    looks, clock, seen = 0, Clock(), asyncio.Event()
    loop = asyncio.get_running_loop()
    meter = Meter([], {}, clock)

    def nodes() -> Mapping[str, int]:
        nonlocal looks
        looks += 1
        clock.now_s += 10
        if looks == 1:
            raise ActorLost("the cluster does not tell its nodes")
        if looks > 3:
            loop.call_soon_threadsafe(seen.set)
        return {"teacher": 1}

    async with counting(meter, nodes, every_s=0.001):
        async with asyncio.timeout(10):
            await seen.wait()
    (use,) = meter.uses()
    assert use.node_type == "teacher"
    assert use.node_s >= 20


def shown(snapshot: Snapshot) -> str:
    out = StringIO()
    show_bill(Console(file=out, width=140), snapshot)
    return out.getvalue()


def test_a_bill_has_what_an_accepted_trace_cost() -> None:
    nodes = (NodeUse("head", 1, 36_000.0, None), NodeUse("teacher", 2, 72_000.0, 60.0))
    (domain,) = SNAPSHOT.domains
    lines = shown(replace(SNAPSHOT, nodes=nodes, domains=(replace(domain, accepted=400),))).splitlines()
    assert lines[1].split() == ["head", "1", "10", "–", "–", "0.025", "–"]
    assert lines[2].split() == ["teacher", "2", "20", "60", "1,200", "0.05", "3"]
    assert lines[3].split() == ["all", "3", "30", "–", "1,200", "0.075", "3"]
    assert "estimate" in lines[4]
    assert "no price for head" in lines[4]


def test_before_the_first_accepted_trace_there_is_no_price_of_one() -> None:
    (domain,) = SNAPSHOT.domains
    said = shown(
        replace(SNAPSHOT, nodes=(NodeUse("teacher", 2, 3600.0, 60.0),), domains=(replace(domain, accepted=0),))
    )
    assert said.splitlines()[1].split() == ["teacher", "2", "1", "60", "60", "–", "–"]

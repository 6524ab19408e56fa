"""The order in which prompts wait for a slot."""

from tracegen.scheduling.queue import ReadyQueue
from tracegen.scheduling.state import DomainState, OpenPrompt, OpenShard
from tracegen.types import Domain

SHARD = OpenShard("s", DomainState(Domain.MATH, None), 4)


def prompt(name: str, tokens: int = 0) -> OpenPrompt:
    return OpenPrompt(name, "", SHARD, tokens=tokens, finished=1)


def longest_first(waiting: OpenPrompt) -> tuple[float, ...]:
    return (-waiting.expected_tokens,)


def emptied(queue: ReadyQueue) -> list[str]:
    return [queue.pop().prompt_id for _ in range(len(queue))]


def test_first_come_first_served_but_what_was_begun_is_finished_first() -> None:
    queue = ReadyQueue()
    queue.push(prompt("a"), first=False)
    queue.push(prompt("b"), first=False)
    queue.push(prompt("begun"), first=True)
    assert queue.head().prompt_id == "begun"
    assert emptied(queue) == ["begun", "a", "b"]


def test_longest_first_once_the_queue_runs_dry() -> None:
    queue = ReadyQueue()
    queue.push(prompt("short", 1), first=False)
    queue.push(prompt("long", 9), first=False)
    queue.ranked(longest_first)
    queue.push(prompt("middle", 5), first=True)
    queue.ranked(longest_first)
    assert emptied(queue) == ["long", "middle", "short"]


def test_a_cleared_queue_is_empty_in_either_order() -> None:
    queue = ReadyQueue()
    queue.push(prompt("a"), first=False)
    queue.clear()
    assert len(queue) == 0
    queue.ranked(longest_first)
    queue.push(prompt("b"), first=False)
    queue.clear()
    assert len(queue) == 0

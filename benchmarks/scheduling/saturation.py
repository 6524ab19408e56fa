"""How full the slots are: 100 replicas of 256 slots, R1-like lengths, against two other ways to hand out the same work.

*tracegen*: the real scheduler in virtual time; a replica asks for as many attempts as it has free slots.
*batch barrier*: a replica takes as many attempts as it has slots, and waits for the last before it takes more.
*static split*: every replica has its share of the prompts from the start, and keeps its own slots full from it.

The lower bound is what no schedule can beat with these replicas: all tokens at the rate of full replicas, or the
longest chain of one prompt's attempts on a replica of its own, whichever takes longer.

Towards the end the scheduler begins some attempts before it is known whether they are needed: their tokens are in its
makespan, and not in the bound.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from benchmarks.scheduling import populations
from benchmarks.scheduling.output import Row, parser, show
from benchmarks.scheduling.populations import PUBLISHED_SAMPLES, Shards, Source, Teacher
from tracegen.recipe import Rejection
from tracegen.scheduling.scheduler import Scheduler
from tracegen.scheduling.simulate import Draw, ReplicaModel, Simulated, Simulation
from tracegen.types import Attempt, Domain, FinishReason, Outcome, ShardEntry

REPLICA = ReplicaModel(slots=256, tokens_per_s=40, half_rate_at=256)
"""20 tokens/s a sequence with all slots full (DeepSeek's own serving: 20 to 22), 5,120 tokens/s a replica."""
EASY = (Source("all", 1.0, 3.0, 1.0),)
"""Three in four attempts are right. Harder prompts make more attempts of the same lengths."""


def draws_of(teacher: Teacher, shards: Shards, rules: Rejection) -> dict[str, list[Draw]]:
    """Each prompt's attempts until one is right: the work of every schedule below."""
    drawn: dict[str, list[Draw]] = {}
    for entry, groups in shards.values():
        for prompt_id in groups:
            chain: list[Draw] = []
            while len(chain) < rules.max_attempts and (not chain or chain[-1].outcome is not Outcome.CORRECT):
                chain.append(teacher.draw(Attempt(prompt_id, len(chain)), entry.domain))
            drawn[prompt_id] = chain
    return drawn


class Recorded:
    """The draws, looked up; attempts that no prompt needed are drawn when they are made."""

    def __init__(self, drawn: dict[str, list[Draw]], teacher: Teacher) -> None:
        self._drawn = drawn
        self._teacher = teacher

    def draw(self, attempt: Attempt, domain: Domain) -> Draw:
        chain = self._drawn[attempt.prompt_id]
        return chain[attempt.index] if attempt.index < len(chain) else self._teacher.draw(attempt, domain)


def lower_bound_s(drawn: dict[str, list[Draw]], model: ReplicaModel, replicas: int) -> float:
    work = sum(model.work(draw) for chain in drawn.values() for draw in chain)
    longest = max(sum(model.work(draw) for draw in chain) for chain in drawn.values())
    return max(work / (replicas * model.slots * model.rate(model.slots)), longest / model.rate(1))


def batch_s(works: Iterable[float], model: ReplicaModel) -> float:
    """One batch on one replica, which speeds up as its sequences end."""
    ordered = sorted(works)
    seconds = done = 0.0
    for index, work in enumerate(ordered):
        seconds += (work - done) / model.rate(len(ordered) - index)
        done = work
    return seconds


def batch_barrier_s(drawn: dict[str, list[Draw]], model: ReplicaModel, replicas: int) -> float:
    """The first replica that is free takes the next batch; the wrong come back when their batch is over."""
    waiting = [(prompt_id, 0) for prompt_id in drawn]
    free = [(0.0, number) for number in range(replicas)]
    later: list[tuple[float, list[tuple[str, int]]]] = []
    end_s = 0.0
    while waiting or later:
        now_s, number = heapq.heappop(free)
        if not waiting:
            now_s = max(now_s, later[0][0])
        while later and later[0][0] <= now_s:
            waiting += heapq.heappop(later)[1]
        batch, waiting = waiting[: model.slots], waiting[model.slots :]
        ends_s = now_s + batch_s((model.work(drawn[prompt][index]) for prompt, index in batch), model)
        again = [(prompt, index + 1) for prompt, index in batch if index + 1 < len(drawn[prompt])]
        if again:
            heapq.heappush(later, (ends_s, again))
        heapq.heappush(free, (ends_s, number))
        end_s = max(end_s, ends_s)
    return end_s


def split(shards: Shards, parts: int) -> list[Shards]:
    """Every part gets the same number of prompts of each domain, near enough."""
    dealt: list[dict[str, tuple[ShardEntry, dict[str, str]]]] = [{} for _ in range(parts)]
    by_domain: dict[Domain, list[tuple[str, str]]] = defaultdict(list)
    for entry, groups in shards.values():
        by_domain[entry.domain] += groups.items()
    for domain, prompts in by_domain.items():
        for number in range(parts):
            mine = dict(prompts[number::parts])
            if mine:
                dealt[number][domain.value] = (ShardEntry(domain.value, domain, len(mine)), mine)
    return list(dealt)


def run(shards: Shards, drawn: Recorded, rules: Rejection, replicas: Sequence[ReplicaModel]) -> Simulated:
    scheduler = Scheduler([entry for entry, _ in shards.values()], rules)
    return Simulation(scheduler, shards, drawn, replicas).run()


def measure(prompts: int, attempts: int, replicas: int, *, beside: bool = True) -> list[Row]:
    """One row for each way to hand out the same work."""
    total = sum(PUBLISHED_SAMPLES.values())
    mix = {domain: math.ceil(samples * prompts / total) for domain, samples in PUBLISHED_SAMPLES.items()}
    shards = populations.shards(EASY, mix)
    rules = Rejection(keep=1, max_attempts=attempts)
    teacher = Teacher(EASY)
    drawn = draws_of(teacher, shards, rules)
    recorded = Recorded(drawn, teacher)
    chains = [draw for chain in drawn.values() for draw in chain]
    needed = sum(draw.completion_tokens for draw in chains)
    bound_s = lower_bound_s(drawn, REPLICA, replicas)
    ours = run(shards, recorded, rules, [REPLICA] * replicas)
    ways = {"lower bound": (bound_s, needed), "tracegen": (ours.makespan_s, ours.tokens.spent)}
    if beside:
        parts = [run(part, recorded, rules, [REPLICA]) for part in split(shards, replicas)]
        ways["static split"] = max(one.makespan_s for one in parts), sum(one.tokens.spent for one in parts)
        ways["batch barrier"] = batch_barrier_s(drawn, REPLICA, replicas), needed
    return [
        {
            "prompts": len(drawn),
            "at most": attempts,
            "attempts": len(chains),
            "truncated": sum(draw.finish_reason is FinishReason.LENGTH for draw in chains),
            "traces a slot": len(chains) / (replicas * REPLICA.slots),
            "schedule": name,
            "makespan s": seconds,
            "over the bound": f"{seconds / bound_s - 1:.1%}",
            "tokens beyond need": f"{spent / needed - 1:.2%}",
        }
        for name, (seconds, spent) in ways.items()
    ]


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--prompts", type=int, default=sum(PUBLISHED_SAMPLES.values()))
    arguments.add_argument("--attempts", type=int, nargs="+", default=[1, 4], help="at most so many a prompt")
    arguments.add_argument("--replicas", type=int, default=100)
    arguments.add_argument("--alone", action="store_true", help="without the two other schedules: half the time")
    given = arguments.parse_args()
    rows = [
        row
        for attempts in given.attempts
        for row in measure(given.prompts, attempts, given.replicas, beside=not given.alone)
    ]
    notes = [
        f"{given.replicas} replicas of {REPLICA.slots} slots; rate per sequence {REPLICA.tokens_per_s:g} / (1 + n / "
        f"{REPLICA.half_rate_at:g}) tokens/s at n sequences. Published mix and means, log-normal, sigma "
        f"{populations.SIGMA}, cut at {populations.MAX_TOKENS:,}; a prompt is tried until an attempt is right."
    ]
    show("benchmarks.scheduling.saturation", rows, notes, given.json)


if __name__ == "__main__":
    main()

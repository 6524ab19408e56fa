"""Fixed numbers of attempts against the adaptive policy on real completions, replayed from the ledger of a run.

The pool is a run with ``rejection.policy=fixed``: every prompt has the same number of real completions with their real
verdicts and lengths, from the 135M model of the quickstart, for one:

    tracegen run jobs/recipes/quickstart.yaml --set rejection.policy=fixed --set rejection.max_attempts=16

A replayed attempt i at a prompt is the pool's attempt i at it. The comparison averages over orders of the pool's
attempts, since any order is as good as the one in which they happened to be sampled.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from benchmarks.scheduling.output import Row, parser, show
from benchmarks.scheduling.populations import Shards
from tracegen.catalog import query
from tracegen.recipe import Rejection
from tracegen.runs import runs
from tracegen.scheduling.scheduler import Scheduler
from tracegen.scheduling.simulate import Draw, ReplicaModel, Simulation
from tracegen.types import Attempt, Domain, FinishReason, Outcome, ShardEntry

POOL = """
SELECT c.prompt_id, c.domain, c.shard_id, p.source, p.difficulty, c.prompt_tokens, c.completion_tokens,
       c.finish_reason, v.outcome
FROM completions c JOIN verdicts v USING (attempt_id, epoch) JOIN prompts p ON p.prompt_id = c.prompt_id
ORDER BY c.attempt_id
"""
REPLICA = ReplicaModel(slots=8, tokens_per_s=10, half_rate_at=8)


@dataclass(frozen=True, slots=True)
class Pool:
    """Real completions by prompt."""

    draws: Mapping[str, Sequence[Draw]]
    shards: Shards

    @property
    def attempts(self) -> int:
        """That every prompt has."""
        return min(len(chain) for chain in self.draws.values())

    def shuffled(self, seed: int) -> "Pool":
        rng = random.Random(seed)
        return Pool({one: rng.sample(chain, len(chain)) for one, chain in self.draws.items()}, self.shards)

    def draw(self, attempt: Attempt, domain: Domain) -> Draw:  # noqa: ARG002 -- the seam's
        return self.draws[attempt.prompt_id][attempt.index]


def load(store: str, run_id: str) -> Pool:
    draws: dict[str, list[Draw]] = defaultdict(list)
    groups: dict[tuple[str, Domain], dict[str, str]] = defaultdict(dict)
    for row in query(store, run_id, POOL).rows:
        prompt_id, domain, shard_id, source, difficulty, prompt_tokens, tokens, reason, outcome = map(str, row)
        draws[prompt_id].append(Draw(int(prompt_tokens), int(tokens), FinishReason(reason), Outcome(outcome)))
        groups[shard_id, Domain(domain)][prompt_id] = f"{source}/{difficulty}"
    shards = {
        shard_id: (ShardEntry(shard_id, domain, len(prompts)), prompts)
        for (shard_id, domain), prompts in groups.items()
    }
    return Pool(draws, shards)


def fixed(pool: Pool, attempts: int) -> tuple[dict[Domain, int], int]:
    """Prompts covered by domain, and tokens."""
    covered = dict.fromkeys({entry.domain for entry, _ in pool.shards.values()}, 0)
    tokens = 0
    for entry, groups in pool.shards.values():
        for prompt_id in groups:
            chain = pool.draws[prompt_id][:attempts]
            tokens += sum(draw.completion_tokens for draw in chain)
            covered[entry.domain] += any(draw.outcome is Outcome.CORRECT for draw in chain)
    return covered, tokens


MOST_EXTRA = 4


def compare(pool: Pool, attempts: int, orders: int) -> Row:
    """One N against the adaptive policy that covers at least as many prompts, on average over the orders.

    It is asked for the same coverage of each domain; where it falls short, since a prompt that was given up does not
    come back, for a few prompts more.
    """
    rows = (asked_for(pool, attempts, orders, extra) for extra in range(MOST_EXTRA))
    return next((row for row in rows if row["adaptive covered"] >= row["covered"]), {"fixed N": attempts})


def asked_for(pool: Pool, attempts: int, orders: int, extra: int) -> dict[str, Any]:
    results = []
    for seed in range(orders):
        shuffled = pool.shuffled(seed)
        covered, tokens = fixed(shuffled, attempts)
        quotas = {domain: number + extra for domain, number in covered.items() if number}
        rules = Rejection(keep=1, max_attempts=shuffled.attempts, quotas=quotas)
        scheduler = Scheduler([entry for entry, _ in shuffled.shards.values()], rules)
        ran = Simulation(scheduler, shuffled.shards, shuffled, [REPLICA]).run()
        results.append((sum(covered.values()), tokens, ran.covered, ran.attempts, ran.tokens.spent))
    covered_mean, tokens_mean, ours, made, spent = (fmean(column) for column in zip(*results, strict=True))
    return {
        "fixed N": attempts,
        "covered": covered_mean,
        "tokens": tokens_mean,
        "asked for more": extra,
        "adaptive covered": ours,
        "adaptive attempts": made,
        "adaptive tokens": spent,
        "fewer tokens": f"{1 - spent / tokens_mean:.1%}",
    }


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--store", default="./runs")
    arguments.add_argument("--run", help="the pool's run id; the newest if left out")
    arguments.add_argument("--orders", type=int, default=50)
    given = arguments.parse_args()
    pool = load(given.store, given.run or runs(given.store)[0])
    numbers = [number for number in (2, 4, 8, 16) if number <= pool.attempts]
    rows = [compare(pool, number, given.orders) for number in numbers]
    chains = list(pool.draws.values())
    right = fmean(draw.outcome is Outcome.CORRECT for chain in chains for draw in chain)
    solved = fmean(any(draw.outcome is Outcome.CORRECT for draw in chain) for chain in chains)
    notes = [
        f"{len(chains)} prompts with {pool.attempts} real completions each; {right:.0%} of completions are right, "
        f"{solved:.0%} of prompts have a right one. Means over {given.orders} orders."
    ]
    show("benchmarks.scheduling.real", rows, notes, given.json)


if __name__ == "__main__":
    main()

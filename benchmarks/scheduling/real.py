"""Fixed numbers of attempts against the adaptive policy on real completions, replayed from the ledger of a run.

The pool is a run with ``rejection.policy=fixed``: every prompt has the same number of real completions with their real
verdicts and lengths, from the 135M model of the quickstart, for one:

    tracegen run jobs/recipes/quickstart.yaml --set rejection.policy=fixed --set rejection.max_attempts=16

``--drawn N`` draws a pool of N prompts of about that kind instead, so that sizes of pools can be compared.

A replayed attempt i at a prompt is the pool's attempt i at it. The comparison averages over orders of the pool's
attempts, since any order is as good as the one in which they happened to be sampled.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

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


DRAWN = {Domain.MATH: (0.6, 0.9), Domain.LOGIC: (0.8, 0.5)}
"""Beta distributions of pass rates: half of all attempts are right, and five in six prompts have a right one in 16."""


def drawn(prompts: int, seed: int) -> Pool:
    """Half of the prompts in each domain, 16 completions each, in shards of eight as the quickstart's."""
    rng = random.Random(seed)
    draws: dict[str, list[Draw]] = {}
    shards = {}
    for domain, (alpha, beta) in DRAWN.items():
        ids = [f"{domain}{n}" for n in range(prompts // 2)]
        for prompt_id in ids:
            rate = rng.betavariate(alpha, beta)
            draws[prompt_id] = [_drawn(rng, right=rng.random() < rate) for _ in range(16)]
        for start in range(0, len(ids), 8):
            taken = dict.fromkeys(ids[start : start + 8], domain.value)
            shards[f"{domain}-{start}"] = (ShardEntry(f"{domain}-{start}", domain, len(taken)), taken)
    return Pool(draws, shards)


def _drawn(rng: random.Random, *, right: bool) -> Draw:
    tokens = max(5, int(rng.lognormvariate(3.2, 0.3) * (1.0 if right else 1.2)))
    return Draw(100, tokens, FinishReason.STOP, Outcome.CORRECT if right else Outcome.INCORRECT)


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


class Fixed(NamedTuple):
    covered: Mapping[Domain, int]
    """Prompts."""
    tokens: int
    until_right: int
    """Tokens, if each prompt stopped at its first right trace: the same coverage."""


def fixed(pool: Pool, attempts: int) -> Fixed:
    covered = dict.fromkeys({entry.domain for entry, _ in pool.shards.values()}, 0)
    tokens = until_right = 0
    for entry, groups in pool.shards.values():
        for prompt_id in groups:
            chain = pool.draws[prompt_id][:attempts]
            right = [draw.outcome is Outcome.CORRECT for draw in chain]
            lengths = [draw.completion_tokens for draw in chain]
            tokens += sum(lengths)
            until_right += sum(lengths[: right.index(True) + 1 if any(right) else attempts])
            covered[entry.domain] += any(right)
    return Fixed(covered, tokens, until_right)


class Adaptive(NamedTuple):
    """Means over the orders."""

    covered: float
    attempts: float
    tokens: float


LEAST_EXTRA, MOST_EXTRA = -2, 4


def compare(pool: Pool, attempts: int, orders: int) -> Row:
    """One N against the adaptive policy at the same coverage.

    It is asked for the coverage of each domain, and for a few prompts less and more. A run covers a few more than it is
    asked for, as what is in flight comes back, or a few less, as a prompt that was given up does not come back; so the
    figures are read off between the two runs whose mean coverage encloses that of the fixed N.
    """
    shuffled = [pool.shuffled(seed) for seed in range(orders)]
    plain = [fixed(one, attempts) for one in shuffled]
    covered = fmean(sum(one.covered.values()) for one in plain)
    tokens = fmean(one.tokens for one in plain)
    asked = [adaptive(shuffled, plain, extra) for extra in range(LEAST_EXTRA, MOST_EXTRA)]
    below, above = next((pair for pair in pairwise(asked) if pair[0].covered <= covered < pair[1].covered), asked[-2:])
    part = (covered - below.covered) / (above.covered - below.covered)
    ours = Adaptive(*(low + part * (high - low) for low, high in zip(below, above, strict=True)))
    return {
        "fixed N": attempts,
        "covered": covered,
        "tokens": tokens,
        "until right": f"{1 - fmean(one.until_right for one in plain) / tokens:.1%}",
        "adaptive attempts": ours.attempts,
        "adaptive tokens": ours.tokens,
        "fewer tokens": f"{1 - ours.tokens / tokens:.1%}",
    }


def adaptive(pools: Sequence[Pool], plain: Sequence[Fixed], extra: int) -> Adaptive:
    """Asked for so many prompts more than the fixed number of attempts covers, in each domain."""
    results = []
    for pool, reached in zip(pools, plain, strict=True):
        quotas = {domain: number + extra for domain, number in reached.covered.items() if number + extra > 0}
        rules = Rejection(keep=1, max_attempts=pool.attempts, quotas=quotas)
        scheduler = Scheduler([entry for entry, _ in pool.shards.values() if entry.domain in quotas], rules)
        ran = Simulation(scheduler, pool.shards, pool, [REPLICA]).run()
        results.append(Adaptive(ran.covered, ran.attempts, ran.tokens.spent))
    return Adaptive(*(fmean(column) for column in zip(*results, strict=True)))


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--store", default="./runs")
    arguments.add_argument("--run", help="the pool's run id; the newest if left out")
    arguments.add_argument("--orders", type=int, default=50)
    arguments.add_argument("--drawn", type=int, metavar="N", help="no run: a pool of so many prompts, drawn")
    given = arguments.parse_args()
    pool = drawn(given.drawn, seed=1) if given.drawn else load(given.store, given.run or runs(given.store)[0])
    numbers = [number for number in (2, 4, 8, 16) if 2 * number <= pool.attempts]
    rows = [compare(pool, number, given.orders) for number in numbers]
    chains = list(pool.draws.values())
    right = fmean(draw.outcome is Outcome.CORRECT for chain in chains for draw in chain)
    solved = fmean(any(draw.outcome is Outcome.CORRECT for draw in chain) for chain in chains)
    kind = "drawn" if given.drawn else "real"
    notes = [
        f"{len(chains)} prompts with {pool.attempts} {kind} completions each; {right:.0%} of completions are right, "
        f"{solved:.0%} of prompts have a right one. Means over {given.orders} orders."
    ]
    show("benchmarks.scheduling.real", rows, notes, given.json)


if __name__ == "__main__":
    main()

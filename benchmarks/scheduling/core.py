"""Attempts per second that the scheduler alone decides, on one core, posteriors and give-up rules included.

Nothing but the scheduler's own calls is timed: open, lease, finished, judged, take_decided, settled. Replicas ask for
as many attempts as just came back, one exchange at a time, as the slots of a busy cluster do.
"""

import random
import time
from collections import deque

from benchmarks.scheduling.output import Row, parser, show
from tracegen.protocols import Finished
from tracegen.recipe import Rejection
from tracegen.scheduling.scheduler import Handout, Scheduler
from tracegen.types import Domain, FinishReason, Outcome, ShardEntry

SHARD = 256
SOURCES = 12
"""Groups with a prior of their own, per domain."""


def drive(rules: Rejection, prompts: int, slots: int, per_exchange: int, seed: int) -> tuple[int, float]:
    """Attempts made, and the processor seconds that they took, the loop around the scheduler included."""
    rng = random.Random(seed)
    domains = list(Domain)
    plan = {
        f"s{n:05d}": ShardEntry(f"s{n:05d}", domains[n % len(domains)], SHARD) for n in range(max(1, prompts // SHARD))
    }
    groups = {
        shard: {f"{shard}p{n}": f"source-{rng.randrange(SOURCES)}" for n in range(entry.prompts)}
        for shard, entry in plan.items()
    }
    hard = {f"source-{n}": rng.random() for n in range(SOURCES)}
    began = time.process_time()
    scheduler = Scheduler(plan.values(), rules)
    running: deque[Handout] = deque()
    attempts = 0
    while not scheduler.done:
        while (shard_id := scheduler.next_shard(2 * slots)) is not None:
            scheduler.open(plan[shard_id], groups[shard_id])
        running.extend(scheduler.lease(f"replica-{attempts % 97}", min(per_exchange, slots - len(running)) or slots))
        for _ in range(min(len(running), per_exchange if len(running) >= slots else len(running))):
            handout = running.popleft()
            attempt_id, shard_id = handout.attempt.attempt_id, handout.shard_id
            right = rng.random() < hard[groups[shard_id][handout.attempt.prompt_id]]
            scheduler.finished(Finished(attempt_id, shard_id, FinishReason.STOP, 100, 1000))
            scheduler.judged(attempt_id, Outcome.CORRECT if right else Outcome.INCORRECT)
            attempts += 1
        for shard_id in scheduler.take_decided():
            scheduler.settled(shard_id)
    return attempts, time.process_time() - began


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--prompts", type=int, default=100_000)
    arguments.add_argument("--slots", type=int, default=25_600)
    given = arguments.parse_args()
    quotas = dict.fromkeys(Domain, given.prompts // 8)
    cases = {
        "fixed, 4 attempts": Rejection(keep=1, max_attempts=4, policy="fixed"),
        "adaptive, no quota": Rejection(keep=1, max_attempts=8),
        "adaptive, quotas": Rejection(keep=1, max_attempts=8, quotas=quotas),
        "adaptive, quotas, keep 4": Rejection(keep=4, max_attempts=16, quotas={d: 3 * q for d, q in quotas.items()}),
        "adaptive, token budget": Rejection(keep=1, max_attempts=8, token_budget=10**12),
    }
    rows: list[Row] = []
    for name, rules in cases.items():
        for per_exchange in (1, 32):
            attempts, seconds = drive(rules, given.prompts, given.slots, per_exchange, seed=1)
            rows.append(
                {
                    "case": name,
                    "attempts an exchange": per_exchange,
                    "attempts": attempts,
                    "attempts/s": attempts / seconds,
                    "µs an attempt": seconds / attempts * 1e6,
                }
            )
    notes = [f"{given.prompts:,} prompts in 5 domains of {SOURCES} sources, {given.slots:,} slots; one process."]
    show("benchmarks.scheduling.core", rows, notes, given.json)


if __name__ == "__main__":
    main()

"""Generated tokens at equal coverage: fixed numbers of attempts against the adaptive policy.

Coverage is the number of prompts with at least one accepted trace. For each N, a fixed policy makes N attempts at every
prompt; the adaptive one runs in the real scheduler until it has covered as many prompts, and never learns more than the
verdicts that have come back. Both meet the same luck: attempt i at a prompt has the same length and outcome for both.

Beside it: N attempts of which the rest is left out once one is right (``until_kept``), and the best that a policy can do
that knows the sources' priors exactly, in expectation (``best``).
"""

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.scheduling import populations
from benchmarks.scheduling.best import fewest_tokens
from benchmarks.scheduling.output import Row, parser, show
from benchmarks.scheduling.populations import PUBLISHED_MEANS, Shards, Source, Teacher
from tracegen.recipe import Rejection
from tracegen.scheduling.scheduler import Scheduler
from tracegen.scheduling.simulate import Population, ReplicaModel, Simulated, Simulation
from tracegen.types import Attempt, Domain, Outcome

FIXED = (2, 4, 8, 16)
REPLICA = ReplicaModel(slots=32, tokens_per_s=40, half_rate_at=256)


class Fixed(NamedTuple):
    """What a fixed number of attempts does: arithmetic over the draws, since nothing is decided on the way."""

    covered: int
    tokens: int
    until_right: int
    """Tokens, if each prompt stopped at its first right trace: the same coverage."""


def fixed(teacher: Population, shards: Shards, attempts: int) -> Fixed:
    covered = tokens = until_right = 0
    for entry, groups in shards.values():
        for prompt_id in groups:
            draws = [teacher.draw(Attempt(prompt_id, index), entry.domain) for index in range(attempts)]
            right = [draw.outcome is Outcome.CORRECT for draw in draws]
            lengths = [draw.completion_tokens for draw in draws]
            tokens += sum(lengths)
            until_right += sum(lengths[: right.index(True) + 1 if any(right) else attempts])
            covered += any(right)
    return Fixed(covered, tokens, until_right)


def scheduled(teacher: Population, shards: Shards, rules: Rejection, replicas: Sequence[ReplicaModel]) -> Simulated:
    """The same prompts through the real scheduler."""
    scheduler = Scheduler([entry for entry, _ in shards.values()], rules)
    return Simulation(scheduler, shards, teacher, replicas).run()


def compare(teacher: Teacher, shards: Shards, attempts: int, most: int, replicas: int) -> Row:
    """One N against the adaptive policy that is asked for the same coverage."""
    covered, tokens, until_right = fixed(teacher, shards, attempts)
    # One domain: its quota is the coverage.
    rules = Rejection(keep=1, max_attempts=most, quotas={Domain.MATH: covered})
    run = scheduled(teacher, shards, rules, [REPLICA] * replicas)
    prompts = sum(entry.prompts for entry, _ in shards.values())
    mean = PUBLISHED_MEANS[Domain.MATH]
    best = prompts * fewest_tokens(teacher.sources, mean, teacher.wrong_is_longer, most, covered / prompts)
    return {
        "fixed N": attempts,
        "covered": covered,
        "tokens": tokens,
        "until right": f"{1 - until_right / tokens:.1%}",
        "adaptive covered": run.covered,
        "adaptive attempts": run.attempts,
        "adaptive tokens": run.tokens.spent,
        "fewer tokens": f"{1 - run.tokens.spent / tokens:.1%}",
        "at best": f"{1 - best / tokens:.1%}",
    }


def rows_of(name: str, sources: tuple[Source, ...], wrong_is_longer: float, prompts: int, replicas: int) -> list[Row]:
    teacher = Teacher(sources, wrong_is_longer)
    shards = populations.shards(sources, {Domain.MATH: prompts})
    return [
        {"population": name, "wrong/right length": wrong_is_longer, **compare(teacher, shards, n, 4 * n, replicas)}
        for n in FIXED
    ]


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--prompts", type=int, default=20_000)
    arguments.add_argument("--replicas", type=int, default=16, help="of 32 slots")
    given = arguments.parse_args()
    rows: list[Row] = []
    for name, sources in {"four sources": populations.NUMINA, "one source": populations.ONE_SOURCE}.items():
        for longer in (1.5, 1.0):
            rows += rows_of(name, sources, longer, given.prompts, given.replicas)
    notes = [
        f"{name}: {populations.solved_at_least_once(sources, 2):.1%} solved at least once in two attempts, "
        f"{populations.solved_at_least_once(sources, 16):.1%} in 16."
        for name, sources in {"four sources": populations.NUMINA, "one source": populations.ONE_SOURCE}.items()
    ]
    notes.append(f"{given.prompts:,} prompts; adaptive: keep 1, quota = coverage of fixed N, at most 4 N attempts.")
    show("benchmarks.scheduling.adaptive", rows, notes, given.json)


if __name__ == "__main__":
    main()

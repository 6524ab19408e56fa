"""What a training will do, in numbers, before any weight is loaded. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from tracegen.distill.settings import Settings
from tracegen.errors import UserError

STATE_BYTES = 16
"""A parameter's float32 weight, gradient and Adam's two moments."""
BOUNDARY_BYTES = 4
"""A float32 of the residual stream, which gradient checkpointing keeps at the border of every layer."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A model in numbers."""

    parameters: int
    layers: int
    width: int
    positions: int
    """Tokens that its positions reach."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps, tokens and memory of one training."""

    rows: int
    """Rows to learn from, each once an epoch."""
    too_long: int
    tokens: int
    """Tokens of the rows, prompts too."""
    learnt_tokens: int
    """Tokens in the loss, once an epoch."""
    longest: int
    too_long_tokens: int
    """What leaving out the long rows costs."""
    steps: int
    processes: int
    accumulation: int
    """Batches that a process adds up for a step."""
    state_bytes: int
    """Over all GPUs, where they share it (FSDP, ZeRO-3); else on each."""
    activation_bytes: int
    """On each GPU, for the longest row; what one layer computes comes on top."""


def planned(
    settings: Settings, lengths: Sequence[tuple[int, int]], shape: Shape, *, processes: int, micro_batch: int
) -> Plan:
    """``lengths``: tokens and tokens in the loss of every row. Raises UserError for what cannot be trained."""
    check_length(settings, shape)
    kept = [row for row in lengths if row[0] <= settings.max_length]
    over = [tokens for tokens, _ in lengths if tokens > settings.max_length]
    if not kept:
        raise UserError(
            f"all {len(lengths):,} rows are longer than {settings.max_length:,} tokens", hint="raise --max-length"
        )
    longest = max(tokens for tokens, _ in kept)
    return Plan(
        rows=len(kept),
        too_long=len(over),
        tokens=sum(tokens for tokens, _ in kept),
        learnt_tokens=sum(learnt for _, learnt in kept),
        longest=longest,
        too_long_tokens=sum(over),
        steps=_steps(settings, len(kept)),
        processes=processes,
        accumulation=accumulation(settings.batch, processes, micro_batch),
        state_bytes=STATE_BYTES * shape.parameters,
        activation_bytes=BOUNDARY_BYTES * shape.layers * shape.width * longest * micro_batch,
    )


def accumulation(batch: int, processes: int, micro_batch: int) -> int:
    """Batches to add up so that a step learns from exactly ``batch`` rows."""
    number, rest = divmod(batch, processes * micro_batch)
    if rest or not number:
        raise UserError(
            f"a batch of {batch} does not divide into {processes} processes of {micro_batch} rows",
            hint="change --micro-batch, or the number of processes",
        )
    return number


def check_length(settings: Settings, shape: Shape) -> None:
    """Raises UserError where the base has fewer positions than a row may have tokens."""
    if settings.max_length > shape.positions:
        raise UserError(
            f"{settings.base} has {shape.positions:,} positions, and rows may have {settings.max_length:,} tokens",
            hint=f"give --max-length {shape.positions}, or another --base",
        )


def refuse_too_long(settings: Settings, plan: Plan) -> None:
    """Raises UserError where rows are too long and nobody said that they may be left out."""
    if plan.too_long and settings.too_long == "refuse":
        raise UserError(
            f"{plan.too_long:,} of {plan.rows + plan.too_long:,} rows are longer than {settings.max_length:,} tokens",
            hint="give --too-long drop to leave them out, or raise --max-length; rows are never cut",
        )


def _steps(settings: Settings, rows: int) -> int:
    """As Trainer counts: the last batch of an epoch may be a small one."""
    an_epoch = -(-rows // settings.batch)
    steps = -int(-(settings.epochs * an_epoch) // 1)
    return min(steps, settings.max_steps) if settings.max_steps else steps

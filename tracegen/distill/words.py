"""A plan, as a person reads it. Pure."""

from pathlib import Path

from tracegen.distill.plan import Plan
from tracegen.distill.settings import Order

GIB = 1024**3


def described(order: Order, plan: Plan, checkpoint: Path | None) -> str:
    """Lines: what is trained on what, in how many steps, and the memory that it takes."""
    settings = order.settings
    long = f", {plan.too_long:,} more are longer than {settings.max_length:,} tokens" if plan.too_long else ""
    cost = f" ({plan.too_long_tokens:,} tokens; {_consequence(order)})" if plan.too_long else ""
    lines = {
        "student": f"{settings.student}, from {settings.base}",
        "rows": f"{plan.rows:,}{long}{cost}",
        "tokens": f"{plan.tokens:,} an epoch, {plan.learnt_tokens:,} of them learnt; the longest row has {plan.longest:,}",
        "steps": f"{plan.steps:,} of {settings.batch:,} rows: {plan.processes:,} × {order.micro_batch:,} at once, "
        f"added up {plan.accumulation:,} times",
        "rate": f"{settings.learning_rate:g}, along a cosine to {settings.learning_rate * settings.least_learning_rate:g}",
        "memory": f"{_gib(plan.state_bytes)} for weights, gradients and Adam (over all GPUs if they share it), and at least "
        f"{_gib(plan.activation_bytes)} on each for the longest row",
        "output": f"{order.output}{f', which goes on from {checkpoint.name}' if checkpoint else ''}",
    }
    return "\n".join(f"{name:<9}{line}" for name, line in lines.items())


def _consequence(order: Order) -> str:
    return "left out" if order.settings.too_long == "drop" else "refused without --too-long drop"


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / GIB:,.1f} GiB"

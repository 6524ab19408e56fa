"""What a recipe may say about on what it runs, and what that is assumed to give. None of it is hashed."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tracegen.recipe_models import EngineOptions
from tracegen.types import Domain, Value


class Assumed(Value):
    """What ``tracegen plan`` reckons with where nothing was measured. Decides nothing about a run."""

    tokens_per_s: float = Field(40, gt=0)
    """What one sequence decodes when it is alone on its replica."""
    half_rate_at: float = Field(256, gt=0)
    """With so many at once each decodes half as fast. The defaults give 20 tokens/s a sequence at 256 slots, as
    DeepSeek reports of its own serving (20 to 22)."""
    start_s: float = Field(0, ge=0)
    """From the start of a replica until it serves; weights have to be loaded."""
    usd_per_gpu_hour: float | None = Field(None, ge=0)
    usd_per_node_hour: dict[str, Annotated[float, Field(ge=0)]] = {}
    """By Ray node type: what ``tracegen status`` reckons a run's bill with."""
    mean_tokens: dict[Domain, Annotated[float, Field(gt=0)]] = {}
    """Of a completion; the published means of the R1 corpus for a domain that is not named."""
    sigma: float = Field(0.8, ge=0)
    """Spread of lengths: of a log-normal distribution, 0 for none."""
    pass_alpha: float = Field(0.274, gt=0)
    """Pass rates are drawn from a beta distribution; by default 55 % of prompts are solved once in two attempts."""
    pass_beta: float = Field(0.326, gt=0)


def _custom(resources: dict[str, float]) -> dict[str, float]:
    own = sorted({"CPU", "GPU", "memory", "object_store_memory"} & resources.keys())
    if own:
        msg = f"{own[0]} is not a custom resource: where.cpus_per_replica and gpus_per_replica say what a replica takes"
        raise ValueError(msg)
    return resources


CustomResources = Annotated[dict[str, Annotated[float, Field(gt=0)]], AfterValidator(_custom)]


class Resources(Value):
    """Custom Ray resources that each part asks for, by which it is placed on a kind of node; names are the cluster's."""

    replica: CustomResources = {}
    verifier_pool: CustomResources = {}
    recorder: CustomResources = {}
    """Recorders write the store: in the cluster of ``infra/terraform`` only the head may."""


class JudgePlace(Value):
    """How each verifier pool asks the judge. Decides no verdict, but that there is none in time."""

    slots: int = Field(8, gt=0)
    """Questions in flight."""
    deadline_s: float = Field(300, gt=0)
    """An answer that the judge has not settled in so long, all waiting included, stays undecided."""
    engines: dict[str, EngineOptions] = {}
    """Options of the judge's engine that do not change what is said."""


CanaryCheck = Literal["think", "reasoning", "bos", "sampling", "seed", "temperature", "max_tokens", "finish", "prompt"]


class Canary(Value):
    """What each replica has to show before it is given work, and all along (docs/canary.md)."""

    enabled: bool = True
    off: dict[CanaryCheck, Annotated[str, Field(min_length=1)]] = {}
    """Checks that are not made, each with the reason."""
    long_tokens: int = Field(320, gt=0)
    """Asked for once before any work is given: a server that allows fewer is found out then, any other clip later."""


class Where(Value):
    """On what it runs. Not hashed."""

    cluster: Literal["ray", "local"] = "ray"
    """``local`` runs every part in this process: no Ray needed."""
    replicas: int = Field(1, gt=0)
    slots: int = Field(16, gt=0)
    """Attempts in flight per replica."""
    gpus_per_replica: int = Field(0, ge=0)
    cpus_per_replica: float = Field(1, ge=0)
    resources: Resources = Resources()
    verifier_pools: int = Field(1, gt=0)
    verifier_processes: int | None = Field(None, gt=0)
    """Killable worker processes per pool. Left out: one, and while cases wait more, up to the cores of its node."""
    verifier_memory_bytes: int = Field(1024**3, gt=0)
    judge: JudgePlace = JudgePlace()
    isolation: Literal["auto", "namespaces", "bubblewrap", "none"] = "auto"
    """How programs under test are kept apart from the machine: ``auto`` takes the best that works there. ``none`` is no
    protection, and has to be asked for by name."""
    recorders: int = Field(1, gt=0)
    journal_linger_s: float = Field(1.0, ge=0)
    """A completion is durable at most so long after it arrived."""
    stall_s: float = Field(600, gt=0)
    """A replica that has work and produces no token for so long is replaced."""
    canary: Canary = Canary()
    claim_ttl_s: float = Field(30, gt=0)
    """A driver that showed no sign of life for so long, as seen from another machine, has lost its run."""
    notice_file: str | None = None
    """A file that, where it exists on a replica's node, tells that the node will be taken away: it holds the Unix time,
    or nothing for two minutes from now. The replica is drained."""
    build_processes: int | None = Field(None, gt=0)
    """How many make the files of the corpus where ``cluster`` is local. Left out: one per core, as far as there is 1 GiB
    of free memory for each."""
    min_free_bytes: int = Field(1024**3, ge=0)
    """Refuse to start with less free space in a local store."""
    engines: dict[str, EngineOptions] = {}
    """Options that do not change what is generated, by engine."""
    plan: Assumed = Assumed()

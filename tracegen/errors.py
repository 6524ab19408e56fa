"""Every error tracegen raises on purpose, as one tree. It holds no behaviour but the naming of errors.

::

    TracegenError                 what happened, where, what to do; never shown with a traceback
    ├── UserError                 refused before anything was spent; exit code 2
    │   ├── RecipeError           the recipe is wrong, or does not fit this machine or cluster
    │   ├── PromptError           a prompt source is missing, empty or unreadable
    │   ├── MissingDependency     an optional package or model is not installed
    │   ├── StoreUnavailable      the store cannot be reached, found or written
    │   ├── SandboxUnavailable    untrusted programs cannot be run safely on this machine
    │   ├── RunConflict           the run id is taken by another recipe or another driver
    │   └── UnfaithfulTeacher     a replica does not generate as the recipe says; the run stops
    ├── EngineError               one attempt failed in the engine
    │   ├── RequestRefused        this attempt can never succeed, as a prompt longer than the context
    │   └── EngineDead            the engine behind a replica is gone; replace the replica
    ├── VerifierError             a verifier, not an answer, is at fault
    │   └── VerifierDrift         it judges what is known wrongly, or not at all; the run stops
    ├── Interrupted               a statement was stopped while DuckDB was at work on it: by Ctrl-C, or as its asker left
    ├── StoreError                an object could not be read or written
    ├── CloudError                AWS or Terraform refused something
    ├── ActorLost                 a process that hosted a part of the run is gone
    ├── PayloadLost               completions were lost with their node before they were durable
    └── Fenced                    another driver owns the run now; this one must stop

Foreign exceptions get one of these names once, at the edge where they enter, by :func:`boundary`.
``retryable`` is a property of the type; nothing decides it from an error's text.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class TracegenError(Exception):
    """An error with a name. ``hint`` says what to do about it."""

    retryable = False
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (Ray, verifier pool); the default pickling loses keyword arguments.
        return (_rebuild, (type(self), self.message, self.hint))


class UserError(TracegenError):
    """Something to be mended by the person who started us, told before anything is spent."""

    exit_code = 2


class RecipeError(UserError):
    """The recipe is malformed, or asks for what cannot be had."""


class PromptError(UserError):
    """A prompt source is missing, empty, or has rows that cannot be read."""


class MissingDependency(UserError):
    """An optional package, program or model is needed and not installed."""


class StoreUnavailable(UserError):
    """The store cannot be reached, does not exist, refuses us, or is full."""


class SandboxUnavailable(UserError):
    """No isolation for untrusted programs works on this machine, or the one asked for does not."""


class RunConflict(UserError):
    """The run belongs to another recipe, or another driver is at work on it."""


class UnfaithfulTeacher(UserError):
    """A replica's engine or server does something else than the recipe asks of it (docs/canary.md)."""


class EngineError(TracegenError):
    """One attempt failed inside the engine; the engine itself lives."""

    retryable = True


class RequestRefused(EngineError):
    """The engine will never complete this request: its prompt is too long, or the server calls it malformed."""

    retryable = False


class EngineDead(EngineError):
    """The engine is gone or stuck; its replica must be replaced."""


class VerifierError(TracegenError):
    """The verifier itself failed. Never a verdict about an answer."""


class VerifierDrift(VerifierError):
    """A verifier judged a probe wrongly, or answers nothing: what it said since its last good probe is not settled."""


class StoreError(TracegenError):
    """An object could not be read or written, after the retries that are safe."""

    retryable = True


class CloudError(TracegenError):
    """AWS or Terraform refused something, or did not answer."""


class Interrupted(TracegenError):
    """A statement was stopped while DuckDB was at work on it."""

    exit_code = 130


class ActorLost(TracegenError):
    """The process that hosted a replica, recorder or verifier pool is gone."""

    retryable = True


class PayloadLost(TracegenError):
    """Completions on their way to the ledger were lost with the node that held them."""

    retryable = True


class Fenced(TracegenError):
    """A newer driver owns this run; whatever this one writes from now on is refused."""

    exit_code = 3


def _rebuild(kind: type[TracegenError], message: str, hint: str) -> TracegenError:
    return kind(message, hint=hint)


@contextmanager
def boundary(kind: type[TracegenError], what: str, *, hint: str = "") -> Iterator[None]:
    """Give a foreign exception our name; one that has a name already passes through untouched."""
    try:
        yield
    except TracegenError:
        raise
    except Exception as error:  # the one place where everything is caught
        raise kind(f"{what}: {first_line(error)}", hint=hint) from error


def first_line(error: BaseException) -> str:
    """The error as one short line, for messages and logs."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]

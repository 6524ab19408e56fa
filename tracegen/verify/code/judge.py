"""One program against one reference, in a sandbox: which way, and what each side is given."""

import warnings

from tracegen.types import AssertsReference, CheckReference, CodeReference, Outcome, StdioReference, Verdict
from tracegen.verify.code import functions, programs, stdio
from tracegen.verify.code.endings import SANDBOX_FAILED, WALL_TIME
from tracegen.verify.code.reading import completed, functions_of, prompt_code, shared_setup
from tracegen.verify.sandbox.contract import Language, Program, Sandbox


def judge(sandbox: Sandbox, reference: CodeReference, language: Language, source: str) -> Verdict:
    """The verdict. The reference is readable."""
    if isinstance(reference, CheckReference):
        source = completed(reference, source)
    if language == "python" and (error := syntax_error(source)):
        return Verdict(Outcome.INCORRECT, "syntax_error", error)
    if isinstance(reference, StdioReference):
        program = Program("python", source) if language == "python" else stdio.compiled(sandbox, source)
        return program if isinstance(program, Verdict) else stdio.judge(sandbox, program, reference)
    sides = _sides(reference, source)
    verdict = functions.examine(sandbox, *sides)
    return functions.examine(sandbox, *sides) if verdict.reason in (SANDBOX_FAILED, WALL_TIME) else verdict


def syntax_error(source: str) -> str:
    """Why this is no Python, or an empty string. Only for a killable process: hostile text can end the parser's."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "solution.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return type(error).__name__
    return ""


def _sides(reference: AssertsReference | CheckReference, source: str) -> tuple[Program, Program]:
    """The candidate's and the examiner's."""
    names = functions_of(reference)
    if isinstance(reference, CheckReference):
        prompt = prompt_code(reference.prompt)
        return (
            programs.candidate([prompt], source, names),
            programs.check_examiner(prompt, reference.check, reference.entry_point),
        )
    return (
        programs.candidate([shared_setup(reference.setup)], source, names),
        programs.asserts_examiner(reference.setup, list(reference.asserts), names),
    )

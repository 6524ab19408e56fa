import pytest

from tracegen.verify.code.extract import blocks, program

BOTH = ("python", "cpp")


def fenced(source: str, word: str = "python") -> str:
    return f"```{word}\n{source}\n```\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (fenced("a = 1"), ("python", "a = 1\n")),
        (fenced("a = 1", "py"), ("python", "a = 1\n")),
        (fenced("a = 1", "Python3"), ("python", "a = 1\n")),
        (fenced("a = 1", "python title=x"), ("python", "a = 1\n")),
        (fenced("a = 1", "python:solution.py"), ("python", "a = 1\n")),
        (fenced("int a;", "c++"), ("cpp", "int a;\n")),
        (fenced("int a;", "cpp"), ("cpp", "int a;\n")),
        (fenced("a = 1", ""), ("python", "a = 1\n")),
        (fenced("a = 1") + fenced("a = 2"), ("python", "a = 2\n")),
        (fenced("a = 1") + "prints\n" + fenced("3", ""), ("python", "a = 1\n")),
        (fenced("a = 1") + fenced("$ python a.py", "bash"), ("python", "a = 1\n")),
        (fenced("int a;", "cpp") + fenced("a = 1"), ("python", "a = 1\n")),
        ("~~~python\na = 1\n~~~", ("python", "a = 1\n")),
        ("````python\na = '''\n```\n'''\n````", ("python", "a = '''\n```\n'''\n")),
        ("1. So:\n   ```python\n   if a:\n       b\n   ```\n", ("python", "if a:\n    b\n")),
        ("```python\r\na = 1\r\n```\r\n", ("python", "a = 1\n")),
        (fenced("a = '\x0c\u2028'"), ("python", "a = '\x0c\u2028'\n")),
        ("```python\na = 1\n", None),
        (fenced("a = 1") + "```python\nb = ", ("python", "a = 1\n")),
        ("a = 1", None),
        ("`a = 1`", None),
        ("", None),
        (fenced("x", "rust"), None),
    ],
)
def test_the_program_of_an_answer(text: str, found: tuple[str, str] | None) -> None:
    assert program(text, BOTH) == found


def test_a_language_that_does_not_fit_is_passed_over() -> None:
    text = fenced("a = 1") + fenced("int a;", "cpp")
    assert program(text, ("python",)) == ("python", "a = 1\n")


@pytest.mark.parametrize("usage", [fenced("print(add(1, 2))"), fenced("add(1, 2)", ""), fenced(">>> add(1, 2)\n3")])
def test_the_block_that_defines_the_function_comes_before_its_example(usage: str) -> None:
    text = fenced("def add(a, b):\n    return a + b") + usage
    assert program(text, ("python",), "add") == ("python", "def add(a, b):\n    return a + b\n")


def test_a_function_of_a_longer_name_is_another() -> None:
    text = fenced("def add(a): ...") + fenced("def add_all(a): ...")
    assert program(text, ("python",), "add") == ("python", "def add(a): ...\n")


def test_fences_of_many_blocks() -> None:
    text = "".join(fenced(str(number)) for number in range(200))
    assert [block.source for block in blocks(text)] == [f"{number}\n" for number in range(200)]


@pytest.mark.parametrize("text", ["```" * 50_000, "```\n" * 50_001, "~~~a\n```b\n" * 20_000, "`" * 200_000])
def test_it_is_quick_on_hostile_text(text: str) -> None:
    import time

    begun = time.process_time()
    program(text, BOTH, "f")
    assert time.process_time() - begun < 0.5

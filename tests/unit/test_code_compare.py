import time

import pytest

from tracegen.verify.code.compare import close, difference

RIGHT = [
    (b"3\n", b"3"),
    (b"3", b"3\n\n"),
    (b"1 2 3\n", b"1  2\t3 \r\n"),
    (b"a\n\nb\n", b"a\nb\n"),
    (b"0.5\n", b"0.50000000001\n"),
    (b"3.1622776589\n", b"3.162278\n"),
    (b"3.162278\n", b"3.1622776589\n"),
    (b"0.000300\n", b"0.00030012\n"),
    (b"0.0000000000\n", b"0\n"),
    (b"0.0\n", b"-0.0\n"),
    (b"5.0\n", b"5\n"),
    (b"1e-05\n", b"0.00001\n"),
    (b"1234567.12\n", b"1234567.1205\n"),
    (b"nan\n", b"nan\n"),
    (b"YES\n1 2 3\n", b"YES\n1 2 3\n"),
    ("é\n".encode(), "é".encode()),
    (b"", b"\n"),
]
WRONG = [
    (b"YES\n1 2 3\n4 5 6\n", b"YES\n"),
    (b"YES\n", b"YES\n1 2 3\n"),
    (b"YES\n", b"YES NO\n"),
    (b"YES\n", b"yes\n"),
    (b"1 2\n", b"1\n2\n"),
    (b"12\n", b"1 2\n"),
    (b"5\n", b"5.0\n"),
    (b"0\n", b"-0\n"),
    (b"10\n", b"1e1\n"),
    (b"1000000\n", b"1000001\n"),
    (b"0.5\n", b"0.6\n"),
    (b"0.33\n", b"0.34\n"),
    (b"0.5\n", b"nan\n"),
    (b"0.5\n", b"inf\n"),
    (b"1e300\n", b"inf\n"),
    (b"1e999\n", b"1e998\n"),
    (b"nan\n", b"0.5\n"),
    (b"1e-7\n", b"0.0\n"),
    (b"0.00000001\n", b"0.00000002\n"),
    (b"1234567.12\n", b"1234568.12\n"),
    (b"0.5\n", b"0.5x\n"),
    (b"0.5\n", b"0_0.5\n"),
    (b"0.5\n", "０.５\n".encode()),
    (b"3\n", b"\xff3\n"),
    (b"a b\n", "a\u00a0b\n".encode()),
    (b"3\n", b""),
]


@pytest.mark.parametrize(("expected", "output"), RIGHT)
def test_right_output(expected: bytes, output: bytes) -> None:
    assert difference(expected, output) == ""


@pytest.mark.parametrize(("expected", "output"), WRONG)
def test_wrong_output(expected: bytes, output: bytes) -> None:
    assert difference(expected, output)


def test_a_difference_says_where_it_is() -> None:
    assert difference(b"1\n2\n3\n", b"1\n7\n3\n") == "line 2 is '7', not '2'"
    assert difference(b"1\n2\n", b"1\n") == "line 2 is missing, '2'"
    assert difference(b"1\n", b"1\n2\n") == "more than the 1 expected lines, '2'"
    assert len(difference(b"1\n", b"9" * 10_000)) < 200


def test_only_a_number_with_a_point_is_compared_as_one() -> None:
    assert close(b"2.5", b"2.5000000001")
    assert not close(b"2", b"2.0000000001")
    assert not close(b"2.5" + b"0" * 500, b"2.5")


def test_ten_megabytes_are_compared_not_cut() -> None:
    lines = [b"%d %d" % (number, number * number) for number in range(700_000)]
    expected = b"\n".join(lines)
    assert len(expected) > 10_000_000
    begun = time.process_time()
    assert difference(expected, b" \n".join(lines)) == ""
    lines[-1] = b"0 0"
    assert difference(expected, b"\n".join(lines)).startswith("line 700000 is")
    assert time.process_time() - begun < 10

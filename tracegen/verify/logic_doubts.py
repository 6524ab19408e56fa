"""What reasoning-gym's scorers (0.1.25) do not check: why a full score is not always a right answer.

Only a score of 1 is doubted; what a scorer rejects stays rejected.
"""

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import zip_longest
from typing import Any

from tracegen.verify.math import exact, grammar, identity
from tracegen.verify.math.normalise import normalise

UNSOUND: Mapping[str, str] = {
    "coin_flip": "a tolerance of 0.0001 takes another probability for the right one",
    "decimal_arithmetic": "an error in the last decimal place passes",
    "fraction_simplification": "it takes the first fraction, whatever follows",
    "game_of_life_halting": "any answer that is not empty scores as True",
    "gsm_symbolic": "the sign is dropped, and any text around the number: -405 scores as 405",
    "knights_knaves": 'words around the statements do not count: "not A is a knight" passes',
    "letter_jumble": "further words pass",
    "number_format": "a tolerance of 0.01 takes another number for the right one",
    "number_sorting": "a tolerance takes other numbers for the right ones",
    "polynomial_equations": "text that holds no number passes where there is no solution",
    "time_intervals": "it takes the first number, whatever follows",
}
"""Datasets whose scorer takes wrong answers for right (reasoning-gym 0.1.25): the answer must say the same, too."""

SOLUTION_ONLY: Mapping[str, re.Pattern[str]] = {
    "kakurasu": re.compile(r"[01\s,;\[\]]*"),
    "quantum_lock": re.compile(r"[A-C\s→>,;\[\]-]*"),
    "rush_hour": re.compile(r"[A-Z\d\s,;+-]*"),
    "sokoban": re.compile(r"[LRUDlrud\s,;\[\]]*"),
    "survo": re.compile(r"[\d\s,;\[\]-]*"),
}
"""Datasets whose scorer picks a solution out of any text: "not 0 1 0" scores as 0 1 0. Nothing else may stand there."""

_TOKEN = re.compile(r"-?\d+(?:\.\d+)?|[^\W\d_]+|[+*/=<>!]")
_DIGITS = re.compile(r"\d+")
_MOVE = re.compile(r"([A-Z])([+-])(\d+)")
_NOT_A_NUMBER = re.compile(r"(?<![a-z])(?:nan|inf|infinity)(?![a-z])", re.IGNORECASE)
"""Comparisons with a tolerance take nan for right (complex_arithmetic)."""


def doubt(dataset: str, item: Mapping[str, object], answer: str) -> str:
    """Why a full score is not believed, or an empty string."""
    own = str(item["answer"])
    if _NOT_A_NUMBER.search(answer) and not _NOT_A_NUMBER.search(own):
        return "nan and inf compare as equal to anything"
    if dataset in SOLUTION_ONLY and not SOLUTION_ONLY[dataset].fullmatch(answer):
        return "words around the solution do not count"
    if dataset in _RECHECKED:
        recheck, why = _RECHECKED[dataset]
        return "" if recheck(item, answer) else why
    return UNSOUND[dataset] if dataset in UNSOUND and not _same(own, answer) else ""


def _same(own: str, answer: str) -> bool:
    """Equal as numbers, or word by word; punctuation and layout do not count."""
    numbers = exact.read(normalise(own)), exact.read(normalise(answer))
    if numbers[0] and numbers[1]:
        return _close(numbers[0].value, numbers[1].value)
    pairs = list(zip_longest(_TOKEN.findall(own.casefold()), _TOKEN.findall(answer.casefold())))
    return bool(pairs) and all(mine == theirs or _same_number(mine, theirs) for mine, theirs in pairs)


def _same_number(mine: str | None, theirs: str | None) -> bool:
    numbers = exact.read(mine or ""), exact.read(theirs or "")
    return bool(numbers[0] and numbers[1] and _close(numbers[0].value, numbers[1].value))


def _close(mine: Fraction, theirs: Fraction) -> bool:
    """References are floats as Python prints them: 947865419.1689999 stands for 947865419.169."""
    return abs(mine - theirs) * 10**12 <= abs(mine)


def _makes_24(item: Mapping[str, Any], answer: str) -> bool:
    """Whether an answer uses the puzzle's numbers, each once, and is 24, not 24.9."""
    if sorted(map(int, _DIGITS.findall(answer))) != sorted(item["metadata"]["numbers"]):
        return False
    try:
        tree = grammar.parse(normalise(answer))
    except grammar.Unreadable:
        return False
    twenty_four = grammar.Node("number", name="24")
    return identity.identical(tree, twenty_four) == identity.SAME


def _every_move_is_possible(item: Mapping[str, Any], answer: str) -> bool:
    from reasoning_gym.games.rush_hour import Board

    board = Board(item["metadata"]["board_config"])
    for letter, way, squares in _MOVE.findall(answer):
        at = ord(letter) - ord("A")
        if at >= len(board._pieces):
            return False
        piece, steps = board._pieces[at], int(f"{way}{squares}")
        before = piece.position
        board.move(letter, steps)
        if piece.position - before != steps * piece.stride:
            return False
    return True


_RECHECKED: Mapping[str, tuple[Callable[[Mapping[str, Any], str], bool], str]] = {
    "puzzle24": (_makes_24, "any four numbers pass, and a result is rounded down: 24.9 counts as 24"),
    "rush_hour": (_every_move_is_possible, "a move that is not possible is skipped"),
}

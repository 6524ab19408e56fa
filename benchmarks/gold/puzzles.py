"""Solutions for the reasoning-gym datasets whose items carry no answer, so that a gold check has something to check."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Board = tuple[str, ...]
SIDE = 6


def solution(dataset: str, metadata: Mapping[str, Any]) -> str | None:
    """A right answer of an item, from its metadata."""
    solve = SOLVERS.get(dataset)
    return solve(metadata) if solve else None


def boxnet(metadata: Mapping[str, Any]) -> str:
    """One box after the other, row first, then along the column."""
    squares = {tuple(map(float, place.split("_"))): things for place, things in metadata["initial_state"].items()}
    plan = []
    for start, things in squares.items():
        for box in (thing for thing in things if thing.startswith("box_")):
            target = box.replace("box_", "target_")
            end = next(place for place, there in squares.items() if target in there)
            for here, there in _steps(start, end):
                plan.append({f"Agent[{here[0]}, {here[1]}]": f"move({box}, square[{there[0]}, {there[1]}])"})
            plan.append({f"Agent[{end[0]}, {end[1]}]": f"move({box}, {target})"})
    return json.dumps(plan)


def _steps(start: tuple[float, ...], end: tuple[float, ...]) -> Iterator[tuple[tuple[float, ...], tuple[float, ...]]]:
    here = start
    while here != end:
        axis = 0 if here[0] != end[0] else 1
        step = 1 if end[axis] > here[axis] else -1
        there = tuple(value + step if at == axis else value for at, value in enumerate(here))
        yield here, there
        here = there


def rush_hour(metadata: Mapping[str, Any]) -> str | None:
    """Breadth first over boards; a move slides one vehicle by one square.

    The question names the vehicles A, B, C … without the gaps that the metadata's letters have.
    """
    letters = sorted({sign for sign in metadata["board_config"] if sign.isupper()})
    names = {letter: chr(ord("A") + rank) for rank, letter in enumerate(letters)}
    start = "".join(names.get(sign, sign) for sign in metadata["board_config"])
    before: dict[str, tuple[str, str]] = {start: ("", "")}
    queue = deque([start])
    while queue:
        board = queue.popleft()
        if board[2 * SIDE + SIDE - 1] == "A":
            return " ".join(reversed(list(_moves_to(board, before))))
        for move, after in _moves(board):
            if after not in before:
                before[after] = (board, move)
                queue.append(after)
    return None


def _moves_to(board: str, before: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    while before[board][1]:
        board, move = before[board]
        yield move


def _moves(board: str) -> Iterator[tuple[str, str]]:
    for piece in sorted({sign for sign in board if sign.isupper()}):
        cells = [at for at, sign in enumerate(board) if sign == piece]
        step = cells[1] - cells[0]
        for way, freed, taken in (("+1", cells[0], cells[-1] + step), ("-1", cells[-1], cells[0] - step)):
            inside = 0 <= taken < SIDE * SIDE and (step == SIDE or taken // SIDE == cells[0] // SIDE)
            if inside and board[taken] == "o":
                signs = list(board)
                signs[freed], signs[taken] = "o", piece
                yield f"{piece}{way}", "".join(signs)


SOLVERS: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    "boxnet": boxnet,
    "graph_color": lambda metadata: json.dumps(metadata["possible_answer"]),
    "propositional_logic": lambda metadata: metadata["example_answer"],
    "rubiks_cube": lambda metadata: metadata["example_correct_answer"],
    "rush_hour": rush_hour,
}

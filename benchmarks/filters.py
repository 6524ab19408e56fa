"""Microseconds that each filter takes for a trace of 20 kB: ``python -m benchmarks.filters [--traces N]``.

Texts are put together from the labelled paragraphs of ``tests/unit/filters``, numbered so that none repeats: English,
English with a Chinese name now and then, Chinese, French (where py3langid is asked), and mathematics without end.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence

from tests.unit.filters import test_languages as texts
from tests.unit.filters.mathematics import CHINESE, ENGLISH
from tracegen.filter_options import Filters
from tracegen.filters.finding import Subject
from tracegen.filters.sieve import FILTERS, Sieve
from tracegen.types import Domain, Trace

BYTES = 20_000
KINDS: dict[str, Sequence[str]] = {
    "english": [*(text for text in ENGLISH if text.isascii()), texts.E, texts.E_2],
    "names": [*ENGLISH[:21], texts.E, texts.E_2, ENGLISH[22]],
    "chinese": [*CHINESE, texts.C, texts.C_2],
    "french": [texts.FRENCH, texts.FRENCH_2],
    "formulas": [r"$\frac{a_{7}}{2} + \sqrt{x^2 + 7}$ is at most $7 \cdot 10^{3}$, so $a = 7$."],
}


def trace(paragraphs: Sequence[str], rng: random.Random) -> Trace:
    parts: list[str] = []
    size = 0
    while size < BYTES:
        parts.append(f"({len(parts)}) {rng.choice(paragraphs)} {rng.randrange(10**6)}")
        size += len(parts[-1].encode()) + 2
    return Trace("\n\n".join([*parts, "So the answer is 12."]), r"The answer is \boxed{12}.")


def microseconds(look: Callable[[Subject], object], subjects: Sequence[Subject]) -> float:
    """Processor time per trace; the median of five rounds."""

    def once() -> float:
        began = time.process_time()
        for subject in subjects:
            look(subject)
        return (time.process_time() - began) / len(subjects) * 1e6

    return statistics.median(once() for _ in range(5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=50, help="of each kind")
    number = parser.parse_args().traces
    rng = random.Random(1)
    filters, sieve = Filters(), Sieve(Filters())
    subjects = {
        kind: [Subject(trace(paragraphs, rng), Domain.MATH) for _ in range(number)]
        for kind, paragraphs in KINDS.items()
    }
    print(f"{'µs per trace of 20 kB':24}" + "".join(f"{kind:>10}" for kind in KINDS))
    for name, look in FILTERS.items():
        options = getattr(filters, name)
        row = [microseconds(lambda one: look(one, options), subjects[kind]) for kind in KINDS]  # noqa: B023
        print(f"{name:24}" + "".join(f"{value:10.0f}" for value in row))
    print(f"{'all':24}" + "".join(f"{microseconds(sieve.find, subjects[kind]):10.0f}" for kind in KINDS))
    passed = {kind: sum(sieve.find(one) is None for one in found) for kind, found in subjects.items()}
    print(f"{f'passed, of {number}':24}" + "".join(f"{passed[kind]:10}" for kind in KINDS))


if __name__ == "__main__":
    main()

"""How often long tests are repeated: once in `make test`, as often as `ROUNDS` states in `make deep`."""

import os
from collections.abc import Iterator

ROUNDS = int(os.environ.get("ROUNDS", "1"))


def numbers() -> Iterator[int]:
    """Yields all numbers from 1 in a deep run; otherwise the first three, then with growing gaps: 1, 2, 3, 5, 8, 12, 17."""
    number, gap = 1, 1
    while True:
        yield number
        if ROUNDS == 1 and number > 2:
            gap += 1
        number += gap

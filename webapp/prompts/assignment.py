"""Which version somebody is given in an experiment: always the same, in the shares that are wanted. Pure."""

from collections.abc import Mapping
from hashlib import sha256
from math import inf, log

# A hash as a number between 0 and 1.
BITS = 53


def arm_of(salt: str, experiment: str, unit: str, weights: Mapping[int, float]) -> int:
    """The version of this unit; when a weight changes, only those move whom its share gains or loses.

    Each arm draws a lot for the unit, and the greatest wins: no arm's lot depends on another's weight.
    """
    return max(sorted(weights), key=lambda arm: _lot(f"{salt}|{experiment}|{unit}|{arm}", weights[arm]))


def _lot(name: str, weight: float) -> float:
    if weight <= 0:
        return -inf
    drawn = (int.from_bytes(sha256(name.encode()).digest()[:7], "big") % 2**BITS + 0.5) / 2**BITS
    return -weight / log(drawn)

"""Assigns units to the versions of an experiment: always the same version, in the configured shares. Pure."""

from collections.abc import Mapping
from hashlib import sha256
from math import inf, log

# How many bits of a hash make a number between 0 and 1.
BITS = 53


def arm_of(salt: str, experiment: str, unit: str, weights: Mapping[int, float]) -> int:
    """Returns the version for a unit; changing a weight moves only the units that this share gains or loses.

    Weighted rendezvous hashing: each arm has a score for the unit, and the highest wins. No score depends on another arm's
    weight.
    """
    return max(sorted(weights), key=lambda arm: _lot(f"{salt}|{experiment}|{unit}|{arm}", weights[arm]))


def _lot(name: str, weight: float) -> float:
    if weight <= 0:
        return -inf
    drawn = (int.from_bytes(sha256(name.encode()).digest()[:7], "big") % 2**BITS + 0.5) / 2**BITS
    return -weight / log(drawn)

"""Which version to try next when the best is wanted: those that did well more often, and none too seldom. Pure."""

from collections.abc import Sequence
from random import Random

from webapp.prompts.evidence import Arm

MIN_SAMPLES, FLOOR = 20, 0.05


def pick(arms: Sequence[Arm], luck: Random, *, min_samples: int = MIN_SAMPLES, floor: float = FLOOR) -> Arm:
    """In turns until each has its first samples; then by Thompson's draw, while each keeps its share of all."""
    least = min(arms, key=lambda each: (each.answers, each.version))
    answers = sum(each.answers for each in arms)
    if least.answers < max(min_samples, min(floor, 1 / len(arms)) * (answers + 1)):
        return least
    return max(arms, key=lambda each: luck.betavariate(1 + each.good, 1 + each.answers - each.good))

"""Which version to try next when the best is wanted: those that did well more often, and none too seldom. Pure."""

from collections.abc import Mapping, Sequence
from random import Random

from webapp.prompts.evidence import Arm

MIN_SAMPLES, FLOOR = 20, 0.05


def pick(
    arms: Sequence[Arm],
    luck: Random,
    *,
    min_samples: int = MIN_SAMPLES,
    floor: float = FLOOR,
    given: Mapping[int, int] | None = None,
) -> Arm:
    """In turns until each has its first samples; then by Thompson's draw, while each keeps its share of all.

    `given` is how often each version was given, where not all of its answers are judged yet.
    """
    times = {each.version: max(each.answers, (given or {}).get(each.version, 0)) for each in arms}
    least = min(arms, key=lambda each: (times[each.version], each.version))
    if times[least.version] < max(min_samples, min(floor, 1 / len(arms)) * (sum(times.values()) + 1)):
        return least
    return max(arms, key=lambda each: luck.betavariate(1 + each.good, 1 + each.answers - each.good))

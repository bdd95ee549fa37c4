"""Chooses the next version to try: better ones more often, but each a minimum share. Pure."""

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
    """Takes turns until each version has `min_samples`; then uses Thompson sampling, while each keeps the share `floor`.

    `given` counts how often each version was used, including answers that are not judged yet.
    """
    times = {each.version: max(each.answers, (given or {}).get(each.version, 0)) for each in arms}
    least = min(arms, key=lambda each: (times[each.version], each.version))
    if times[least.version] < max(min_samples, min(floor, 1 / len(arms)) * (sum(times.values()) + 1)):
        return least
    return max(arms, key=lambda each: luck.betavariate(1 + each.good, 1 + each.answers - each.good))

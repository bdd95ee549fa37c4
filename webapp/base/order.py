"""Lists that people put in order, one move at a time. Pure."""

from collections.abc import Sequence


def moved(values: Sequence[str], step: str, value: str) -> list[str]:
    """Returns the values with one of them moved `up` or `down`, or without it; the same for anything else."""
    order = list(values)
    if value not in order:
        return order
    place = order.index(value)
    order.pop(place)
    if step != "remove":
        order.insert(max(0, place + {"up": -1, "down": 1}.get(step, 0)), value)
    return order

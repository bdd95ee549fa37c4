"""Checks where the steps of a definition lead: whether each can be reached, and whether every run can end. Pure."""

from collections.abc import Iterator

from webapp.workflows.definition.definition import END, Definition, Step

Found = tuple[int, str, str]


def faults(definition: Definition) -> Iterator[Found]:
    """Yields the index of each step with an error, the error, and a hint."""
    begun = set(definition.reachable(definition.steps[0].id))
    ending = _ending(definition)
    for place, step in enumerate(definition.steps):
        if step.id not in begun:
            yield place, f"No step leads to “{step.id}”.", "Name it in a “next” or a “branch”, or remove it."
        elif step.id not in ending:
            yield place, f"From “{step.id}” no run can end.", "Give one of the steps in this circle a way out."
        elif step.id in _automatic_circle(definition, step):
            yield place, f"“{step.id}” leads back to itself without a question.", "Put a question into the circle."


def _ending(definition: Definition) -> set[str]:
    """Returns every step from which a run can end, searching backwards from the ends."""
    found: set[str] = {step.id for step in definition.steps if step.verb == "end" or END in step.exits}
    before: dict[str, list[str]] = {}
    for step in definition.steps:
        for other in step.exits:
            before.setdefault(other, []).append(step.id)
    ahead = list(found)
    while ahead:
        fresh = set(before.get(ahead.pop(), ())) - found
        found |= fresh
        ahead += fresh
    return found


def _automatic_circle(definition: Definition, start: Step) -> set[str]:
    """Returns the steps that a run can reach from this one without a question; none if this step waits for a person itself."""
    seen: set[str] = set()
    ahead = [] if start.waits else list(start.exits)
    while ahead:
        step = definition.by_id.get(ahead.pop())
        if step and not step.waits and step.id not in seen:
            seen.add(step.id)
            ahead += step.exits
    return seen

"""Trials that begin at a step: the answers that it needs from the steps before, and the event that begins there. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webapp.workflows.definition.conditions import mentioned
from webapp.workflows.definition.definition import Definition, Step
from webapp.workflows.definition.slots import Slot, UnfitAnswer, names_in, text_of
from webapp.workflows.running.interpreter import MOST_ANSWER_CHARS
from webapp.workflows.state import Event, RunState

# Of a step's answer, as texts name it.
SAID = "steps."


@dataclass(frozen=True, slots=True)
class TrialInput:
    """An answer that is used from a step on and that no step from there asks for: as the last run has it, or still missing."""

    name: str
    question: str
    text: str = ""
    options: tuple[str, ...] = ()
    is_file: bool = False


def inputs_at(definition: Definition, step: Step, last: RunState) -> list[TrialInput]:
    """Returns what a trial from this step on needs, with the answers of the last run that still fit."""
    wanted, earlier = _wanted(definition, step), earlier_answers(definition, step, last)
    slots = [slot for slot in definition.slots.values() if slot.name in wanted]
    steps = [other for other in definition.steps if f"{SAID}{other.id}" in wanted]
    return [
        *(TrialInput(slot.name, slot.ask, text_of(earlier.slots.get(slot.name)), *_choices(slot)) for slot in slots),
        *(TrialInput(f"{SAID}{other.id}", other.text, earlier.said.get(other.id, "")) for other in steps),
    ]


def earlier_answers(definition: Definition, step: Step, last: RunState) -> RunState:
    """Returns what the last run had when it came to this step, as far as this definition still has it."""
    ahead, wanted = set(definition.reachable(step.id)), _wanted(definition, step)
    asked = {name for id in ahead for name in definition.by_id[id].filled_slots}
    before = {id for id in definition.by_id if id not in ahead}
    slots = {name: last.slots[name] for name in definition.slots if name in last.slots and (name in wanted or name not in asked)}
    return RunState(
        slots={name: value for name, value in slots.items() if _fits(definition.slots[name], value)},
        outcomes={id: outcome for id, outcome in last.outcomes.items() if id in before},
        said={id: words for id, words in last.said.items() if id in before or f"{SAID}{id}" in wanted},
    )


def beginning(definition: Definition, step: Step, last: RunState, typed: Mapping[str, str]) -> Event:
    """Returns the event that begins a run at this step; what was typed takes the place of the last run's answers.

    Raises `UnfitAnswer`.
    """
    earlier = earlier_answers(definition, step, last)
    slots, said = dict(earlier.slots), dict(earlier.said)
    for wanted in inputs_at(definition, step, last):
        text = typed.get(wanted.name, wanted.text).strip()
        kept = said if wanted.name.startswith(SAID) else slots
        name = wanted.name.removeprefix(SAID)
        if not text:
            kept.pop(name, None)
        elif kept is said:
            said[name] = text[:MOST_ANSWER_CHARS]
        elif not wanted.is_file:
            slots[name] = _value(definition.slots[name], text)
    return Event("begin", json.dumps({"slots": slots, "outcomes": dict(earlier.outcomes), "said": said}), step.id)


def _wanted(definition: Definition, step: Step) -> set[str]:
    """Returns the names that this step uses, and those that the steps behind it use and none of them gives."""
    ahead = [definition.by_id[id] for id in definition.reachable(step.id)]
    given = {name for other in ahead for name in (*other.filled_slots, f"{SAID}{other.id}")}
    used = {name for other in ahead for name in _used(other)}
    return (used - given) | (set(_used(step)) - {*step.filled_slots, f"{SAID}{step.id}"})


def _used(step: Step) -> Iterator[str]:
    yield from names_in(step.texts)
    for transition in (*step.transitions, *step.failures):
        if transition.condition:
            yield from mentioned(transition.condition)


def _choices(slot: Slot) -> tuple[tuple[str, ...], bool]:
    options = ("yes", "no") if slot.type == "yes/no" else slot.options if slot.type == "choice" else ()
    return options, slot.type == "file"


def _value(slot: Slot, text: str) -> Any:
    try:
        return slot.value(text)
    except UnfitAnswer as error:
        raise UnfitAnswer(f"{slot.ask} {error}") from error


def _fits(slot: Slot, value: Any) -> bool:
    try:
        return slot.value(text_of(value)) is not None
    except UnfitAnswer:
        return False

"""Moves the state of a run to another version of its workflow. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from webapp.workflows.definition.definition import Definition, Step
from webapp.workflows.state import RunState


def same_steps(old: Definition, new: Definition) -> dict[str, str]:
    """Returns the new id of every step that both versions have.

    A step with a name is the step of that name. The others are numbered by their index in the list, so a step that was added
    above them renames them all: they are the same if their texts are, or if as many of their kind have the same index.
    """
    before, after = ([_content(*numbered) for numbered in enumerate(version.steps)] for version in (old, new))
    same = {step.id: step.id for index, step in enumerate(old.steps) if _has_name(index, step) and step.id in new.by_id}
    for what, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            pairs = zip(old.steps[a:b], new.steps[c:d], strict=True)
            same.update((step.id, other.id) for step, other in pairs)
        elif what == "replace":
            same.update(_by_verb(_unnamed(old, a, b), _unnamed(new, c, d)))
    return same


def moved(state: RunState, same: Mapping[str, str], slots: Iterable[str]) -> RunState:
    """Returns the state with the new ids of its steps, without the steps and slots that the other version lacks."""

    def renamed(slots: Mapping[str, Any]) -> dict[str, Any]:
        return {same[id]: value for id, value in slots.items() if id in same}

    return replace(
        state,
        step=same[state.step],
        slots={name: state.slots[name] for name in state.slots if name in set(slots)},
        outcomes=renamed(state.outcomes),
        said=renamed(state.said),
        kept=renamed(state.kept),
        trail=tuple(same[id] for id in state.trail if id in same),
        proposed="",
    )


def _has_name(index: int, step: Step) -> bool:
    return step.id != f"{step.verb}_{index + 1}"


def _content(index: int, step: Step) -> str:
    """Returns what identifies a step: its name, or else everything but its index and the steps that it leads to."""
    return step.id if _has_name(index, step) else repr(replace(step, id="", line=0, after="", transitions=()))


def _unnamed(definition: Definition, start: int, end: int) -> dict[str, list[str]]:
    """Returns the ids of the steps without a name in this part of the list, by verb."""
    runs = defaultdict(list)
    for index in range(start, end):
        step = definition.steps[index]
        if not _has_name(index, step):
            runs[step.verb].append(step.id)
    return runs


def _by_verb(before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> dict[str, str]:
    counted = [verb for verb in before if len(before[verb]) == len(after.get(verb, ()))]
    return {old: new for verb in counted for old, new in zip(before[verb], after[verb], strict=True)}

"""The interpreter: turns a definition, a state and an event into effects and the next state. No event makes it raise. Pure."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from webapp.workflows.definition.definition import FAILED, Definition, Step
from webapp.workflows.definition.slots import Slot, UnfitAnswer, filled, names_in, shown, text_of, yes_or_no
from webapp.workflows.state import (
    DONE,
    MODEL_ANSWERED,
    MODEL_FAILED,
    SKIPPED,
    TOOL_FAILED,
    CallModel,
    Effect,
    Event,
    HandOver,
    PostReply,
    RunState,
    Say,
    StepResult,
)

# Limits: the characters of a model's answer that are kept for later steps; the length of the trail, which a loop would grow
# without end; the failed tries that are counted.
MOST_ANSWER_CHARS, MOST_TRAIL, MOST_TRIES = 2_000, 200, 99
MEANT = "Do you mean “{}”?"
ENDED = "This workflow has ended."
PAUSED = "This workflow is paused. Resume it first."
WRITING = "The answer is still being written. Wait until it finishes, or stop it."
NOT_WAITING = "Nothing is asked at the moment."
FIRST = "This is the first question."
NEEDED = "This question can't be skipped."
QUESTION_MARKS = ("?", "？", "؟")
WORDS = {"back": "back", "go back": "back", "skip": "skip", "cancel": "cancel"}


def apply(definition: Definition, state: RunState, event: Event, people: Mapping[str, str] | None = None) -> StepResult:
    """Applies an event; `people` has the person's names that texts can include."""
    move = _Move(definition, state, dict(people or {}))
    handler = HANDLERS.get(event.kind)
    refusal = handler(move, event) if handler else NOT_WAITING
    return StepResult(move.state, () if refusal else tuple(move.effects), refusal)


def step_of(definition: Definition, state: RunState) -> Step | None:
    return definition.by_id.get(state.step)


def slot_of(definition: Definition, state: RunState) -> Slot | None:
    """Returns the slot that the current step asks for."""
    step = step_of(definition, state)
    return definition.slots.get(step.slot) if step and step.verb == "collect" else None


def text_for(definition: Definition, state: RunState, text: str, people: Mapping[str, str]) -> str:
    """Fills in a text of the definition with the answers so far."""
    answers = {f"steps.{id}": words for id, words in state.said.items()}
    return filled(text, {**answers, **people, **state.slots})


@dataclass(slots=True)
class _Move:
    """Applies one event: moves the state through the steps and collects the effects."""

    definition: Definition
    state: RunState
    people: dict[str, str]
    effects: list[Effect] = field(default_factory=list)

    def change(self, **values: Any) -> None:
        self.state = replace(self.state, **values)

    @property
    def step(self) -> Step | None:
        return step_of(self.definition, self.state)

    def say(self, text: str) -> None:
        if text := text_for(self.definition, self.state, text, self.people).strip():
            self.effects.append(Say(text, self.state.step))

    def done(self, outcome: str = DONE) -> None:
        """Completes the current step and continues to the next one that waits."""
        if step := self.step:
            self.change(outcomes={**self.state.outcomes, step.id: outcome}, tries=0, turns_left=0, due=False, proposed="")
            self.go(step.exit(self.state.values))

    def go(self, id: str, *, there: RunState | None = None) -> None:
        """Continues to the first step that waits for a person or a model; if that is the step of `there`, nothing is repeated."""
        for _ in range((len(self.definition.steps) + 1) ** 2):
            step = self.definition.by_id.get(id)
            if step is None or self._is_over_at(step):
                self.change(step="", status="completed", due=False)
                return
            self.change(step=step.id)
            if step.id in self.state.kept:
                self._pass(step)
            elif there and step.id == there.step and not self.effects:
                self.change(status=there.status, turns_left=there.turns_left, due=there.due, trail=self._trail(step))
                return
            elif not self._enter(step):
                return
            id = step.exit(self.state.values)
        self.change(status="failed", due=False)

    def _is_over_at(self, step: Step) -> bool:
        if step.verb != "end":
            return False
        self.change(step=step.id)
        self.say(step.text)
        if step.group:
            self.change(handed_to=step.group)
            self.effects.append(HandOver(step.group, summary(self.definition, self.state), step.id))
        return True

    def _pass(self, step: Step) -> None:
        """Takes over the earlier outcome of a step that a change of an answer does not affect."""
        texts_kept = dict(self.state.kept)
        trail = self._trail(step) if step.waits else self.state.trail
        self.change(outcomes={**self.state.outcomes, step.id: texts_kept.pop(step.id)}, kept=texts_kept, trail=trail)

    def _enter(self, step: Step) -> bool:
        """Enters a step; returns whether it is done without waiting."""
        if step.verb == "collect":
            self.change(status="waiting", tries=0, due=False, proposed="", trail=self._trail(step))
            self.say(step.text)
        elif step.verb in ("chat", "generate", "tool"):
            trail = self._trail(step) if step.waits else self.state.trail
            self.change(status="running", turns_left=step.turns, due=True, trail=trail)
            self.effects.append(CallModel(step.id))
        else:
            self.say(step.text)
            slots = {**self.state.slots, **step.sets}
            slots = {name: value for name, value in slots.items() if value is not None}
            self.change(slots=slots, outcomes={**self.state.outcomes, step.id: DONE})
        return step.is_automatic

    def _trail(self, step: Step) -> tuple[str, ...]:
        return (*self.state.trail, step.id)[-MOST_TRAIL:]


def _begin(move: _Move, event: Event) -> str:
    """Begins at the first step; a trial, at the step that is named, with answers that the steps before would have had."""
    if move.state.step or move.state.has_ended or move.state.outcomes:
        return "This workflow has already started."
    if event.name not in ("", *move.definition.by_id):
        return NOT_WAITING
    if event.name:
        move.change(**json.loads(event.value))
    move.go(event.name or move.definition.steps[0].id)
    return ""


def _not_waiting(state: RunState) -> str:
    if state.has_ended:
        return ENDED
    return {"running": WRITING, "paused": PAUSED}.get(state.status, "")


def _answer(move: _Move, event: Event) -> str:
    step, slot = move.step, slot_of(move.definition, move.state)
    if (refusal := _not_waiting(move.state)) or step is None:
        return refusal or NOT_WAITING
    if slot is None:
        return _reply(move, step, event.value)
    if event.value.strip().startswith("?"):
        return _ask(move, event)
    if move.state.proposed and (verdict := yes_or_no(event.value)) is not None:
        return _confirm_guess(move, slot, step, is_meant=verdict)
    try:
        value = slot.value(event.value)
    except UnfitAnswer as error:
        return _handle_invalid_answer(move, slot, event, str(error))
    move.effects.append(PostReply(shown(value) if slot.type != "text" else event.value.strip(), step.id))
    move.change(slots={**move.state.slots, slot.name: value})
    move.done()
    return ""


def _guess(move: _Move, event: Event) -> str:
    """Proposes a model's interpretation of an answer that did not fit; the person is asked to confirm it."""
    step, slot = move.step, slot_of(move.definition, move.state)
    if (refusal := _not_waiting(move.state)) or slot is None or step is None or event.name not in ("", step.id):
        return refusal or NOT_WAITING
    guessed, _, typed = event.value.partition("\n\n")
    try:
        value = slot.value(guessed)
    except UnfitAnswer as error:
        return str(error)
    if typed.strip():
        move.effects.append(PostReply(typed.strip(), step.id))
    move.change(proposed=text_of(value), tries=min(move.state.tries + 1, MOST_TRIES))
    move.effects.append(Say(proposal(slot, move.state.proposed), step.id))
    return ""


def proposal(slot: Slot, proposed: str) -> str:
    """Returns the question that asks the person to confirm a model's interpretation."""
    return MEANT.format(shown(slot.value(proposed)))


def _confirm_guess(move: _Move, slot: Slot, step: Step, *, is_meant: bool) -> str:
    move.effects.append(PostReply("Yes" if is_meant else "No", step.id))
    if is_meant:
        move.change(slots={**move.state.slots, slot.name: slot.value(move.state.proposed)})
        move.done()
    else:
        move.change(proposed="")
        move.say(step.text)
    return ""


def _handle_invalid_answer(move: _Move, slot: Slot, event: Event, expected: str) -> str:
    """Handles an invalid answer: applies a command or a side question, or else returns a sentence with what is expected.

    The second try adds an example, the third a way out.
    """
    if kind := WORDS.get(event.value.strip().casefold()):
        return HANDLERS[kind](move, Event(kind))
    if event.value.rstrip().endswith(QUESTION_MARKS):
        return _ask(move, event)
    tries = min(move.state.tries + 1, MOST_TRIES)
    move.change(tries=tries)
    example = f" For example: {slot.sample}." if tries > 1 else ""
    out = (
        "You can also skip this question." if slot.is_optional else "If nothing fits, go back or ask whoever made this workflow."
    )
    return f"{expected}{example}{f' {out}' if tries > 2 else ''}"


def _reply(move: _Move, step: Step, text: str) -> str:
    if not text.strip():
        return "Write something first."
    move.effects += [PostReply(text.strip(), step.id), CallModel(step.id)]
    move.change(status="running", due=True, turns_left=max(0, move.state.turns_left - 1))
    return ""


def _ask(move: _Move, event: Event) -> str:
    """Has a model answer a question of the person's; afterwards the workflow repeats its own question."""
    if (refusal := _not_waiting(move.state)) or move.step is None:
        return refusal or NOT_WAITING
    text = event.value.strip().lstrip("?").strip()
    if not text:
        return "Write a question first."
    if slot_of(move.definition, move.state) is None:
        return _reply(move, move.step, text)
    move.effects += [PostReply(text, move.step.id), CallModel(move.step.id)]
    move.change(status="running", due=True, is_aside=True)
    return ""


def _repeat_question(move: _Move, step: Step) -> str:
    move.change(status="waiting", due=False, is_aside=False, proposed="")
    move.say(step.text)
    return ""


def _skip(move: _Move, _event: Event) -> str:
    step, slot = move.step, slot_of(move.definition, move.state)
    if (refusal := _not_waiting(move.state)) or step is None:
        return refusal or NOT_WAITING
    if slot and not slot.is_optional:
        return NEEDED
    if slot:
        move.change(slots={name: value for name, value in move.state.slots.items() if name != slot.name})
    move.done(SKIPPED)
    return ""


def _back(move: _Move, _event: Event) -> str:
    if refusal := _not_waiting(move.state):
        return refusal
    if len(move.state.trail) < 2:
        return FIRST
    *trail, before, here = move.state.trail
    undone = [step for step in (move.definition.by_id.get(before), move.definition.by_id.get(here)) if step]
    slots, ids = {step.slot for step in undone}, {step.id for step in undone}
    move.change(
        trail=tuple(trail),
        slots={name: value for name, value in move.state.slots.items() if name not in slots},
        outcomes={id: outcome for id, outcome in move.state.outcomes.items() if id not in ids},
        kept={},
    )
    move.go(before)
    return ""


def _pause(move: _Move, _event: Event) -> str:
    if refusal := _not_waiting(move.state):
        return refusal
    move.change(status="paused")
    return ""


def _resume(move: _Move, _event: Event) -> str:
    if move.state.status != "paused":
        return ENDED if move.state.has_ended else "This workflow isn't paused."
    move.change(status="running" if move.state.due else "waiting")
    if move.state.due:
        move.effects.append(CallModel(move.state.step))
    return ""


def _cancel(move: _Move, _event: Event) -> str:
    if move.state.has_ended:
        return ENDED
    move.change(status="cancelled", due=False, proposed="")
    return ""


def _model_answered(move: _Move, event: Event) -> str:
    """Handles the end of a model's answer, in the step that requested it."""
    step = move.step
    if not move.state.due or move.state.has_ended or step is None or event.name not in ("", step.id):
        return NOT_WAITING
    if move.state.is_aside:
        return _repeat_question(move, step)
    if step.into and (fault := _keep_result(move, move.definition.slots[step.into], event.value)):
        return _tool_failed(move, replace(event, value=fault))
    move.change(said={**move.state.said, step.id: event.value[:MOST_ANSWER_CHARS]}, due=False)
    if step.verb == "generate":
        # A plan is added to the chat as a message; a chat step's answer is already one.
        move.effects.append(Say(event.value, step.id))
    if move.state.turns_left:
        move.change(status="waiting")
    else:
        move.done()
    return ""


def _keep_result(move: _Move, slot: Slot, text: str) -> str:
    """Fills a slot with what a tool returned; returns why that isn't possible."""
    try:
        value = slot.result(text)
    except UnfitAnswer as error:
        return f"What it returned doesn't fit “{slot.name}”. {error}"
    move.change(slots={**move.state.slots, slot.name: value})
    return ""


def _tool_failed(move: _Move, event: Event) -> str:
    """Handles a call that failed for good: the run continues where the step says, or pauses, and resuming it calls again."""
    step = move.step
    if not move.state.due or move.state.has_ended or step is None or event.name not in ("", step.id):
        return NOT_WAITING
    move.change(said={**move.state.said, step.id: event.value[:MOST_ANSWER_CHARS]})
    if step.failures:
        move.done(FAILED)
    else:
        move.change(status="paused")
    return ""


def _model_failed(move: _Move, _event: Event) -> str:
    """Handles a failed answer: the run pauses, and resuming it calls the model again; a side question is dropped."""
    if not move.state.due or move.state.has_ended:
        return NOT_WAITING
    if move.state.is_aside and move.step:
        return _repeat_question(move, move.step)
    move.change(status="paused")
    return ""


def _change(move: _Move, event: Event) -> str:
    """Changes an earlier answer: runs through the steps again from the first and keeps the outcomes that still apply."""
    definition, before = move.definition, move.state
    slot = definition.slots.get(event.name)
    if before.has_ended or before.status == "running":
        return ENDED if before.has_ended else WRITING
    if slot is None or slot.name not in before.slots:
        return f"There is no answer named “{event.name[:40]}” yet."
    try:
        value = slot.value(event.value)
    except UnfitAnswer as error:
        return str(error)
    # Steps that mention the slot or set slots are done again.
    speaking = [step for step in definition.steps if step.verb in ("say", "chat", "generate", "tool")]
    mentioning = {step.id for step in speaking if slot.name in names_in(step.texts)}
    again = {before.step, *mentioning, *(step.id for step in definition.steps if step.sets)}
    outcomes = {id: outcome for id, outcome in before.outcomes.items() if id in definition.by_id and id not in again}
    move.change(slots={**before.slots, slot.name: value}, kept=outcomes, outcomes={}, trail=())
    move.go(definition.steps[0].id, there=before)
    _forget_dead_branches(move)
    return ""


def _forget_dead_branches(move: _Move) -> None:
    """Drops the answers of steps that were not passed and can't be reached any more."""
    living = {*move.state.outcomes, *move.definition.reachable(move.state.step)}
    slots = {name for step in move.definition.steps if step.id in living for name in step.filled_slots}
    move.change(
        slots={name: value for name, value in move.state.slots.items() if name in slots},
        kept={id: outcome for id, outcome in move.state.kept.items() if id in living},
        said={id: words for id, words in move.state.said.items() if id in living},
    )


HANDLERS: dict[str, Callable[[_Move, Event], str]] = {
    "begin": _begin,
    "answer": _answer,
    "guess": _guess,
    "ask": _ask,
    "skip": _skip,
    "back": _back,
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
    MODEL_ANSWERED: _model_answered,
    MODEL_FAILED: _model_failed,
    TOOL_FAILED: _tool_failed,
    "change": _change,
}


def summary(definition: Definition, state: RunState) -> str:
    """Returns the answers as a summary for the people who take over."""
    lines = _listed(definition, state, definition.slots, "- **{}:** {}")
    return "\n".join([f"**{definition.title}: summary**", "", *(lines or ["Nothing has been answered."])])


def listed(definition: Definition, state: RunState, names: Collection[str]) -> str:
    """Returns the answers with these names as a list for a model."""
    return "\n".join(_listed(definition, state, names, "- {}: {}"))


def _listed(definition: Definition, state: RunState, names: Collection[str], form: str) -> list[str]:
    answers = [(name, state.slots[name]) for name in definition.slots if name in state.slots and name in names]
    return [form.format(name.replace("_", " ").capitalize(), " ".join(shown(value).split())) for name, value in answers]

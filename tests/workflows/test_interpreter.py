"""The interpreter: the steps of the shipped workflow, and what no workflow does, whatever happens."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.support.rounds import ROUNDS
from webapp.workflows.definition.definition import Definition
from webapp.workflows.definition.parsing import BrokenWorkflow, read
from webapp.workflows.definition.slots import TYPES, Slot, UnfitAnswer, text_of
from webapp.workflows.running.interpreter import apply
from webapp.workflows.state import (
    MODEL_ANSWERED,
    MODEL_FAILED,
    TOOL_FAILED,
    CallModel,
    Effect,
    Event,
    HandOver,
    PostReply,
    RunState,
)

CHECKIN = read(Path("webapp/workflows/shipped/weekly-checkin.yaml").read_text("utf-8"))
ANN = {"user.first_name": "Ann", "user.name": "Ann Lee"}
KINDS = (
    "begin",
    "answer",
    "ask",
    "skip",
    "back",
    "pause",
    "resume",
    "cancel",
    MODEL_ANSWERED,
    MODEL_FAILED,
    TOOL_FAILED,
    "guess",
    "change",
    "nonsense",
)
ANSWERS = (
    "good",
    "low",
    "3",
    "0",
    "yes",
    "2026-03-01",
    "back",
    "skip",
    "cancel",
    "",
    "why?",
    "? now",
    "{{a}}",
    "a@b.org",
    "a, b",
    "99",
)


def played(definition: Definition, *events: Event | str) -> tuple[RunState, list[str]]:
    """Returns the final state and every line on the way."""
    result = apply(definition, RunState(), Event("begin"), ANN)
    lines = [_line(effect) for effect in result.effects]
    for event in events:
        result = apply(definition, result.state, Event("answer", event) if isinstance(event, str) else event, ANN)
        lines += [_line(effect) for effect in result.effects] + ([f"! {result.refusal}"] if result.refusal else [])
    return result.state, lines


def _line(effect: Effect) -> str:
    if isinstance(effect, HandOver):
        return f"= {effect.summary}"
    return (
        f"* {effect.step}" if isinstance(effect, CallModel) else f"{'>' if isinstance(effect, PostReply) else '<'} {effect.text}"
    )


def test_a_week_that_was_low_is_talked_about_first() -> None:
    state, lines = played(
        CHECKIN, "LOW", Event(MODEL_ANSWERED, "I am sorry."), "Long days.", Event(MODEL_ANSWERED, "I see."), "Tests"
    )
    assert (state.step, state.status, state.slots) == ("hours", "waiting", {"mood": "low", "win": "Tests"})
    assert lines[:4] == ["< Hello Ann! Let's look back on your week.", "< How was your week overall?", "> low", "* support"]
    assert lines[4:7] == ["> Long days.", "* support", "< What went well?"]
    state, lines = played(CHECKIN, "good", "Tests", "0", "31. 3. 2026", Event(MODEL_ANSWERED, "# A {{win}}", "card"))
    assert lines[-3:-1] == ["* card", "< # A {{win}}"]
    assert (state.status, state.slots["day"], lines[-1]) == ("completed", "2026-03-31", "< Done. Have a good week, Ann!")


def test_what_does_not_fit_is_asked_again_with_an_example_and_a_way_out() -> None:
    _, lines = played(CHECKIN, "good", "Tests", "many", "lots", "heaps", Event("skip"))
    first, second, third, *_ = [line for line in lines if line.startswith("!")]
    assert first == "! Please answer with a number."
    assert ("For example: 1." in second, "skip" in third) == (True, True)
    assert lines[-1] == "* focus"


def test_back_asks_the_question_before_and_an_answer_is_data() -> None:
    state, lines = played(CHECKIN, "good", "{{mood}}", Event("back"))
    assert (state.step, state.slots, lines[-1]) == ("win", {"mood": "good"}, "< What went well?")
    assert played(CHECKIN, Event("back"))[1][-1] == "! This is the first question."
    two = "workflow: wf\ntitle: T\nslots: {a: {}, b: {ask: 'And {{a}}?'}}\nsteps: [collect: a, collect: b]"
    assert played(read(two), "{{b}}")[1][-1] == "< And {{b}}?"


def test_a_command_can_be_typed_where_it_is_no_answer():
    assert played(CHECKIN, "good", "Tests", "back")[0].step == "win"
    assert played(CHECKIN, "good", "Tests", "Skip")[0].outcomes["hours"] == "skipped"
    assert played(CHECKIN, "good", "Tests", "cancel")[0].status == "cancelled"
    assert played(CHECKIN, "good", "cancel")[0].slots["win"] == "cancel"


def test_another_answer_that_flips_a_branch_drops_the_dead_one_and_goes_on_where_the_run_was() -> None:
    source = """
        workflow: wf
        title: T
        slots: {pet: {type: choice, options: [cat, dog]}, name: {}, walks: {type: number}, last: {}}
        steps:
          - collect: pet
            next: [{if: pet == "cat", go: name}]
          - collect: walks
          - collect: name
          - say: "{{name}}, a {{pet}}."
          - collect: last
    """
    definition = read(source)
    state, _ = played(definition, "dog", "3", "Rex")
    assert state.step == "last"
    state, lines = played(definition, "dog", "3", "Rex", Event("change", "cat", "pet"))
    assert (state.step, state.slots) == ("last", {"pet": "cat", "name": "Rex"})
    assert lines[-2:] == ["< Rex, a cat.", "< Last?"]
    state, _ = played(definition, "cat", "Tom", Event("change", "dog", "pet"), "2")
    assert (state.step, state.slots) == ("last", {"pet": "dog", "name": "Tom", "walks": 2})
    assert played(definition, "cat", "Tom", Event("change", "Kit", "name"))[0].slots["name"] == "Kit"


def test_a_model_that_fails_is_asked_again_when_the_run_is_resumed() -> None:
    state, _ = played(CHECKIN, "low", Event(MODEL_FAILED))
    assert (state.status, state.due) == ("paused", True)
    state, lines = played(CHECKIN, "low", Event(MODEL_FAILED), Event("resume"))
    assert (state.status, lines[-1]) == ("running", "* support")


def test_a_side_question_is_answered_and_the_question_is_asked_again() -> None:
    answered, failed = Event(MODEL_ANSWERED, "On Monday."), Event(MODEL_FAILED)
    for asked in ("When is that?", "? when is that?", Event("ask", "When is that?")):
        state, lines = played(CHECKIN, asked)
        assert (state.status, state.is_aside, lines[-1]) == ("running", True, "* mood")
        for end in (answered, failed):
            state, lines = played(CHECKIN, asked, end, "good")
            assert (state.step, state.is_aside, state.said) == ("win", False, {})
            assert lines[-3:] == ["< How was your week overall?", "> good", "< What went well?"]
    # In a step that takes text, a question is an answer, unless it begins with a question mark.
    assert played(CHECKIN, "good", "Does it matter?")[0].slots["win"] == "Does it matter?"
    assert played(CHECKIN, "good", "? Does it matter")[1][-2:] == ["> Does it matter", "* win"]
    assert played(CHECKIN, Event("ask", " "))[1][-1] == "! Write a question first."


def test_what_a_model_reads_in_an_answer_counts_once_it_is_confirmed() -> None:
    read_it = Event("guess", "mixed\n\nso and so", "mood")
    state, lines = played(CHECKIN, "so and so", read_it)
    assert (state.step, state.slots, state.proposed) == ("mood", {}, "mixed")
    assert lines[-2:] == ["> so and so", "< Do you mean “mixed”?"]
    state, lines = played(CHECKIN, read_it, "yes")
    assert (state.step, state.slots, state.proposed) == ("win", {"mood": "mixed"}, "")
    assert lines[-2:] == ["> Yes", "< What went well?"]
    state, lines = played(CHECKIN, read_it, "No.")
    assert (state.slots, state.proposed, lines[-1]) == ({}, "", "< How was your week overall?")
    # Any other answer means no.
    assert played(CHECKIN, read_it, "low")[0].slots == {"mood": "low"}
    assert played(CHECKIN, "good", "Tests", Event("guess", "3"), Event("skip"))[0].proposed == ""
    # A guess for another step, or one that does not fit, is ignored.
    for guess in (Event("guess", "mixed", "win"), Event("guess", "purple", "mood")):
        assert played(CHECKIN, guess)[0].proposed == ""


def test_an_end_hands_over_with_what_was_answered() -> None:
    source = """
        workflow: wf
        title: Help
        slots: {what: {}, when: {optional: true}}
        steps: [collect: what, collect: when, end: {say: "Bye, {{what}}", hand_over: Support}]
    """
    state, lines = played(read(source), "*It* broke", Event("skip"))
    assert (state.status, state.handed_to) == ("completed", "Support")
    assert lines[-2:] == ["< Bye, *It* broke", "= **Help: summary**\n\n- **What:** *It* broke"]
    with pytest.raises(BrokenWorkflow, match="hand_over"):
        read(source.replace("hand_over: Support", "say: x").replace('say: "Bye, {{what}}", ', ""))


def test_an_option_that_contains_a_comma_can_be_chosen_alone() -> None:
    slot = Slot("needs", "multi", "What do you need?", ("Tea, coffee", "Lunch; warm", "Water"))
    assert slot.value("tea, coffee") == ["Tea, coffee"]
    assert slot.value(text_of(["Lunch; warm"])) == ["Lunch; warm"]
    assert slot.value("Tea, coffee\nWater") == ["Tea, coffee", "Water"]
    assert slot.value("water, 1") == ["Tea, coffee", "Water"]


def test_an_answer_holds_no_control_characters() -> None:
    slot = Slot("win", "text", "What went well?", most=10)
    assert slot.value("\x1bTwo\x07\n\tli\x9fnes\x00") == "Two\n\tlines"
    with pytest.raises(UnfitAnswer, match="Please answer"):
        slot.value("\x00 \x07")


OPTIONS = {"choice": {"options": ["a", "b"]}, "multi": {"options": ["a", "b"]}}
CONDITIONS = ("a == 1", "b in ['x', 'y']", "not c", "a > b", "steps.d == 'done'", "c == none")


def any_definition(random: Random) -> dict[str, object]:
    """Returns a random workflow of up to eight steps with arbitrary jumps."""
    ids = [f"s{place}" for place in range(random.randint(1, 8))]

    def ways() -> list[dict[str, str]]:
        found = [{"if": random.choice(CONDITIONS), "go": random.choice([*ids, "end"])} for _ in range(random.randint(1, 3))]
        return [*found, {"go": random.choice([*ids, "end"])}][: random.randint(1, 4)]

    def step(id: str) -> dict[str, object]:
        verb = random.choice(("collect", "collect", "say", "chat", "generate", "tool", "branch", "end"))
        value = random.choice("abc") if verb == "collect" else ways() if verb == "branch" else "{{a}} {{user.name}}"
        more = {"turns": random.randint(0, 2)} if verb == "chat" else {}
        value = "some-type" if verb == "generate" else value
        if verb == "tool":
            arguments = {"q": "{{b}}", "n": {"slot": "c"}, "all": [1, {"x": "{{a}}"}]}
            value, more = "search_web", {"arguments": arguments, "into": random.choice("abc"), "on_failure": ways()}
        on = {"next": ways()} if verb in ("say", "collect", "chat", "generate", "tool") and random.random() < 0.4 else {}
        return {"id": id, verb: value, **more, **on}

    def slot() -> dict[str, object]:
        kind = random.choice(tuple(TYPES))
        return {"type": kind, "optional": random.random() < 0.5, **OPTIONS.get(kind, {})}

    steps = [step(id) for id in [*ids, "d"]]
    return {"workflow": "any-one", "title": "Any", "slots": {name: slot() for name in "abc"}, "steps": steps}


# The number of valid definitions, each with random events.
RUNS = 10_000 if ROUNDS > 1 else 60
# After these events, whether sent or typed, an answer can be missing: withdrawn, skipped, or in a branch no longer taken.
TAKES_BACK = ("back", "skip", "change")


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_no_event_breaks_a_run_or_loses_an_answer_and_its_log_gives_its_state_again() -> None:
    random = Random(7)
    for definition in whole_definitions(random, RUNS):
        _is_played(definition, random)


def whole_definitions(random: Random, count: int) -> Iterator[Definition]:
    """Yields `count` valid definitions among random ones."""
    while count:
        try:
            definition = read(json.dumps(any_definition(random)))
        except BrokenWorkflow:
            continue
        count -= 1
        yield definition


def _is_played(definition: Definition, random: Random) -> None:
    state, log = apply(definition, RunState(), Event("begin"), ANN).state, [Event("begin")]
    for _ in range(25):
        event = Event(random.choice(KINDS), random.choice(ANSWERS), random.choice(["", *"abcd", state.step]))
        after = apply(definition, RunState.from_stored(json.loads(json.dumps(state.stored()))), event, ANN).state
        _is_sound(definition, after)
        is_taken_back = event.kind in TAKES_BACK or event.value in TAKES_BACK
        assert is_taken_back or set(state.slots) <= set(after.slots)
        log.append(event)
        state = after
    assert _replayed(definition, log) == state
    assert apply(definition, state, Event("cancel")).state.has_ended


def _replayed(definition: Definition, log: list[Event]) -> RunState:
    state = RunState()
    for event in log:
        state = apply(definition, state, event, ANN).state
    return state


def _is_sound(definition: Definition, state: RunState) -> None:
    ids = {step.id for step in definition.steps}
    assert state.status != "failed"
    assert {*state.outcomes, *state.kept, *state.trail, *state.said} <= ids
    assert set(state.slots) <= set(definition.slots)
    assert (state.step in ids) if not state.has_ended else state.step in {*ids, ""}
    assert state.due == (state.status == "running") or state.status == "paused"

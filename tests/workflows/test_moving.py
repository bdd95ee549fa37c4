"""A run that moves to another version stays at the step it is at, also if steps without a name have been renumbered."""

import pytest

from webapp.workflows.definition.definition import Definition
from webapp.workflows.definition.parsing import read
from webapp.workflows.running.interpreter import apply
from webapp.workflows.running.moving import moved, same_steps
from webapp.workflows.state import MODEL_ANSWERED, Event, RunState


def version(*steps: str) -> Definition:
    listed = "\n".join(f"  - {step}" for step in steps)
    return read(f"workflow: moves\ntitle: Moves\nslots:\n  win: {{type: text, ask: Win}}\nsteps:\n{listed}\n")


HELLO, WIN, PRAISE, ADVISE = "say: Hello", "collect: win", "{chat: Praise, turns: 1}", "{chat: Advise, turns: 1}"
OLD = version(HELLO, WIN, PRAISE, ADVISE)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((HELLO, WIN, PRAISE, ADVISE), {"say_1": "say_1", "win": "win", "chat_3": "chat_3", "chat_4": "chat_4"}),
        # A step is added above.
        ((HELLO, "say: New", WIN, PRAISE, ADVISE), {"say_1": "say_1", "win": "win", "chat_3": "chat_4", "chat_4": "chat_5"}),
        ((HELLO, WIN, "{chat: New}", PRAISE, ADVISE), {"say_1": "say_1", "win": "win", "chat_3": "chat_4", "chat_4": "chat_5"}),
        # A step is removed.
        ((HELLO, WIN, ADVISE), {"say_1": "say_1", "win": "win", "chat_4": "chat_3"}),
        # Their words are changed, also below a new step.
        (
            ("say: Hi", WIN, "{chat: Cheer}", "{chat: Help}"),
            {"say_1": "say_1", "win": "win", "chat_3": "chat_3", "chat_4": "chat_4"},
        ),
        (
            ("say: New", HELLO, WIN, "{chat: Cheer}", ADVISE),
            {"say_1": "say_2", "win": "win", "chat_3": "chat_4", "chat_4": "chat_5"},
        ),
        # It can be either of two.
        ((HELLO, WIN, "{chat: Cheer}", "{chat: Help}", "{chat: Aid}"), {"say_1": "say_1", "win": "win"}),
        # A named step is found by its name, wherever it is and whatever it says.
        ((WIN, HELLO, "{id: help, chat: Advise}", PRAISE), {"win": "win", "say_1": "say_2", "chat_3": "chat_4"}),
    ],
)
def test_steps_are_found_again_by_name_or_content(steps, expected):
    same = same_steps(OLD, version(*steps))
    assert {old: new for old, new in same.items() if old in expected} == expected
    assert set(same) == set(expected)


def test_a_run_goes_on_where_it_was():
    state = apply(OLD, apply(OLD, RunState(), Event("begin")).state, Event("answer", "I swam")).state
    state = apply(OLD, state, Event(MODEL_ANSWERED, "Great!", "chat_3")).state
    assert (state.step, state.trail) == ("chat_3", ("win", "chat_3"))
    new = version(HELLO, "say: New", WIN, PRAISE, "{chat: Other, turns: 1}", ADVISE)
    there = moved(state, same_steps(OLD, new), new.slots)
    assert (there.step, there.trail, dict(there.slots)) == ("chat_4", ("win", "chat_4"), {"win": "I swam"})
    assert set(there.outcomes) == {"say_1", "win"}
    assert apply(new, there, Event("skip")).state.step == "chat_5"

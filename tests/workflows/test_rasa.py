"""Flows of Rasa are translated into workflows, with a report of what has no equivalent."""

import io
from pathlib import Path

import pytest
from flask import Flask

from tests.support.browser import Browser
from tests.support.speed import takes_at_most
from tests.support.turns import turns_of_the_loop
from tests.workflows.test_interpreter import played
from webapp.base.heavy.threads import offload
from webapp.guests.rasa import MOST_READ, MOST_WAYS, TOO_LONG, TOO_MANY_WAYS, imported, is_rasa, translated
from webapp.workflows.definition import conditions
from webapp.workflows.definition.parsing import read

FLOWS = """
flows:
  lend_book:
    name: lend a book
    description: give a book to a reader
    nlu_trigger: [{intent: {name: lend}}]
    steps:
      - collect: book
      - collect: days
        rejections: [{if: slots.days > 90, utter: utter_too_long}]
      - action: action_look_at_shelf
        next:
          - if: not slots.on_shelf
            then:
              - action: utter_gone
              - set_slots: [{book: null}]
                next: END
          - else: confirm
      - id: confirm
        collect: sure
        next:
          - if: slots.sure is not True
            then: [{action: utter_as_you_like, next: END}]
          - if: slots.kind = "fee" and context.is_late
            then: END
          - else: ask_card
      - id: ask_card
        call: card
      - action: utter_lent
  card:
    steps:
      - collect: number
        next: [{if: slots.kind is "guest", then: END}, {else: [{set_slots: [{kind: fee}]}, {link: farewell}]}]
  farewell:
    steps:
      - noop: true
        next: [{if: slots.days contains "x", then: END}, {else: said}]
      - id: said
        action: utter_bye
"""
DOMAIN = """
version: "3.1"
slots:
  days: {type: float}
  on_shelf: {type: bool}
  sure: {type: bool}
  kind: {type: categorical, values: [fee, guest]}
responses:
  utter_ask_book: [{text: "Which book?"}]
  utter_ask_sure: [{text: "Lend {book} for {days} days, {reader}?"}]
  utter_gone: [{text: "{book} is gone."}]
"""
CONDITIONS = {
    "slots.a = 'x'": "a == 'x'",
    'slots.a is not "is = x"': 'a != "is = x"',
    "not slots.b and slots.a is null": "not b and a == none",
    "slots.a contains 'x'": "'x' in a",
    "slots.n >= 3": "n >= 3",
}


def test_flows_become_workflows_that_run_and_the_rest_is_named() -> None:
    assert is_rasa(FLOWS)
    assert is_rasa(DOMAIN)
    assert not is_rasa(Path("webapp/workflows/shipped/weekly-checkin.yaml").read_text("utf-8"))
    lend, card, farewell = imported([DOMAIN, FLOWS])
    definition = read(lend.source)
    assert (definition.slug, definition.title) == ("lend-book", "Lend a book")
    assert definition.slots["sure"].ask == "Lend {{book}} for {{days}} days, …?"
    assert (lend.mapped, lend.steps) == (13, 14)
    assert set(lend.notes) >= {
        "“nlu_trigger” of the flow",
        "“rejections” of collect days",
        "action action_look_at_shelf",
        "the text of utter_bye",
    }
    state, lines = played(definition, "Emma", "14")
    assert (state.status, lines[-1], "book" in state.slots) == ("completed", "< Emma is gone.", False)
    for flow in (card, farewell):
        read(flow.source)


def test_a_flow_that_calls_itself_ends() -> None:
    (flow,) = imported(["flows: {again: {steps: [{collect: a}, {call: again}]}}"])
    assert len(read(flow.source).steps) < 100
    assert "call again" in flow.notes


@pytest.mark.slow
def test_flows_that_call_each_other_many_times_take_no_time() -> None:
    names = [f"f{number}" for number in range(12)]
    calls = ", ".join(f"{{call: {name}}}" for name in names)
    found = list(imported(["flows: {" + ", ".join(f"{name}: {{steps: [{{collect: a}}, {calls}]}}" for name in names) + "}"]))
    assert len(found) == 12
    assert all(len(flow.source) < 60_000 for flow in found)


@pytest.mark.parametrize("written", CONDITIONS)
def test_conditions_are_translated(written: str) -> None:
    assert translated(written, {"a", "b", "n"}) == CONDITIONS[written]


@pytest.mark.parametrize("written", ["context.is_late", "slots.a matches '.*'", "slots.z", "a ="])
def test_what_has_no_counterpart_is_refused(written: str) -> None:
    with pytest.raises(conditions.BadCondition):
        translated(written, {"a"})


def test_a_condition_of_one_endless_word_takes_no_time() -> None:
    # It used to take half a minute.
    with takes_at_most(5), pytest.raises(conditions.BadCondition):
        translated("a" * 60_000, {"a"})


@pytest.mark.slow
def test_of_a_step_that_leads_to_hundreds_of_places_the_first_are_read() -> None:
    ways = ", ".join("{if: slots.a > 1, then: END}" for _ in range(300))
    calls = ", ".join("{call: called}" for _ in range(100))
    found = list(imported([f"flows: {{called: {{steps: [{{collect: a, next: [{ways}]}}]}}, calls: {{steps: [{calls}]}}}}"]))
    assert all(TOO_MANY_WAYS in flow.notes and flow.source.count("if: ") <= MOST_WAYS * MOST_READ for flow in found)
    assert len(read(found[0].source).steps[0].transitions) == MOST_WAYS + 1


@pytest.mark.slow
def test_they_are_brought_in_by_the_page_and_by_the_command(app: Flask, owner: Browser, tmp_path: Path) -> None:
    files = [(io.BytesIO(text.encode()), name) for text, name in ((FLOWS, "flows.yml"), (DOMAIN, "domain.yml"))]
    page = owner.post("/workflows", source="", file=files)
    assert page.says("13 of 14 steps, saved as a draft")
    assert page.says("action action_look_at_shelf")
    assert owner.page("/workflows/lend-book/edit").all(".picture rect")
    (tmp_path / "flows.yml").write_text(FLOWS, "utf-8")
    call, file = app.test_cli_runner().invoke, str(tmp_path / "flows.yml")
    assert "not saved: “lend-book” has a draft" in call(args=["workflow", "import", file]).output
    found = call(args=["workflow", "import", "--replace", file])
    assert "lend-book: 13 of 14 steps, saved as a draft" in found.output
    assert "3 flows, " in found.output


@pytest.mark.slow
def test_a_flow_that_is_far_too_long_is_read_no_further_than_a_workflow_may_be_long() -> None:
    sources = [_chained(number, count=8) for number in range(8)]
    found = list(imported(sources))
    assert all(flow.steps <= MOST_READ and TOO_LONG in flow.notes for flow in found)
    assert all(len(flow.source) < 60_000 for flow in found)


def _chained(number: int, *, count: int) -> str:
    """Returns a flow that calls the next, with a thousand steps and as many slots."""
    steps = "".join(f"    - collect: a{place}\n" for place in range(1_000))
    return f"flows:\n  f{number}:\n    steps:\n    - call: f{(number + 1) % count}\n{steps}"


def test_others_go_on_while_texts_are_read() -> None:
    text = "flows: {again: {steps: [{collect: a}]}}"
    with turns_of_the_loop() as turn:
        began = turn()
        assert [source for source in (text, "- not this") if offload(is_rasa, source)] == [text]
        assert turn() > began

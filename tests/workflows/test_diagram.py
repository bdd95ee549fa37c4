"""The diagram of a workflow: contains every step and every transition, labeled as in the definition."""

from pathlib import Path

import pytest

from tests.support.browser import Browser
from webapp.workflows.definition.parsing import read
from webapp.workflows.editor.diagram import BOX, HIGH, LEFT, diagram_of

CHECKIN = read(Path("webapp/workflows/shipped/weekly-checkin.yaml").read_text("utf-8"))
ROUND = """
workflow: ring
title: Round and round
slots: {again: {type: yes/no}}
steps:
  - id: hello
    say: Hello
  - collect: again
    next: [{if: again, go: hello}, {if: not again, go: end}]
"""


def test_every_step_and_every_way_is_drawn_and_told() -> None:
    sentences = [f"Step {number}." for number in range(len(CHECKIN.steps))]
    drawn = diagram_of(CHECKIN, sentences)
    assert [box.name for box in drawn.boxes] == [step.id for step in CHECKIN.steps]
    assert [box.sentence for box in drawn.boxes] == [step.sentence for step in drawn.steps] == sentences
    assert len(drawn.connectors) == sum(len(step.exits) for step in CHECKIN.steps)
    assert [connector.label for connector in drawn.connectors if connector.label] == [
        "if “low”",
        "else",
        "if “0”",
        "else",
    ]
    assert drawn.steps[1].exits == ("if “low”: step 3", "else: step 4")
    assert all(box.x >= 0 and box.x + BOX <= drawn.left + drawn.width and box.y + HIGH <= drawn.height for box in drawn.boxes)


def test_ways_back_are_on_the_left_and_an_unwritten_end_has_its_box() -> None:
    drawn = diagram_of(read(ROUND))
    assert drawn.boxes[-1].sentence == "The workflow is over"
    back = next(connector for connector in drawn.connectors if connector.side == "left")
    assert back.x < LEFT
    assert drawn.steps[-1].exits == ("if yes: step 1", "if no: the end", "else: the end")


@pytest.mark.slow
def test_a_hundred_steps_that_lead_everywhere_stay_within_their_frame() -> None:
    ways = ", ".join(f"{{if: n == {place}, go: s{place}}}" for place in range(1, 60, 8))
    steps = "".join(f"  - {{id: s{place}, collect: n, next: [{ways}]}}\n" for place in range(1, 60))
    top = "workflow: web\ntitle: Web\nslots: {n: {type: number}}\nsteps:\n  - {id: s0, collect: n}\n"
    drawn = diagram_of(read(top + steps))
    numbers = [float(word.strip("MHV")) for line in drawn.connectors for word in line.path.split()]
    assert max(numbers) <= max(drawn.width, drawn.height)
    assert min(numbers) >= 0


@pytest.mark.slow
def test_the_editor_shows_it(owner: Browser) -> None:
    page = owner.page("/workflows/weekly-checkin/edit")
    assert len(page.all(".picture rect")) == len(CHECKIN.steps)
    assert page.all("svg[aria-describedby=picture-words]")
    assert page.says("As text")

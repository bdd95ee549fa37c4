"""The diagram of a workflow: contains every step and every transition, labeled as in the definition."""

from pathlib import Path

import pytest

from tests.support.browser import Browser
from webapp.workflows.definition.parsing import read
from webapp.workflows.editor.diagram import BOX, LEFT, Exit, diagram_of

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
    sentences = [f"Does {number}." for number in range(len(CHECKIN.steps))]
    drawn = diagram_of(CHECKIN, sentences)
    assert [box.sentence for box in drawn.boxes] == [f"{number}. {said}" for number, said in enumerate(sentences, 1)]
    assert len(drawn.connectors) == sum(len(step.exits) for step in CHECKIN.steps)
    assert [connector.label for connector in drawn.connectors if connector.label] == ["if “low”", "else", "if 0", "else"]
    assert drawn.exits[1] == (Exit("if “low”", 3, "Does 2.", is_next=True), Exit("else", 4, "Does 3.", is_next=False))
    edges = [(box.x, box.x + BOX, box.y + box.height) for box in drawn.boxes]
    assert all(x >= drawn.left and right <= drawn.left + drawn.width and bottom <= drawn.height for x, right, bottom in edges)


def test_ways_back_are_on_the_left_and_an_unwritten_end_has_its_box() -> None:
    drawn = diagram_of(read(ROUND))
    assert drawn.boxes[-1].sentence == "End"
    back = next(connector for connector in drawn.connectors if connector.side == "left")
    assert back.edge < LEFT
    # Two ways to one place are one.
    assert drawn.exits[-1] == (Exit("if yes", 1, "Says", is_next=False), Exit("if no, else", 0, "", is_next=True))


CONDITIONS = {
    'kind == "tea"': "if “tea”",
    "kind != 'tea'": "if not “tea”",
    "cups >= 2": "if at least 2 (‘How many cups do you drink?’)",
    'kind == "tea" and cups < 2': "if “tea” and less than 2 (‘How many cups do you drink?’)",
    "milk": "if yes (‘Milk?’)",
    "not milk": "if no (‘Milk?’)",
    "not cups": "if skipped (‘How many cups do you drink?’)",
    # Others stay as they are written.
    'kind == "tea" or milk': 'if kind == "tea" or milk',
    "1 < cups < 3": "if 1 < cups < 3",
}
TEA = """
workflow: tea
title: Tea
slots:
  cups: {{type: number, ask: "How many cups do you drink?", optional: true}}
  milk: {{type: yes/no, ask: "Milk?"}}
  kind: {{type: text, ask: "Which?"}}
steps:
  - collect: cups
  - collect: milk
  - collect: kind
    next:
      - if: '{condition}'
        go: end
      - go: said
  - id: said
    say: Bye.
"""


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_is_told_in_words(condition: str) -> None:
    drawn = diagram_of(read(TEA.format(condition=condition.replace("'", "''"))))
    assert drawn.exits[2][0].condition == CONDITIONS[condition]
    # A label in a box fits into it.
    assert all(len(connector.label) <= 34 for connector in drawn.connectors)


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
    # What it shows is told at the steps.
    ways = [" ".join(way.text().split()) for way in page.all("#step-2 .card__ways li")]
    assert ways == ["if “low” the next step", "else step 4 · Asks you “What went well?”"]
    assert page.all('#step-2 a[href="#step-4"]')

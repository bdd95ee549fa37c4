"""A prompt, workflow or plan type that expands from a few characters does not delay the answers of other users."""

import json
from collections.abc import Iterator
from itertools import pairwise, product

import pytest

from tests.attacks.scene import Scene, opened
from tests.support.bystander import bystander
from tests.support.person import Reply
from tests.upstream.handle import Upstream
from webapp.plans.types import service as plan_type_service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

# A request for one of them must not parse all of these again.
MANY = 80
HEAD = "workflow: {name}\ntitle: {name}\nabout: It repeats.\nslots: {{a: {{type: text}}}}\nsteps:\n- collect: a\n"
MONTHLY = (plan_type_service.FOLDER / "monthly.yaml").read_text("utf-8")


@pytest.fixture(scope="module")
def scene(fake_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with opened(tmp_path_factory.mktemp("definitions"), fake_process) as scene:
        yield scene


def alike(count: int) -> list[str]:
    """Returns names of forty characters that are all similar to each other."""
    letters = ["".join(combination) for combination in product("abc", repeat=7)][:count]
    return [f"s{'abcacbabc' * 4}"[:33] + letter for letter in letters]


def misspelt() -> str:
    """Defines a hundred steps that refer to nine hundred unknown names, each similar to theirs."""
    ids, wrong = alike(1000)[:100], alike(1000)[100:]
    ways = [wrong[start : start + 9] for start in range(0, 900, 9)]
    said = ("".join(f"  - go: {go}\n" for go in way) for way in ways)
    steps = [f"- id: {id}\n  say: a\n  next:\n{lines}" for id, lines in zip(ids, said, strict=True)]
    return HEAD.format(name="misspelt") + "".join(steps)


def long(name: str) -> str:
    """Defines as many transitions as a workflow can have, each with as many conditions as it can have."""
    ids = [f"s{number}" for number in range(97)]
    condition = " or ".join(["a == 'x'"] * 5)
    steps = [f"- id: {id}\n  say: a\n  next:\n" + f'  - {{if: "{condition}", go: {go}}}\n' * 5 for id, go in pairwise(ids)]
    return HEAD.format(name=name) + "".join(steps) + "- id: s96\n  end: a\n"


def save(scene: Scene, source: str) -> Reply:
    return scene.owner.post("/workflows", source=source)


def test_a_definition_in_which_nearly_every_name_is_wrong(scene: Scene, fake: Upstream) -> None:
    with bystander(scene.server, fake, person=scene.owner):
        assert save(scene, misspelt()).status == 422


@pytest.mark.deep
def test_more_workflows_and_plan_types_than_are_looked_at_every_day(scene: Scene, fake: Upstream) -> None:
    with bystander(scene.server, fake, person=scene.owner):
        for number in range(MANY):
            assert save(scene, long(f"long-{number}")).status == 303
            text = MONTHLY.replace("title:", f"# {'x' * 20_000} {number}\ntitle:", 1)
            assert scene.owner.post("/admin/plan-types", slug=f"long-{number}", source=text).status == 303
        for path in ("/workflows", "/plans/new", "/admin/plan-types", "/workflows"):
            scene.owner.page(path)
        assert scene.members[0].post("/workflows/weekly-reflection/runs").status in (303, 404)


def test_a_prompt_that_repeats_what_it_is_filled_with(scene: Scene, fake: Upstream) -> None:
    text = "{{a}}" * 1_000
    made = scene.members[0].post("/prompts", key="again", name="All", text=text)
    assert made.status == 303, made.text
    with bystander(scene.server, fake, person=scene.owner):
        filled = scene.members[0].post("/prompts/again/fill", **{"field-a": "x" * 20_000})

    assert filled.status == 422
    assert "Use shorter texts" in filled.text


def test_a_workflow_that_repeats_an_answer(scene: Scene, fake: Upstream) -> None:
    source = HEAD.format(name="again") + f'- say: "{"{{a}}" * 750}"\n' * 3 + "- end: a\n"
    assert save(scene, source).status == 303
    assert scene.owner.post("/workflows", source=source, slug="again", publish="1", note="").status == 303
    chat = scene.members[0].post("/workflows/again/runs").location
    run = scene.server.rows("SELECT id FROM workflow_runs ORDER BY created_at DESC LIMIT 1")[0][0]
    with bystander(scene.server, fake, person=scene.owner):
        assert scene.members[0].post(f"/runs/{run}/answer", value="*a_ [x](y) " * 350).status == 303
        page = scene.members[0].page(chat)

    assert len(page.text) < 500_000
    assert json.loads(scene.server.rows("SELECT state FROM workflow_runs WHERE id = ?", run)[0][0])["status"] == "completed"

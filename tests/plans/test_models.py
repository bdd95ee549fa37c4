"""Plans by real servers: what they are sent, which constraints they support, and the mistakes they can make."""

import json
from typing import Any

import pytest

from tests.plans.conftest import LorebookEditor
from tests.support.browser import Browser
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from webapp.models.providers.base import ModelRequest, Turn
from webapp.models.providers.openai import body, models_of
from webapp.models.providers.openrouter import OpenRouterProvider
from webapp.models.upstream import Upstream as Outgoing
from webapp.people.accounts import service as accounts
from webapp.plans.types import service as plan_type_service
from webapp.plans.types.service import FOLDER
from webapp.plans.writing import service
from webapp.plans.writing.model_requests import MOST_CHARS

__all__ = ["app"]
EXAMPLE = plan_type_service.parsed("monthly", (FOLDER / "monthly.yaml").read_text("utf-8")).example or {}
TEXT = json.dumps(EXAMPLE, ensure_ascii=False)
# The elements missing from a plan that was cut in the third week.
REST = {
    "weeks.2": EXAMPLE["weeks"][2],
    "weeks.3": EXAMPLE["weeks"][3],
    "risks": EXAMPLE["risks"],
    "first_step": EXAMPLE["first_step"],
}
WAYS = ["Finish it", "Finish without streaming", "Keep as is", "Start over"]
HELD = ModelRequest("some/model", (Turn("user", "Plan"),), schema='{"type": "object"}')


def browser_of(desk: LorebookEditor) -> Browser:
    with desk.app.app_context():
        secret = accounts.open_session(desk.owner_id, "a browser of the tests")
    browser = Browser(desk.app)
    browser.client.set_cookie("millrace", secret, httponly=True)
    return browser


def asked(fake: Upstream) -> list[dict[str, Any]]:
    return [entry["body"] for entry in fake.log() if entry["path"].endswith("/chat/completions")]


def test_the_schema_is_in_the_prompt_of_every_model(desk: LorebookEditor, fake: Upstream) -> None:
    fake.says(TEXT)
    assert desk.made(model="some/model").content == EXAMPLE
    (sent,) = asked(fake)
    system, user = (turn["content"] for turn in sent["messages"])
    assert '"monthly_summary"' in system
    assert "x-view" not in system
    assert "Finish the shelf" in user
    assert sent["max_tokens"] == 4000
    assert "response_format" not in sent


def test_a_model_that_can_be_held_to_a_schema_is() -> None:
    (able,) = models_of([{"id": "a", "supported_parameters": ["structured_outputs"]}])
    (unable,) = models_of([{"id": "b", "supported_parameters": ["tools"]}])
    assert (able.takes_schema, unable.takes_schema) == (True, False)
    held = body(HELD, "instruct", is_streamed=True)["response_format"]
    assert held == {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": {"type": "object"}}}


def test_openrouter_heals_what_is_asked_for_in_one_piece(outgoing: Outgoing) -> None:
    provider = OpenRouterProvider("key", outgoing)
    assert provider.body(HELD, is_streamed=False)["plugins"] == [{"id": "response-healing"}]
    assert "plugins" not in provider.body(HELD, is_streamed=True)


def test_a_plan_that_a_limit_has_cut_is_partial_and_is_not_asked_for_again(desk: LorebookEditor, fake: Upstream) -> None:
    fake.says(TEXT[: TEXT.index("Before the frost")], finish="length")
    plan = desk.made(model="some/model")
    assert (plan.status, plan.error_code, len(plan.content["weeks"])) == ("partial", "token_limit", 2)
    assert len(asked(fake)) == 1

    fake.says(json.dumps({**REST, "weeks.0": EXAMPLE["weeks"][3], "title": "Another"}))
    with desk.at(plan.id) as stored:
        service.finish_it(stored)
    assert desk.ended(plan.id).content == EXAMPLE
    assert "weeks.2, weeks.3, risks, first_step" in asked(fake)[-1]["messages"][-1]["content"]


@pytest.mark.slow
def test_what_is_wrong_is_asked_for_once_with_the_faults_and_no_freedom(desk: LorebookEditor, fake: Upstream) -> None:
    wrong = {**EXAMPLE, "risks": "Rain", "weeks": [{**week, "milestone": 4} for week in EXAMPLE["weeks"]]}
    fake.says(json.dumps({"risks": EXAMPLE["risks"]}))
    fake.behaves([{"says": json.dumps(wrong)}])
    plan = desk.made(model="some/model")
    first, second = asked(fake)
    assert second["temperature"] == 0
    assert "weeks.0.milestone: It must be text." in second["messages"][-1]["content"]
    assert "risks: It must be a list." in second["messages"][-1]["content"]
    assert first["messages"][0] != second["messages"][0]
    assert (plan.status, plan.error_code) == ("partial", "invalid")
    assert "Missing or wrong: " in plan.error
    page = browser_of(desk).page(f"/plans/{plan.id}")
    assert page.says("missing or wrong: the model was asked for those alone.")
    assert plan.content == {name: EXAMPLE[name] for name in ("title", "monthly_summary", "risks", "first_step")} | {"weeks": []}
    assert [attempt["how"] for attempt in desk.generation(plan.id).attempts] == ["asked", "kept"]


def test_words_that_are_no_plan_fail_and_cost_nothing(desk: LorebookEditor, fake: Upstream) -> None:
    desk.set("limits.plans_per_month", "1")
    fake.says("I would rather not.")
    plan = desk.made(model="some/model")
    assert (plan.status, plan.error_code, plan.content, plan.unit_month) == ("failed", "invalid", {}, "")
    strip = browser_of(desk).page(f"/plans/{plan.id}").one(".strip")
    assert "The reply wasn't in a plan format." in strip.text()
    assert [button.text().strip() for button in strip.css("button")] == ["Start over"]
    assert browser_of(desk).page(f"/plans/{plan.id}").named("a", "Edit request")
    fake.says(TEXT)
    with desk.at(plan.id) as stored:
        service.finish_it(stored)
    assert desk.ended(plan.id).content == EXAMPLE


def test_what_a_broken_stream_left_is_had_in_one_piece(desk: LorebookEditor, fake: Upstream) -> None:
    start = TEXT[: TEXT.index("Before the frost")]
    fake.always({"tokens": [start], "finish": None})
    plan = desk.made(model="some/model")
    assert (plan.status, plan.error_code) == ("partial", "cut")
    planner = browser_of(desk)
    strip = planner.page(f"/plans/{plan.id}").one(".strip")
    assert [button.text().strip() for button in strip.css("button")] == WAYS

    fake.says(json.dumps(REST))
    assert planner.post(f"/plans/{plan.id}/finish", stream="no").status_code == 303
    assert desk.ended(plan.id).content == EXAMPLE
    assert not asked(fake)[-1].get("stream")
    assert all(body["stream"] for body in asked(fake)[:-1])


@pytest.mark.slow
def test_a_plan_that_never_began_is_had_in_one_piece(desk: LorebookEditor, fake: Upstream) -> None:
    fake.says("I would rather not.")
    plan = desk.made(model="some/model")
    fake.says(TEXT)
    with desk.at(plan.id) as stored:
        service.finish_it(stored, is_whole=True)
    assert desk.ended(plan.id).content == EXAMPLE
    assert not asked(fake)[-1].get("stream")


def test_a_flood_ends_at_its_longest(desk: LorebookEditor, fake: Upstream) -> None:
    fake.says("", tokens=['{"title": "Long", "monthly_summary": "', *["water " * 2000] * 40])
    plan = desk.made(model="some/model")
    assert (plan.status, plan.content) == ("partial", {"title": "Long"})
    assert len(plan.partial_content or "") <= MOST_CHARS

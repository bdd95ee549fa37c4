"""Choosing a model: favorites and recent ones first, grouped by connection, searchable, paginated."""

import sys
from datetime import timedelta

import pytest

from tests.chat.conftest import asked, ended, ended_with
from tests.support.browser import HTMX
from tests.support.markup import words
from webapp.base.db import utc_now, write
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.models.connections import model_marks
from webapp.models.connections.cache import the_connections
from webapp.models.connections.model_marks import Marks
from webapp.models.connections.models import the_models
from webapp.settings.service import set_setting
from webapp.workspace.page import picker_views

GREAT = {
    "id": "maker/great",
    "name": "Great",
    "context_length": 200_000,
    "pricing": {"prompt": "0.000003", "completion": "0.000015"},
    "supported_parameters": ["tools", "reasoning", "structured_outputs"],
    "architecture": {"input_modalities": ["text", "image"]},
}
LISTED = [GREAT, *({"id": f"other/m{number}", "name": f"Other {number:03}"} for number in range(100))]


@pytest.fixture
def listed(app, owner, fake):
    """The owner, with a list of many models."""
    fake.always({"json": {"data": LISTED}}, at="/models")
    owner.page("/admin/models").press("Refresh")
    return owner


def names(page) -> list[str]:
    return [node.text() for node in page.all(".models__name")]


def groups(page) -> list[str]:
    return [node.text() for node in page.all(".models__group")]


def test_it_says_what_is_known_of_a_model(listed):
    (row,) = listed.page("/models?q=great").all(".models__row")

    assert row.css_first(".models__facts").text() == "Pictures · Reasoning · Tools · 200K context · about 1 cent an answer"
    assert row.css_first("a").attributes["href"] == "/?model=maker/great"


@pytest.mark.slow
def test_favorites_and_recent_ones_come_first(listed):
    page = listed.page("/models?q=great").press("Favorite: Great")
    listed.submit("/", message="Hello", model="other/m7")

    assert page.one("[aria-pressed=true]").attributes["value"] == ""
    page = listed.page("/models")
    assert groups(page) == ["Favorites", "Recent", "Maker", "Other"]
    assert names(page)[:2] == ["Great", "Other 007"]
    listed.htmx_post("/models/star", model="maker/great")
    assert groups(listed.page("/models"))[0] == "Recent"


@pytest.mark.slow
def test_a_long_list_comes_in_pages(listed):
    page = listed.page("/models")
    count, headings = len(names(page)), groups(page)
    while page.has("a", "More models"):
        page = page.click("More models")
        count += len(names(page))
        headings += groups(page)

    assert count == 102
    assert headings == ["Maker", "Other", "Some"]
    assert len(listed.page("/").all("#composer-model option")) <= 41


def test_what_was_chosen_is_remembered(app, listed, fake):
    fake.says("One")
    listed.submit("/", message="Hello", model="other/m50")

    assert listed.page("/").one("#composer-model option[selected]").text() == "Other 050"
    with app.app_context():
        assert model_marks.for_person(listed.person_id).recent == ("other/m50",)
    other = listed.page("/?model=other/m9")
    assert other.one("#composer-model option[selected]").text() == "Other 009"


@pytest.mark.slow
def test_a_chat_is_led_to_another_model(listed, answered, fake):
    fake.says("One")
    path = answered(listed, "First")
    link = listed.page(f"/models?chat={path.partition('#')[0].rpartition('/')[2]}&q=m33").one(".models__row a")
    page = listed.page(link.attributes["href"])

    assert page.one("#composer-model option[selected]").text() == "Other 033"
    fake.says("Two")
    page.press("Send", message="Second", model="other/m33")
    listed.wait_for(path, ended_with(4))
    assert asked(fake)[-1]["body"]["model"] == "other/m33"


def test_only_a_few_recent_ones_are_kept(app, owner):
    with app.app_context():
        for number in range(8):
            model_marks.choose(owner.person_id, f"m{number}")
        assert model_marks.for_person(owner.person_id).recent == ("m7", "m6", "m5", "m4", "m3")


def test_stars_are_ones_own_and_of_models_there_are(listed, member):
    listed.post("/models/star", model="maker/great", is_favorite="y")

    assert "Favorites" not in groups(member.page("/models"))
    assert listed.post("/models/star", model="not/there", is_favorite="y", headers=HTMX).status_code == 422


def test_only_allowed_models_are_listed(app, listed):
    with app.app_context():
        set_setting("models.allowed", "maker/great")
        the_connections().forget()

    assert names(listed.page("/models")) == ["Great"]
    assert listed.page("/models?q=nothing").says("No models match.")


@pytest.mark.slow
def test_a_model_has_its_name_wherever_it_is_told(listed, fake):
    fake.says("One", model="maker/great")
    path = listed.submit("/", message="Hello", model="maker/great").path
    page = listed.wait_for(path, ended)

    assert words(page.one("article[data-role=assistant] .receipt p").text()).startswith("Great · ")
    assert page.one("[data-chosen]").text() == "Great"
    told = {path: listed.page(path).text for path in ("/insights", "/insights/answers", "/admin/usage")}
    assert [path for path, text in told.items() if ">Great<" not in text or ">maker/great<" in text] == []


def test_whose_a_model_is_is_asked_for_a_page_of_them(app, listed):
    asked_of = []

    def note(frame, event, _arg):
        if event == "call" and frame.f_code is type(known).of_model.__code__:
            asked_of.append(frame.f_locals["model"])

    with app.app_context():
        known = the_connections()
        sys.setprofile(note)
        try:
            page = picker_views.models(Marks())
        finally:
            sys.setprofile(None)
        assert len(the_models().listed()) > 100

    assert (len(page.rows), len(asked_of)) == (picker_views.PAGE, picker_views.PAGE)


def test_the_list_marks_the_model_in_use_and_names_of_a_group_do_not_repeat_it(listed, app):
    with app.app_context():
        set_setting("demo.fallback", "always")
    path = listed.submit("/", message="Hello", model="maker/great").path
    page = listed.page(f"/models?chat={path.rpartition('/')[2]}")
    assert {element.attributes["data-model"] for element in page.all(".models [aria-current]")} == {"maker/great"}
    assert page.all(".models [aria-current] .models__facts")[0].text().startswith("in use · ")
    assert "Quick" in names(listed.page("/models?q=demo"))
    assert not listed.page("/models").all(".models [aria-current]")


def test_it_is_found_by_maker_and_by_what_it_can_do(listed):
    assert names(listed.page("/models?q=pictures")) == ["Great"]
    assert names(listed.page("/models?q=thinking+maker")) == ["Great"]
    assert names(listed.page("/models?q=maker/great")) == ["Great"]
    assert len(names(listed.page("/models?q=other"))) == 40


def test_a_new_chat_says_that_its_model_cannot_use_the_tools(owner, fake):
    limited = {**GREAT, "id": "maker/limited", "name": "Limited", "supported_parameters": ["reasoning"]}
    fake.always({"json": {"data": [GREAT, limited]}}, at="/models")
    owner.page("/admin/models").press("Refresh")

    assert owner.page("/?model=maker/limited").one("#new-tools .notice").text().startswith("Limited can't use tools.")
    assert not owner.page("/?model=maker/great").all("#new-tools .notice")


def test_figures_are_in_the_details_without_scripts(listed, fake):
    (row,) = listed.page("/models?q=great").all(".models__row")
    exact = {node.css_first("dt").text(): node.css_first("dd").text() for node in row.css("dl > div")}

    assert exact == {
        "Id": "maker/great",
        "Maker": "Maker",
        "Connection": fake.host,
        "Price": "$3 in, $15 out per million tokens",
        "Context": "200,000 tokens",
        "Also supports": "JSON",
    }
    assert row.css_first(".maker").attributes["data-letters"] == "M"


def test_a_paused_model_says_so(app, listed):
    with app.app_context():
        for _ in range(5):
            the_engine().circuits.failed("maker/great", "error")

    (row,) = listed.page("/models?q=great").all(".models__row")
    assert row.css_first(".models__state").text().startswith("paused for ")


def test_a_slow_model_says_so(app, listed):
    at = utc_now() - timedelta(minutes=5)
    with app.app_context(), write() as session:
        for number in range(3):
            values = {"kind": "chat", "lane": f"lane-{number}", "status": "completed", "owner": "x", "created_at": at}
            session.add(Generation(**values, model_asked="maker/great", first_text_at=at + timedelta(seconds=21)))

    (row,) = listed.page("/models?q=great").all(".models__row")
    assert row.css_first(".models__state").text() == "slow now: answers start after about 21 s"
    assert not listed.page("/models?q=other+001").all(".models__state")

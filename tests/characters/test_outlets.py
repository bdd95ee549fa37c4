"""Lorebook entries that are sent only where another text refers to their outlet."""

import json
from typing import Any

import pytest

from tests.characters.card_samples import as_json, bring
from tests.characters.lore.test_pages import as_file, bring as bring_book
from tests.chat.conftest import ended
from webapp.characters.macros.macros import Names


def entry(name: str, content: str, order: int, outlet: str, **more: Any) -> dict[str, Any]:
    extensions = {"position": 7, "outlet_name": outlet}
    return {"keys": ["rye"], "name": name, "content": content, "insertion_order": order, "extensions": extensions, **more}


BOOK = {
    "name": "The valley",
    "entries": [
        entry("Late", "Rye blooms late.", 2, "Fields"),
        entry("Rye", "{{char}} sells rye.", 1, "Fields"),
        entry("Unasked", "Nobody asks.", 3, ""),
        entry("Always", "It rains. {{outlet::Sky}}", 4, "Sky", keys=[], constant=True),
    ],
}


@pytest.fixture
def chat(member, fake) -> str:
    data: dict[str, Any] = {"name": "Mara", "description": "Mara. {{outlet::Fields}}|{{outlet::fields}}", "first_mes": ""}
    card = {"spec": "chara_card_v2", "data": {**data, "character_book": BOOK}}
    brought = bring(member, ("mara.json", as_json(card)))
    fake.says("Aye.")
    return member.page(brought.link("Mara").attributes["href"] or "").press("Chat with Mara").path


@pytest.mark.slow
def test_they_stand_where_a_text_asks_for_them_and_nowhere_else(chat, member, say):
    assert say(chat, "Hello {{outlet::Sky}}") == [("system", "Mara. |"), ("user", "Hello {{outlet::Sky}}")]
    assert say(chat, "Rye?")[0] == ("system", "Mara. Mara sells rye.\nRye blooms late.|")
    page = member.wait_for(chat, ended)
    links = [str(node.attributes["href"]) for node in page.all("article a") if node.text(strip=True) == "What was sent"]
    sent = member.page(links[-1])
    assert "from Mara, Lorebook The valley: Rye, Lorebook The valley: Late" in sent.text
    assert not sent.says("Always")

    member.submit(f"{chat}/prompts", post_prompt="{{if {{outlet::Sky}}}}Wet: {{outlet::Sky}}{{/if}}")
    assert ("system", "Wet: It rains. {{outlet::Sky}}") in say(chat, "And now?")


def test_an_outlet_is_put_in_once_inside_itself():
    names = Names("Jo", "Bo", outlet={"a": "{{user}} {{outlet::a}} {{outlet::b}}", "b": "{{outlet::a}}"}.get)
    assert names.fill("{{outlet:: a }}{{outlet::c}}{{outlet}}") == "Jo {{outlet::a}} {{outlet::a}}{{outlet::c}}{{outlet}}"


@pytest.fixture
def world(member):
    """Imports a World Info file with one entry and returns the lorebook's page."""

    def world(**entry: Any):
        return bring_book(member, as_file({"entries": {"0": {"key": ["rye"], "content": "Dear.", **entry}}}))

    return world


def exported(member, page):
    return json.loads(member.get(f"{page.path}/export").text)["entries"]["0"]


@pytest.mark.slow
def test_they_are_changed_on_the_page_of_an_entry_and_go_out_again(member, world):
    page = world(position=7, outletName="weather")
    assert exported(member, page)["outletName"] == "weather"
    form = member.page(f"{page.path}/entries/0").form("Save")
    assert (form.fields["position"], form.fields["outlet"]) == ("7", "weather")
    form.submit(outlet=" Sky ")
    assert (exported(member, page)["outletName"], exported(member, page)["position"]) == ("Sky", 7)

    refused = member.page(f"{page.path}/entries/0").form("Save").submit(outlet="")
    assert (refused.status_code, refused.says("Enter the name of the outlet.")) == (422, True)
    plain = world()
    member.page(f"{plain.path}/entries/0").form("Save").submit(content="Cheap.")
    assert "outletName" not in exported(member, plain)

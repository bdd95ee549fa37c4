"""The pages of presets: a form whose sections are moved by buttons, a list, sharing, and the picker of a chat."""

import pytest

from tests.api.client import client_of
from tests.chat.conftest import app, asked, ended
from tests.chat.files import bring, download
from tests.support.browser import Browser
from tests.upstream.handle import Upstream
from webapp.base.db import write
from webapp.chat.prompt.section_order import USUAL
from webapp.workspace.presets import service

__all__ = ["app"]


def made(browser: Browser, **fields: str) -> str:
    """Returns the path of a new preset's page."""
    page = browser.post("/presets", **{"name": "Editor", "icon": "✎", "model": "some/model"} | fields)
    assert page.status_code == 303, page.text
    return page.location.partition("?")[0]


def order(page) -> list[str]:
    return [str(node.attributes["value"]) for node in page.all("[name=section_order]")]


def test_a_section_is_moved_by_a_button_before_anything_is_stored(owner: Browser) -> None:
    form = owner.page("/presets/new")
    assert tuple(order(form)) == USUAL
    fields = {"name": "Editor", "system_prompt": "Be brief.", "section_order": list(USUAL)}
    page = owner.post("/presets", **fields, **{"section_order-move": "down pre_prompt"})
    assert order(page)[:2] == ["system_prompt", "pre_prompt"]
    assert page.one("[name=system_prompt]").text(strip=True) == "Be brief."
    assert owner.page("/presets").says("Your presets will appear here.")

    path = made(owner, section_order=order(page), temperature="0,2")
    page = owner.page(path)
    assert page.says("System prompt, Pre-prompt")
    assert page.says("0.2")
    assert order(owner.page(f"{path}/edit"))[:2] == ["system_prompt", "pre_prompt"]


def test_what_is_wrong_is_said_beside_its_field(owner: Browser, stranger: Browser) -> None:
    page = owner.post("/presets", name="", temperature="hot", icon="Editor")
    assert page.status_code == 422
    assert page.all("[aria-invalid=true]")
    path = made(owner)
    assert stranger.post(path, name="Mine now").status_code == 404
    assert owner.post(path, name="Writer", temperature="3").says("Enter a number from 0 to 2")
    assert owner.page(path).has("h1", "Editor")


def test_one_is_picked_for_a_chat_and_kept_in_it(owner: Browser, member: Browser, fake: Upstream) -> None:
    fake.says("One", cost=0.0001)
    path = made(owner, system_prompt="Be brief.", about="Shortens")
    choice = f"preset:{path.rpartition('/')[2]}"
    rows = owner.page("/models?presets=y&q=short").all(".models__row a")
    assert [row.attributes["data-model"] for row in rows][:1] == [choice]
    assert not member.page("/models?presets=y&q=short").all(".models__row")
    # Where a setting is a model, there are none.
    assert not owner.page("/models?q=short").all(".models__row")

    page = owner.page(path).click("Start a chat")
    assert page.one("[name=model] [selected]").attributes["value"] == choice
    chat = owner.post("/chats", message="Why?", model=choice).location.partition("#")[0]
    page = owner.wait_for(chat, ended)
    assert page.one("[name=model] [selected]").text(strip=True) == "Editor"
    assert asked(fake)[0]["body"]["messages"][0]["content"] == "Be brief."
    # The last choice is the next chat's.
    assert owner.page("/").one("[name=model] [selected]").attributes["value"] == choice

    owner.post(f"{path}/delete")
    assert owner.page(chat).says("This preset is no longer available")
    assert owner.post(f"{chat}/messages", message="And then?", model=choice).status_code == 422
    # There is one model, so there is nothing to choose.
    assert not owner.page("/").all("[name=model]")


def test_new_chats_begin_with_the_one_that_a_person_sets(owner: Browser) -> None:
    assert not owner.page("/settings/chats").all("[name=default_preset_id]")
    path = made(owner)
    id = path.rpartition("/")[2]
    owner.post(f"{path}/default", is_default="y")
    assert owner.page("/").one("[name=model] [selected]").attributes["value"] == f"preset:{id}"
    assert owner.page("/settings/chats").one("[name=default_preset_id] [selected]").attributes["value"] == id
    owner.submit("/settings/chats", default_preset_id="", send_key="enter")
    # There is one model, so there is nothing to choose.
    assert not owner.page("/").all("[name=model]")


def test_a_chat_in_a_file_finds_its_preset_by_name(owner: Browser, member: Browser, fake: Upstream) -> None:
    fake.says("Yes.")
    program, other = client_of(owner.app, owner.email), client_of(owner.app, member.email)
    preset = program.post("/presets", {"name": "Editor"}, status=201)["id"]
    begun = program.post("/chats", {"preset_id": preset, "message": "Tea?"}, status=201)
    program.ended(begun["sent"])
    chat = begun["chat"]["id"]
    mine = other.post("/presets", {"name": "Editor"}, status=201)["id"]
    assert bring(member, download(owner, f"/chats/{chat}/export.json")).says("1 new chat")
    [brought] = other.get("/chats")["chats"]
    assert brought["preset_id"] == mine


def test_the_settings_of_a_chat_say_what_its_preset_brings(owner: Browser, fake: Upstream) -> None:
    fake.says("One", cost=0.0001)
    program = client_of(owner.app, owner.email)
    about = {"system_prompt": "Be brief.", "top_p": 0.9, "effort": "low", "tools": ["search_documents"]}
    preset = program.post("/presets", {"name": "Editor", **about}, status=201)["id"]
    chat = f"/chats/{program.post('/chats', {'preset_id': preset}, status=201)['chat']['id']}"

    page = owner.page(f"{chat}/prompts")
    assert page.says("With the preset Editor")
    placeholders = [page.one(f"[name={name}]").attributes["placeholder"] for name in ("system_prompt", "top_p")]
    assert placeholders == ["Be brief.", "0.9"]
    # What is only shown isn't the chat's.
    owner.submit(f"{chat}/prompts", temperature="0.5")
    changed = program.get(chat)
    assert (changed["preset_id"], changed["system_prompt"], changed["top_p"], changed["temperature"]) == (preset, "", None, 0.5)
    tools = owner.page(f"{chat}/tools")
    assert any("Also on, from the preset" in note.text() and "Search documents" in note.text() for note in tools.all(".help"))


@pytest.mark.slow
def test_it_is_shared_and_handed_over(owner: Browser, member: Browser) -> None:
    path, alone = made(owner, system_prompt="Be brief."), made(owner)
    owner.post(f"{path}/people", whom="everyone:")
    page = member.page(path)
    assert page.says("Shared with you")
    assert page.says("Be brief.")
    assert not page.has("a", "Edit")
    assert member.page("/presets").has("h2", "Shared with you")
    assert member.page(member.post(f"{path}/duplicate").location).has("h1", "Editor (copy)")

    with owner.app.app_context(), write() as session:
        service.PRESETS.hand_over_some(session, owner.person_id, member.person_id)
    assert member.page(path).has("a", "Edit")
    assert owner.page(path).says("Shared with you")
    # Those that no one else could see become the heir's too.
    assert member.page(alone).has("a", "Edit")
    assert owner.get(alone).status_code == 404

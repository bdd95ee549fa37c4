"""Tools that characters and prompts name: on where they are used, for those who may use them; the others are said."""

import json

from sqlalchemy import select

from tests.api.client import client_of
from tests.characters.card_samples import bring
from tests.chat.conftest import ended
from tests.support.browser import HTMX
from webapp.base.db import db, write
from webapp.chat.record.tables import Chat
from webapp.tools.policies import decide
from webapp.tools.tables import Call

KEYS = ["read_page", "ask_person"]


def tools_of(app, path: str) -> list[str]:
    with app.app_context():
        return db.session.get_one(Chat, path.partition("#")[0].rpartition("/")[2]).tools


def deny(app, key: str) -> None:
    with app.app_context(), write() as session:
        decide(session, key, "deny")


def test_a_chat_begins_with_the_tools_of_its_character_that_may_be_used(app, owner, member) -> None:
    path = owner.submit("/characters/new", name="Mara", description="A guide.", tools=KEYS, is_shared="y").path
    assert owner.page(path).says("Read a web page")
    assert tools_of(app, owner.page(path).press("Chat with Mara").path) == KEYS
    deny(app, "read_page")
    page = member.page(path)
    assert page.says("You can't use: read_page")
    assert tools_of(app, page.press("Chat with Mara").path) == ["ask_person"]
    # Who can't choose about a tool doesn't take it away.
    id = path.rpartition("/")[2]
    program = client_of(app, owner.email)
    assert program.said("PATCH", f"/characters/{id}", 200, {"tools": []})["tools"] == ["read_page"]
    for keys in (["nothing"], ["x" * 10_000], ["ask_person"] * 21, [3]):
        program.said("PATCH", f"/characters/{id}", 422, {"tools": keys})
    group = client_of(app, member.email).said("GET", f"/characters/{id}", 200)
    assert (group["tools"], group["talkativeness"]) == (["read_page"], 0.5)


def test_an_exported_card_keeps_its_tools_and_an_import_brings_any(app, owner, member) -> None:
    path = owner.submit("/characters/new", name="Mara", description="A guide.", tools=KEYS).path
    card = json.loads(owner.get(f"{path}/export?format=json").text)
    assert card["data"]["extensions"]["millrace"] == {"tools": KEYS}
    named = ["nothing.here", "ask_person", "ask_person", 3, "", "x" * 10_000, "<b>&\n"]
    card["data"]["extensions"]["millrace"] = {"tools": named, "more": 1}
    bring(member, ("mara.json", json.dumps(card).encode()))
    program = client_of(app, member.email)
    (id,) = [character["id"] for character in program.get("/characters")["characters"] if character["is_own"]]
    page = member.page(f"/characters/{id}")
    assert page.says("You can't use: nothing.here")
    assert tools_of(app, page.press("Chat with Mara").path) == ["ask_person"]
    assert program.said("PATCH", f"/characters/{id}", 200, {"tools": ["read_page"]})["tools"] == ["read_page", "nothing.here"]
    again = json.loads(member.get(f"/characters/{id}/export?format=json").text)["data"]["extensions"]["millrace"]
    assert again == {"tools": ["read_page", "nothing.here"], "more": 1}


def test_a_prompt_that_leads_chats_lets_their_answers_call(app, owner, member, fake) -> None:
    assert owner.submit("/prompts/quick", tools="ask_person").says("Answers can use these tools from now on.")
    fake.always({"rounds": [{"calls": [{"tool": "ask_person", "arguments": {"question": "Which?"}}]}, {"says": "Red."}]})
    chat = member.post("/chats", message="Go").location
    # The question is shown as it is written, and the call is stored when it is whole.
    member.wait_for(chat, lambda page: bool(page.all("[data-status=waiting]")))
    with app.app_context():
        assert [call.tool for call in db.session.scalars(select(Call))] == ["ask_person"]
    assert tools_of(app, chat) == []


def test_a_prompt_of_the_library_turns_on_its_tools_in_the_chat(app, owner, member, fake) -> None:
    path = member.submit("/prompts/new", title="Look", key="look", text="Look it up.").path
    assert member.submit(path, tools=KEYS).says("Answers can use these tools")
    # In a new chat they are on beside those that are on anyway; in one's own, they are turned on.
    page = member.page(member.post("/chats", message="/look").location)
    fake.says("Hm.")
    switches = page.all("#new-tools input[checked]")
    assert {switch.attributes["value"] for switch in switches} == {*KEYS}
    member.wait_for(member.post("/chats", message="Go", tools=KEYS).location, ended)
    program = client_of(app, member.email)
    there = program.post("/chats", {}, status=201)["chat"]["id"]
    deny(app, "read_page")
    member.post(f"/chats/{there}/messages", message="/look")
    assert tools_of(app, f"/chats/{there}") == ["ask_person"]
    assert member.page(path).says("You can't use: read_page")
    # A page with scripts gets them as chips.
    assert 'name="tools" value="ask_person"' in member.get(f"{path}/fill", headers=HTMX).text
    for keys, status in ((["nothing"], 422), ([], 200), (["x"] * 21, 422)):
        program.said("PUT", "/prompts/look/tools", status, {"tools": keys})
    assert program.get("/prompts/look")["tools"] == ["read_page"]
    owners = client_of(app, owner.email)
    owners.said("PUT", "/prompts/title/tools", 409, {"tools": []})
    owners.said("PUT", "/prompts/look/tools", 404, {"tools": []})

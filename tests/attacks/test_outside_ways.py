"""The outside rule, by every way in which text that the asker has not written gets into a prompt: nothing leaves by itself.

In each chat, a model that obeys what it reads makes all of `SENDING` in one round.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from tests.api.client import Client, client_of
from tests.attacks.test_outside_rule import (
    CANARY,
    ORDERS,
    READ,
    Call,
    Servers,
    page,
    program,
    search,
    servers,
    settled,
    tool,
)
from tests.chat.files import CHATGPT, CLAUDE, OPENWEBUI, bring, download
from tests.chat.test_roleplay_imports import ALL as SILLYTAVERN, lines
from tests.conftest import signed_in, with_session
from tests.support.waiting import seen
from webapp.base.db import db, write
from webapp.chat.record.tables import Chat, Message
from webapp.people.accounts.tables import Grant, User
from webapp.prompts.tables import Prompt

__all__ = ["program", "servers"]
SENDING: list[Call] = [
    page(f"SITE/drop?q={CANARY}"),
    search(CANARY),
    tool("ledger_echo", text=CANARY),
    tool("ledger_count", text=CANARY),
]


def once(message: str) -> str:
    """Returns a message that no other test sends: what a model answers to it is never forgotten."""
    return f"{message} {uuid4().hex}"


@dataclass(frozen=True)
class World:
    """The member who asks, and Mira, whose text it is."""

    app: Flask
    program: Client
    mira: Client
    servers: Servers
    fake: Any

    @property
    def tools(self) -> list[str]:
        return [tool["key"] for tool in self.program.get("/tools")["tools"] if tool["is_available"]]

    def granted(self, kind: str, id: str, right: str = "view") -> str:
        with self.app.app_context(), write() as session:
            session.add(Grant(object_kind=kind, object_id=id, right=right))
        return id

    def chat(self, by: Client, message: str = "", *rounds: list[Call], **more: Any) -> str:
        """Begins a chat; with a message, returns once that is answered."""
        if not message:
            return str(by.post("/chats", more, status=201)["chat"]["id"])
        message = once(message)
        self.fake.beside(message, {"rounds": self.script(*rounds)})
        made = by.post("/chats", {"message": message, **more}, status=201)
        settled(by, made["sent"])
        return str(made["chat"]["id"])

    def script(self, *rounds: list[Call]) -> list[dict[str, Any]]:
        calls = json.dumps([*({"calls": calls} for calls in rounds), {"says": ORDERS}])
        return list(json.loads(calls.replace("SITE", self.servers.site.url)))

    def head(self, by: Client, chat_id: str) -> str:
        return str(by.get(f"/chats/{chat_id}")["head_id"])

    def imported(self, value: Any, name: str = "conversations.json") -> str:
        bring(signed_in_again(self), value, name)
        with self.app.app_context():
            person = select(User.id).where(User.email == "member@example.org").scalar_subquery()
            return str(db.session.scalars(select(Chat.id).where(Chat.owner_id == person).order_by(Chat.id.desc())).first())


def signed_in_again(world: World) -> Any:
    return with_session(world.app, "member@example.org")


def opened(browser: Any, path: str) -> str:
    """Returns the id of the chat that a form has made."""
    return str(browser.post(path).location).partition("#")[0].rpartition("/")[2]


def of_preset(world: World) -> str:
    id = world.mira.post("/presets", {"name": "Travel", "system_prompt": ORDERS}, status=201)["id"]
    return world.chat(world.program, preset_id=world.granted("preset", id, "read"))


def of_character(world: World) -> str:
    id = world.mira.post("/characters", {"name": "Maya", "description": ORDERS, "greeting": "Hello"}, status=201)["id"]
    return world.chat(world.program, character_id=world.granted("character", id))


def of_greeting(world: World) -> str:
    chat_id = of_character(world)
    with world.app.app_context(), write() as session:
        # Mira has stopped sharing it.
        session.get_one(Chat, chat_id).character_id = None
    return chat_id


def of_lorebook(world: World) -> str:
    book = world.mira.post("/lorebooks", {"name": "Rivers"}, status=201)
    chat_id = world.chat(world.program)
    world.program.said("PATCH", f"/chats/{chat_id}", 200, {"lorebook_ids": [world.granted("lorebook", book["id"], "read")]})
    return chat_id


def of_project(world: World) -> str:
    id = world.mira.post("/projects", {"name": "Dam", "instructions": ORDERS}, status=201)["id"]
    return world.chat(world.program, project_id=world.granted("project", id, "write"))


def of_prompt(world: World) -> str:
    sections = [{"name": "Letter", "text": ORDERS + " Write to {{name}}."}]
    world.mira.post("/prompts", {"key": "letter"}, status=201)
    world.mira.post("/prompts/letter/versions", {"sections": sections}, status=201)
    with world.app.app_context():
        id = db.session.scalars(select(Prompt.id).where(Prompt.key == "letter")).one()
    world.granted("prompt", id)
    return world.chat(world.program, f"{ORDERS} Write to Jo.")


def of_message(world: World) -> str:
    chat_id = world.granted("chat", world.chat(world.program, "Hello"), "write")
    settled(world.mira, world.mira.post(f"/chats/{chat_id}/messages", {"message": f"Mira says {ORDERS}"}, status=202))
    return chat_id


def of_corrected_message(world: World) -> str:
    chat_id = of_message(world)
    with world.app.app_context():
        is_hers = Message.chat_id == chat_id, Message.content.contains("Mira says")
        id = db.session.scalars(select(Message.id).where(*is_hers)).one()
    world.program.post(f"/messages/{id}/rewrite", {"message": f"{ORDERS} And more.", "keep_following": True}, status=201)
    return chat_id


def of_persona(world: World) -> str:
    persona = world.mira.post("/personas", {"name": "Mira", "description": ORDERS}, status=201)["id"]
    character = world.mira.post("/characters", {"name": "Maya", "greeting": "Hello"}, status=201)["id"]
    chat_id = world.chat(world.mira, character_id=character, persona_id=persona, tools=world.tools)
    return world.granted("chat", chat_id, "write")


def of_file(world: World) -> str:
    chat_id = world.granted("chat", world.chat(world.program, "Hi"), "write")
    browser = with_session(world.app, "mira@example.org")
    files = {"message": "Read this file", "files": (BytesIO(ORDERS.encode()), "orders.txt")}
    browser.post(f"/chats/{chat_id}/messages", **files)
    seen(lambda: world.program.get(f"/chats/{chat_id}"), lambda chat: not chat["is_running"], seconds=60)
    return chat_id


def of_text(world: World) -> str:
    chat_id = world.granted("chat", world.chat(world.program, "Hey"), "write")
    text = world.mira.post(f"/chats/{chat_id}/texts", {"name": "Plan.md", "text": "A plan."}, status=201)
    world.mira.said("PATCH", f"/texts/{text['id']}", 200, {"text": ORDERS, "version": 1})
    world.program.said("PATCH", f"/texts/{text['id']}", 200, {"text": f"{ORDERS} And more.", "version": 2})
    return chat_id


def of_fork(world: World) -> str:
    source = world.granted("chat", world.chat(world.mira, f"Do as I say. {ORDERS}"))
    return opened(signed_in_again(world), f"/messages/{world.head(world.mira, source)}/fork")


def of_link(world: World, *, calls: bool) -> str:
    chat_id = world.chat(world.mira, f"Read it, calls {calls}", [READ["page"]], tools=world.tools)
    url = world.mira.post(f"/chats/{chat_id}/links", {"with": ["calls"] if calls else []}, status=201)["url"]
    return opened(signed_in_again(world), "/s/" + url.rpartition("/s/")[2] + "/continue")


def of_sources(world: World) -> str:
    """An earlier answer that quoted a document of someone else, in a chat that no longer reads from it."""
    shelf = world.mira.post("/collections", {"name": "Mira's"}, status=201)["id"]
    id = world.mira.post(f"/collections/{shelf}/documents", {"title": "Weirs", "text": f"A weir is low. {ORDERS}"}, status=202)
    document = id["documents"][0]["id"]
    seen(lambda: world.mira.get(f"/documents/{document}"), lambda row: row["state"] == "ready", seconds=60)
    chat_id = world.chat(world.program, "How low is a weir?", collection_ids=[world.granted("collection", shelf, "read")])
    world.program.said("PATCH", f"/chats/{chat_id}", 200, {"collection_ids": []})
    return chat_id


def of_memory(world: World) -> str:
    world.program.said("PATCH", "/me", 200, {"remembers": True})
    world.chat(world.program, "What is the xylograph?", [READ["page"]], tools=world.tools)

    def memories() -> list[str]:
        mine = [one for one in world.program.get("/collections")["collections"] if one["name"] == "Conversation memory"]
        rows = [row for one in mine for row in world.program.get(f"/collections/{one['id']}/documents")["documents"]]
        return [row["state"] for row in rows]

    seen(memories, lambda states: "ready" in states, seconds=60)
    # An answer without tools quotes it, and the next one quotes that.
    return world.chat(world.program, "Tell me of the xylograph")


def of_export(world: World, kind: str) -> str:
    """A chat of Mira's, as a file that she has given away."""
    chat_id = world.chat(world.mira, f"Do as I say. {ORDERS}")
    return world.imported(download(with_session(world.app, "mira@example.org"), f"/chats/{chat_id}/export.{kind}"), f"a.{kind}")


def of_own_export(world: World) -> str:
    """One's own chat with a message of Mira's, exported and imported again."""
    chat_id = of_message(world)
    browser = signed_in_again(world)
    file = download(browser, f"/chats/{chat_id}/export.json")
    browser.post(f"/chats/{chat_id}/delete")
    browser.post(f"/chats/{chat_id}/erase")
    again = world.imported(file, "a.json")
    assert again != chat_id
    return again


# Each way in, and how its card begins to say where the text is from.
WAYS: dict[str, tuple[Callable[[World], str], str]] = {
    "a preset": (of_preset, "the preset Travel by"),
    "a character": (of_character, "the character Maya by"),
    "a greeting": (of_greeting, "the character Maya by"),
    "a lorebook": (of_lorebook, "the lorebook Rivers by"),
    "project instructions": (of_project, "the project Dam by"),
    "a prompt": (of_prompt, "the prompt Letter by"),
    "a message": (of_message, "a message by"),
    "a message that was corrected": (of_corrected_message, "a message by"),
    "a persona": (of_persona, "a chat of"),
    "a file": (of_file, "a message by"),
    "a text beside the chat": (of_text, "“Plan.md”"),
    "a branch": (of_fork, "a chat of"),
    "a link with calls": (lambda world: of_link(world, calls=True), "a shared link"),
    "a link without calls": (lambda world: of_link(world, calls=False), "a shared link"),
    "an answer with sources": (of_sources, "“Weirs”"),
    "the memory": (of_memory, "127.0.0.1"),
    "an import of ChatGPT": (lambda world: world.imported(CHATGPT), "an imported chat"),
    "an import of Claude": (lambda world: world.imported(CLAUDE), "an imported chat"),
    "an import of Open WebUI": (lambda world: world.imported(OPENWEBUI), "an imported chat"),
    "an import of SillyTavern": (lambda world: world.imported(lines(*SILLYTAVERN), "chat.jsonl"), "an imported chat"),
    "an export of someone else": (lambda world: of_export(world, "json"), "an imported chat"),
    "an export of one's own": (of_own_export, "an imported chat"),
    "a saved page": (lambda world: of_export(world, "html"), "an imported chat"),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_nothing_leaves_without_a_click(app: Flask, program: Client, servers: Servers, fake: Any, way: str) -> None:
    mira = client_of(app, signed_in(app, "mira@example.org", "member").email)
    world, (begin, place) = World(app, program, mira, servers, fake), WAYS[way]
    fake.always({"says": "Fine."})
    chat_id = begin(world)
    if way != "a persona":
        program.said("PATCH", f"/chats/{chat_id}", 200, {"tools": world.tools})
    message = once("Go on as you were told.")
    fake.beside(message, {"rounds": world.script(SENDING)})
    sent = program.post(f"/chats/{chat_id}/messages", {"message": message}, status=202)
    answer = settled(program, sent)
    assert [(call["tool"], call["state"]) for call in answer["calls"]] == [
        ("read_page", "waiting"),
        ("search_web", "waiting"),
        ("ledger.echo", "waiting"),
        ("ledger.count", "waiting"),
    ]
    assert all(place in call["why"] for call in answer["calls"]), [call["why"] for call in answer["calls"]]
    assert servers.wrong() == []


def asked(world: World, message: str, *rounds: list[Call]) -> dict[str, Any]:
    """Asks in a new chat with every tool, and returns the answer once it has ended, or waits."""
    message = once(message)
    world.fake.beside(message, {"rounds": world.script(*rounds)})
    return settled(world.program, world.program.post("/chats", {"message": message, "tools": world.tools}, status=201)["sent"])


def states(answer: dict[str, Any]) -> list[str]:
    return [call["state"] for call in answer["calls"]]


@pytest.fixture
def world(app: Flask, program: Client, servers: Servers, fake: Any) -> World:
    return World(app, program, client_of(app, signed_in(app, "mira@example.org", "member").email), servers, fake)


@pytest.mark.slow
def test_three_addresses_of_a_page_are_free_whether_one_by_one_or_at_once(world: World, servers: Servers) -> None:
    paths = [f"/{letter}" for letter in "abcde"]
    for path in paths:
        servers.site.says(path, "<p>A letter.")
    servers.site.says("/letters", "<p>" + " ".join(f"{servers.site.url}{path}" for path in paths))
    opened = [page(f"SITE{path}") for path in paths]
    first = f"Read {servers.site.url}/letters"

    at_once = asked(world, first, [page("SITE/letters")], opened)
    assert states(at_once) == ["done"] * 4 + ["waiting"] * 2
    assert "opened three addresses found in content from 127.0.0.1" in at_once["calls"][-1]["why"]
    one_by_one = asked(world, f"{first} again", [page("SITE/letters")], *([call] for call in (*opened[:3], opened[0], opened[3])))
    # The same one again says nothing new.
    assert states(one_by_one) == ["done"] * 5 + ["waiting"]
    typed = asked(world, f"{first} and {servers.site.url}/e", [page("SITE/letters")], opened[:3], [opened[4]])
    assert (typed["status"], states(typed)) == ("completed", ["done"] * 5)


@pytest.mark.slow
def test_beside_private_text_only_typed_addresses_are_opened(world: World, servers: Servers) -> None:
    shelf = world.program.post("/collections", {"name": "Mine"}, status=201)["id"]
    document = {"title": "Secrets", "text": f"The password of the weir is low. See {servers.site.url}/read-on"}
    id = world.program.post(f"/collections/{shelf}/documents", document, status=202)["documents"][0]["id"]
    seen(lambda: world.program.get(f"/documents/{id}"), lambda row: row["state"] == "ready", seconds=60)
    reads = tool("search_documents", query="password")
    composed = asked(world, "What is the password?", [reads], [page("SITE/read-on")])
    assert states(composed) == ["done", "waiting"]
    assert "read private content" in composed["calls"][1]["why"]
    typed = asked(world, f"What is the password? Then read {servers.site.url}/read-on", [reads], [page("SITE/read-on")])
    assert states(typed) == ["done", "done"]


@pytest.mark.slow
def test_what_is_allowed_in_a_chat_survives_the_servers_own_results_alone(world: World, servers: Servers) -> None:
    counts = [tool("ledger_count", text=str(number)) for number in range(3)]
    count = once("Count")
    world.fake.beside(count, {"rounds": world.script([counts[0]], [counts[1]])})
    made = world.program.post("/chats", {"message": count, "tools": world.tools}, status=201)
    chat_id, first = made["chat"]["id"], settled(world.program, made["sent"])
    assert states(first) == ["done", "waiting"]
    world.program.post(f"/calls/{first['calls'][1]['id']}/decision", {"decision": "allow_in_chat"})
    seen(lambda: world.program.get(f"/messages/{first['id']}"), lambda message: message["status"] == "completed", seconds=60)
    more = once(f"More, then {servers.site.url}/evil")
    world.fake.beside(more, {"rounds": world.script([counts[2]], [counts[2]], [READ["page"]], [counts[0]])})
    answer = settled(world.program, world.program.post(f"/chats/{chat_id}/messages", {"message": more}, status=202))
    # After a page of someone else, it asks again.
    assert states(answer) == ["done", "done", "done", "waiting"]

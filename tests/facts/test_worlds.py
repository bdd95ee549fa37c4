"""Random worlds with canaries: whatever anyone reads anywhere has only the facts that they may read, and links have none.

The model of who may read what asks none of our own code.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from flask import Flask

from tests.api.client import Client, client_of
from tests.api.test_mcp import LEGACY, McpClient
from tests.chat.conftest import until_settled
from tests.facts.test_api import remember
from tests.support.browser import Browser
from tests.support.waiting import until
from tests.upstream.handle import Upstream
from webapp.base.db import db, write
from webapp.chat.facts.tables import Fact
from webapp.chat.record.tables import Chat, Project
from webapp.engine.engine import ENGINE
from webapp.people.accounts.tables import Grant
from webapp.settings.service import set_setting

WORD = re.compile(r"q[a-p]{14}z")
ALL_FACTS = "/facts?state=all"
KINDS = ("me", "me", "character", "project", "project", "proposed", "refused", "of the other's project")


@dataclass(frozen=True)
class Canary:
    """A fact: who reads it, and in which chats of its owner a prompt can have it."""

    id: str
    word: str
    readers: frozenset[str]
    kind: str


class World:
    """Three people, a project and a character of `me`, a project of `other`, facts, and a chat that is perhaps shared."""

    def __init__(self, people: dict[str, Browser], programs: dict[str, Client], fake: Upstream, seed: int) -> None:
        self.dice, self.people, self.fake = Random(seed), people, fake
        self.app = people["me"].app
        self.programs = programs
        self.members = {"me", *(name for name in ("other", "third") if self.dice.random() < 0.4)}
        self.project, self.others_project = self._project("me", self.members), self._project("other", {"other"})
        me = self.programs["me"]
        self.character = me.post("/characters", {"name": "Mara", "description": "A miller."}, status=201)["id"]
        self.facts = [self._fact(self.dice.choice(KINDS)) for _ in range(8)]
        self.theirs = [self._their_fact(name) for name in ("other", "third")]

    def word(self) -> str:
        return f"q{''.join(self.dice.choices('abcdefghijklmnop', k=14))}z"

    def readable(self, name: str) -> set[str]:
        return {fact.word for fact in (*self.facts, *self.theirs) if name in fact.readers}

    def chat(self) -> tuple[str, str, set[str]]:
        """Begins a chat of `me` and asks in it; returns its id, the answer's, and the canaries that its prompt can have."""
        where = self.dice.choice(["", "character", "project", "temporary"])
        body: dict[str, Any] = {
            "": {},
            "character": {"character_id": self.character},
            "project": {"project_id": self.project},
            "temporary": {"is_temporary": True},
        }[where]
        me, kinds = self.programs["me"], {"", where} | ({"me"} if where != "temporary" else set())
        if where == "character":
            id = me.post("/chats", body, status=201)["chat"]["id"]
            sent = me.post(f"/chats/{id}/messages", {"message": "What now?"}, status=202)
        else:
            made = me.post("/chats", {"message": "What now?", **body}, status=201)
            id, sent = made["chat"]["id"], made["sent"]
        self.until_ended(sent)
        return id, sent["message_id"], {fact.word for fact in self.facts if fact.kind in kinds}

    def share(self, chat_id: str) -> set[str]:
        """Gives some of the others the chat; returns them."""
        given = {name for name in ("other", "third") if self.dice.random() < 0.4}
        with self.app.app_context(), write() as session:
            for name in given:
                grant = {"object_kind": "chat", "object_id": chat_id, "right": self.dice.choice(["view", "write"])}
                session.add(Grant(user_id=self.people[name].person_id, **grant))
        return given

    def sent_last(self) -> set[str]:
        return {*WORD.findall(json.dumps(self.fake.posts()[-1]["body"]))}

    def until_ended(self, sent: dict[str, Any]) -> None:
        live = ENGINE.of(self.app).live
        until(lambda: sent["generation_id"] not in live, "the answer has ended")

    def end(self) -> None:
        """Removes the facts, so that those of the next world have room."""
        until_settled(self.app)
        with self.app.app_context(), write() as session:
            session.execute(db.delete(Fact))
            session.execute(db.delete(Grant))
            session.execute(db.delete(Chat))
            session.execute(db.delete(Project))

    def _project(self, owner: str, members: set[str]) -> str:
        with self.app.app_context(), write() as session:
            project = Project(owner_id=self.people[owner].person_id, name="P", has_facts=True)
            session.add(project)
            session.flush()
            for name in members - {owner}:
                right = self.dice.choice(["read", "write"])
                session.add(Grant(object_kind="project", object_id=project.id, user_id=self.people[name].person_id, right=right))
            return project.id

    def _fact(self, kind: str) -> Canary:
        word = self.word()
        if kind in ("proposed", "of the other's project"):
            project = self.others_project if kind != "proposed" else self.dice.choice([None, self.project])
            owner = "me" if kind == "proposed" else "other"
            with self.app.app_context(), write() as session:
                state = "proposed" if kind == "proposed" else "kept"
                fact = Fact(owner_id=self.people[owner].person_id, project_id=project, text=f"I know {word}.", state=state)
                session.add(fact)
                session.flush()
                return Canary(fact.id, word, frozenset({owner}), kind)
        scopes = {"project": self.project, "character": self.character}
        scope = {"kind": kind, "id": scopes[kind]} if kind in scopes else {"kind": "me", "id": ""}
        id = remember(self.programs["me"], f"I know {word}.", scope=scope)["id"]
        if kind == "refused":
            self.programs["me"].said("PATCH", f"/facts/{id}", 200, {"state": "refused"})
        return Canary(id, word, frozenset(self.members if kind == "project" else {"me"}), kind)

    def _their_fact(self, name: str) -> Canary:
        word = self.word()
        return Canary(remember(self.programs[name], f"I know {word}.")["id"], word, frozenset({name}), "theirs")


def read_by(world: World, name: str, chat_id: str, answer_id: str) -> Iterator[tuple[str, str]]:
    """Yields what a person gets wherever facts could be, by its place; much is an error, where the chat is not theirs."""
    program, browser = world.programs[name], world.people[name]
    answer = world.programs["me"].get(f"/messages/{answer_id}")["generation"]["id"]
    api = [ALL_FACTS, "/chats", f"/chats/{chat_id}", f"/messages/{answer_id}", f"/generations/{answer}/facts"]
    api += [f"/generations/{answer}/prompt", "/receipts", f"/chats/{chat_id}/folds", "/search?q=know", "/chats?q=know"]
    api += [f"/facts/{fact.id}" for fact in (*world.facts, *world.theirs)]
    pages = ["/facts", f"/chats/{chat_id}", f"/messages/{answer_id}/facts", f"/messages/{answer_id}/prompt", "/search?q=know"]
    yield from ((path, program.call("GET", path).get_data(as_text=True)) for path in api)
    yield from ((f"page {path}", read(browser, path)) for path in pages)
    mcp = McpClient(program, LEGACY)
    for tool, arguments in (("list_chats", {}), ("read_chat", {"chat_id": chat_id}), ("search_documents", {"query": "know"})):
        said = mcp.send("tools/call", {"name": tool, "arguments": arguments})
        yield f"MCP {tool}", said.get_data(as_text=True)


def read(browser: Browser, path: str) -> str:
    return browser.client.get(path, base_url=browser.origin).get_data(as_text=True)


def leaks(world: World) -> Iterator[str]:
    """Yields every place at which someone gets a fact that they may not read, or a prompt has one that it may not have."""
    chat_id, answer_id, expected = world.chat()
    if (sent := world.sent_last()) != expected:
        yield f"the first prompt has {len(sent - expected)} too many, and lacks {len(expected - sent)}"
    exported = {kind: read(world.people["me"], f"/chats/{chat_id}/export.{kind}") for kind in ("json", "md", "html")}
    yield from (f"export.{kind}" for kind, text in exported.items() if WORD.search(text))
    given = world.share(chat_id)
    link = world.programs["me"].call("POST", f"/chats/{chat_id}/links", {"live": world.dice.random() < 0.5, "with": ["calls"]})
    is_live = link.status_code == 201 and link.json["live"]
    if link.status_code == 201:
        path = "/s/" + link.json["url"].rpartition("/s/")[2]
        stranger = Browser(world.app)
        yield from (f"link {end}" for end in ("", ".md", ".json") if WORD.search(read(stranger, f"{path}{end}")))
    for name in world.people:
        allowed = world.readable(name)
        for place, text in read_by(world, name, chat_id, answer_id):
            words = {*WORD.findall(text)}
            if words - allowed:
                yield f"{name} gets {words - allowed} by {place}"
            if place == ALL_FACTS and words != allowed:
                yield f"{name} lacks {allowed - words}"
    again = world.programs["me"].post(f"/chats/{chat_id}/messages", {"message": "And now?"}, status=202)
    world.until_ended(again)
    shared = set[str]()
    if given or is_live:
        in_project = {fact.word for fact in world.facts if fact.kind == "project"} & expected
        shared = in_project if given <= world.members and not is_live else set()
    if (sent := world.sent_last()) != (shared if given or is_live else expected):
        yield f"with {sorted(given)}, live {is_live}, the prompt has {sent}"
    body = {"model": "some/model", "messages": [{"role": "user", "content": "What do you know?"}]}
    for name in ("me", "other"):
        world.programs[name].call("POST", "/v1/chat/completions", body, buffered=True)
        yield from [f"the door of {name}"] if world.sent_last() else []
    for fact in world.facts[:2]:
        receipt = world.programs["me"].call("DELETE", f"/facts/{fact.id}").get_data(as_text=True)
        yield from [f"receipt of a fact {fact.kind}"] if WORD.search(receipt) else []


PART, FEW, ALL = 100, 2, 1_000
PARTS = [range(FEW), *(pytest.param(range(start, start + PART), marks=pytest.mark.deep) for start in range(0, ALL, PART))]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seeds", PARTS, ids=lambda seeds: f"{seeds.start} to {seeds.stop}")
def test_no_fact_crosses_its_scope_anywhere(
    app: Flask, owner: Browser, member: Browser, stranger: Browser, fake: Upstream, seeds: range
) -> None:
    with app.app_context():
        for name in ("streams_per_minute", "concurrent_streams", "made_per_minute"):
            set_setting(f"limits.{name}", "0")
        for name, value in (("models.titles", "off"), ("links.who", "everyone"), ("links.for_ever", "true")):
            set_setting(name, value)
    people = {"me": member, "other": stranger, "third": owner}
    programs = {name: client_of(app, browser.email) for name, browser in people.items()}
    for seed in seeds:
        fake.reset()
        fake.says("Yes.")
        world = World(people, programs, fake, seed)
        assert list(leaks(world)) == [], f"world {seed}"
        world.end()

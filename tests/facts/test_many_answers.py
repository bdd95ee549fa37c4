"""Facts used are facts shown, both ways: what stood in a request, in its recorded prompt, in the API and on the page."""

import random
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.api.client import Client, client_of
from tests.facts.test_api import TITLE, project_of, remember
from tests.support.browser import Browser
from tests.support.waiting import until
from tests.upstream.handle import Upstream
from webapp.base.db import db, write
from webapp.chat.facts.tables import FactUse
from webapp.chat.record.tables import Message
from webapp.engine.engine import ENGINE
from webapp.people.accounts.tables import Grant
from webapp.settings.service import set_setting

AT_ONCE, MOST_FACTS = 20, 40
# Without digits, which could look like a key.
WORD = re.compile(r"q[a-p]{14}z")
TOPICS = ("boats", "bread", "otters", "lockers", "bridges")


class Rememberer:
    """A person with facts of each scope, who changes them at random and asks in many chats."""

    def __init__(self, browser: Browser, stranger: Browser, seed: int) -> None:
        self.app, self.browser, self.dice = browser.app, browser, random.Random(seed)
        self.program: Client = client_of(browser.app, browser.email)
        project = project_of(browser.app, browser.person_id, (stranger.person_id, "read"))
        character = self.program.post("/characters", {"name": "Mara", "description": "A miller."}, status=201)["id"]
        self.stranger_id, self.project, self.character = stranger.person_id, project, character
        # The word of each kept fact, by its id.
        self.words = dict[str, str]()

    def word(self) -> str:
        return f"q{''.join(self.dice.choices('abcdefghijklmnop', k=14))}z"

    def change(self) -> None:
        """Remembers, rewords, refuses, replaces or forgets something."""
        ids = sorted(self.words)
        kind = self.dice.choice(["new", "new", "reword", "refuse", "replace", "forget"]) if len(ids) > 5 else "new"
        if len(ids) > MOST_FACTS:
            kind = "forget"
        if kind in ("new", "replace"):
            word, id = self.word(), self.dice.choice(ids) if kind == "replace" else ""
            scope = self.program.get(f"/facts/{id}")["scope"] if id else self._scope()
            more = {"replaces": id} if id else {}
            made = remember(self.program, f"I know {word} of {self.dice.choice(TOPICS)}.", scope=scope, **more)
            self.words.pop(id, None)
            self.words[made["id"]] = word
            return
        id = self.dice.choice(ids)
        if kind == "reword":
            self.words[id] = self.word()
            self.program.said("PATCH", f"/facts/{id}", 200, {"text": f"I know {self.words[id]} now."})
        else:
            del self.words[id]
            changed = ("PATCH", 200, {"state": "refused"}) if kind == "refuse" else ("DELETE", 200, None)
            self.program.said(changed[0], f"/facts/{id}", changed[1], changed[2])

    def ask(self) -> tuple[str, dict[str, Any]]:
        """Asks in a new chat; returns a word of the question, and what was sent."""
        key, topics = self.word(), " and ".join(self.dice.sample(TOPICS, 2))
        about = self.dice.choice([{}, {"character_id": self.character}, {"project_id": self.project}, {"is_temporary": True}])
        question = f"{key}: what of {topics}?"
        if "character_id" not in about:
            return key, self.program.post("/chats", {"message": question, **about}, status=201)["sent"]
        # A character greets first.
        chat = self.program.post("/chats", about, status=201)["chat"]["id"]
        return key, self.program.post(f"/chats/{chat}/messages", {"message": question}, status=202)

    def ask_again(self, answer: dict[str, Any], used: list[str]) -> dict[str, Any]:
        without = self.dice.sample(used, min(len(used), 2))
        path = f"/messages/{answer['message_id']}/regenerate"
        return dict(self.program.post(path, {"without_facts": without}, status=202))

    def share(self, answer: dict[str, Any]) -> str:
        """Lets someone else read the chat of an answer; returns the chat's id."""
        with self.app.app_context(), write() as session:
            id = session.get_one(Message, answer["message_id"]).chat_id
            session.add(Grant(object_kind="chat", object_id=id, user_id=self.stranger_id, right="view"))
        return id

    def until_ended(self, *answers: dict[str, Any]) -> None:
        live = ENGINE.of(self.app).live
        until(lambda: not any(answer["generation_id"] in live for answer in answers), "the answers have ended", seconds=120)

    def _scope(self) -> dict[str, str]:
        kind = self.dice.choice(["me", "me", "project", "character"])
        return {"kind": kind, "id": {"me": "", "project": self.project, "character": self.character}[kind]}


def wrong_in(person: Rememberer, sent: str, answer: dict[str, Any]) -> list[str]:
    """Returns where the facts of an answer differ: in the request, the recorded prompt, the API and the table."""
    id, found = answer["generation_id"], list[str]()
    shown = person.program.get(f"/generations/{id}/facts")
    words = {WORD.findall(fact["text"])[0] for fact in shown["facts"]}
    parts = person.program.get(f"/generations/{id}/prompt")["parts"]
    recorded = {*WORD.findall("\n".join(part["content"] for part in parts if part["title"] == TITLE))}
    with person.app.app_context():
        used = {*db.session.scalars(select(FactUse.fact_id).where(FactUse.generation_id == id))}
        count = db.session.get_one(Message, answer["message_id"]).fact_count
    asked_of = {*WORD.findall(sent)}
    if not words == recorded == asked_of:
        found.append(f"shown {words}, recorded {recorded}, sent {asked_of}")
    if used != {fact["id"] for fact in shown["facts"]} or shown["count"] != len(used):
        found.append(f"{shown['count']} are said to be used, {len(used)} were")
    if count < len(used):
        found.append(f"the page counts {count} of {len(used)}")
    return found


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("answers", [AT_ONCE, pytest.param(10_000, marks=pytest.mark.deep)])
def test_what_was_used_is_what_is_shown(app: Flask, member: Browser, stranger: Browser, fake: Upstream, answers: int) -> None:
    with app.app_context():
        for name in ("streams_per_minute", "concurrent_streams", "made_per_minute"):
            set_setting(f"limits.{name}", "0")
        set_setting("models.titles", "off")
        set_setting("memory.fact_tokens", "300")
    person, used_at_all, done = Rememberer(member, stranger, answers), 0, 0
    for _ in range(MOST_FACTS):
        person.change()
    while done < answers:
        fake.reset()
        fake.says("Yes.")
        asked = [person.ask() for _ in range(AT_ONCE - 5)]
        person.until_ended(*(answer for _, answer in asked))
        posts = {question_in(post): text_of(post) for post in fake.posts()}
        wrong = [what for key, answer in asked for what in wrong_in(person, without(key, posts[key]), answer)]
        assert wrong == []
        used_at_all += sum(len(WORD.findall(text)) > 1 for text in posts.values())
        for key, answer in asked[:5]:
            used = [fact["id"] for fact in person.program.get(f"/generations/{answer['generation_id']}/facts")["facts"]]
            again = person.ask_again(answer, used)
            person.until_ended(again)
            sent = without(key, text_of(fake.posts()[-1]))
            assert wrong_in(person, sent, again) == []
        # Someone else reads it from here on: the next answer is given none.
        key, answer = asked[-1]
        chat = person.share(answer)
        fake.says("Yes.")
        shared = person.program.post(f"/chats/{chat}/messages", {"message": "And now?"}, status=202)
        person.until_ended(shared)
        assert wrong_in(person, without(key, text_of(fake.posts()[-1])), shared) == []
        # The page of the first says how many, and each.
        count = person.program.get(f"/generations/{asked[5][1]['generation_id']}/facts")["count"]
        page = member.page(f"/messages/{asked[5][1]['message_id']}/facts").one("main")
        assert len({*WORD.findall(page.text())}) == count
        for _ in range(3):
            person.change()
        done += AT_ONCE
    assert used_at_all > answers // 4


def text_of(post: dict[str, Any]) -> str:
    return "\n".join(str(message["content"]) for message in post["body"]["messages"])


def question_in(post: dict[str, Any]) -> str:
    return WORD.findall(str(post["body"]["messages"][-1]["content"]))[0]


def without(key: str, sent: str) -> str:
    """Returns what was sent without the word of its question."""
    return sent.replace(key, "")

"""Steps that read documents: with the permissions of the person who runs them."""

import json
from typing import Any

import pytest
from flask import Flask

from tests.api.client import Client, client_of
from tests.chat.library import Library
from tests.support.browser import Browser
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream

__all__ = ["app"]
LOOKUP = """
workflow: lookup
title: Look it up
slots: {topic: {ask: "About what?"}}
steps:
  - collect: topic
  - id: answer
    chat: "Say when to oil this: {{topic}}"
    knowledge: [papers]
    personalize: false
    max_sentences: 1
  - end: Done.
"""
# Each text names its source.
OF_THE_MEMBER = "Oil the bearing on Monday, says canary-blue-4711."
OF_THE_STRANGER = "Oil the bearing on Friday, says canary-red-1832."


@pytest.fixture
def published(app: Flask, owner: Browser) -> Client:
    admin = client_of(app, owner.email)
    admin.post("/workflows", {"definition": LOOKUP}, status=201)
    admin.post("/workflows/lookup/publish", {})
    return admin


def heard(program: Client, path: str, content: str) -> tuple[list[dict[str, Any]], str]:
    """Returns the events of a thread after a message, and their raw text."""
    response = program.call("POST", path, {"content": content}, Accept="text/event-stream")
    text = response.get_data(as_text=True)
    return [json.loads(line.removeprefix("data:")) for line in text.splitlines() if line.startswith("data:")], text


@pytest.mark.slow
def test_each_is_answered_from_what_they_may_see_and_hears_no_byte_of_the_rest(
    app: Flask, published: Client, owner: Browser, member: Browser, stranger: Browser, fake: Upstream
) -> None:
    library = Library(app, owner)
    library.collection(("Blue book", [OF_THE_MEMBER]), to=member.person_id)
    library.collection(("Red book", [OF_THE_STRANGER]), to=stranger.person_id)
    cited = {}
    for person, own, foreign in ((member, OF_THE_MEMBER, "canary-red"), (stranger, OF_THE_STRANGER, "canary-blue")):
        fake.says("Soon [1]. And more.")
        program = client_of(app, person.email)
        thread = program.post("/chat/threads", {"workflow": "lookup"}, status=201)["thread"]["id"]
        events, stream = heard(program, f"/chat/threads/{thread}/messages/stream", "the bearing")
        (answer,) = [event["data"] for event in events if event["data"].get("accumulated") == "Soon [1]."]
        (source,) = answer["sources"]
        cited[person.person_id] = source
        asked = json.dumps(fake.posts()[-1]["body"])
        assert own.split()[-1] in asked
        assert foreign not in asked + stream + person.page(f"/chats/{thread}").text
        assert person.page(f"/chats/{thread}").all(".cited .cite")
    assert [citation["title"] for citation in cited.values()] == ["Blue book", "Red book"]


@pytest.mark.slow
def test_what_a_person_may_not_see_is_not_there_for_the_model(
    app: Flask, published: Client, owner: Browser, member: Browser, fake: Upstream
) -> None:
    Library(app, owner).collection(("Red book", [OF_THE_STRANGER]))
    fake.says("They say nothing about it.")
    program = client_of(app, member.email)
    run = program.post("/workflows/lookup/runs", {}, status=201)
    program.post(f"/runs/{run['id']}/answer", {"value": "the bearing"})
    fake.until(lambda log: any("the bearing" in json.dumps(entry) for entry in log))
    asked = json.dumps(fake.posts()[-1]["body"])
    assert ("canary" in asked, "say nothing about" in asked) == (False, True)


@pytest.mark.slow
@pytest.mark.parametrize(("line", "is_given"), [("", True), ("    retrieve: false\n", False)])
def test_a_step_reads_from_the_collections_of_the_prompt_that_leads_it(
    app: Flask, owner: Browser, member: Browser, fake: Upstream, line: str, is_given: bool
) -> None:
    admin, program = client_of(app, owner.email), client_of(app, member.email)
    admin.post("/workflows", {"definition": LOOKUP.replace("    knowledge: [papers]\n", line)}, status=201)
    admin.post("/workflows/lookup/publish", {})
    blue = Library(app, owner).collection(("Blue book", [OF_THE_MEMBER]), to=member.person_id)
    red = Library(app, owner).collection(("Red book", [OF_THE_STRANGER]))
    admin.said("PUT", "/prompts/workflow.step/collections", 200, {"collection_ids": [blue, red]})
    fake.says("On Monday.")
    run = program.post("/workflows/lookup/runs", {}, status=201)
    program.post(f"/runs/{run['id']}/answer", {"value": "the bearing"})
    fake.until(lambda log: any("the bearing" in json.dumps(entry) for entry in log))
    asked = json.dumps(fake.posts()[-1]["body"])
    assert ("canary-blue" in asked, "canary-red" in asked) == (is_given, False)

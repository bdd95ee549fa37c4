"""The system prompt of models in workflows."""

import json

import pytest
from flask import Flask

from tests.api.client import client_of
from tests.support.browser import Browser
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from tests.workflows.programs import published, settled

__all__ = ["app"]
GREET = "workflow: greet\ntitle: Greet\nsteps: [{id: hello, chat: Say hello., turns: 0}, end: Bye]\n"


@pytest.mark.slow
def test_a_published_version_comes_before_the_task_of_each_step(app: Flask, owner: Browser, fake: Upstream) -> None:
    admin = client_of(app, owner.email)
    runs = published(admin, GREET)
    fake.says("Hello.")
    settled(admin, admin.post(runs, {}, status=201))
    assert "pirate" not in json.dumps(fake.posts()[-1]["body"])

    sections = [{"name": "Voice", "text": "You talk like a pirate."}]
    admin.post("/prompts/workflow.step/versions", {"sections": sections, "temperature": 0.25}, status=201)
    fake.says("Ahoy.")
    run = settled(admin, admin.post(runs, {}, status=201))
    asked = fake.posts()[-1]["body"]
    told = asked["messages"][0]["content"]
    assert 0 <= told.index("You talk like a pirate.") < told.index("Say hello.")
    assert asked["temperature"] == 0.25
    spoken = next(
        message for message in admin.get(f"/chats/{run['chat_id']}/messages")["messages"] if message["content"] == "Ahoy."
    )
    assert spoken["generation"]["led_by"] == "version 2 of workflow.step"


ADVISE = """workflow: advise
title: Advise
slots: {mood: {type: choice, options: [good, low]}, win: {type: text}}
steps: [collect: mood, {chat: Give advice.}, collect: win]
"""


@pytest.mark.slow
def test_a_corrected_answer_is_told_to_the_model_that_reads_the_old_one(app: Flask, owner: Browser, fake: Upstream) -> None:
    admin = client_of(app, owner.email)
    run = admin.post(published(admin, ADVISE), {}, status=201)
    fake.says("Go on.")
    admin.post(f"/runs/{run['id']}/answer", {"value": "good"})
    settled(admin, run)
    assert "corrected" not in json.dumps(fake.posts()[-1]["body"])

    admin.said("PUT", f"/runs/{run['id']}/facts/mood", 200, {"value": "low", "confirm": True})
    admin.post(f"/runs/{run['id']}/ask", {"question": "What helps?"})
    settled(admin, run)
    told, *_ = fake.posts()[-1]["body"]["messages"]
    assert "has corrected earlier answers since. These are the ones that count:\n- Mood: low" in told["content"]

"""An answer that waits for a person belongs to no worker: any of them can show it, and lets it continue."""

import json
import re

import gevent
import pytest

from tests.support.waiting import until

ASKED = {"tool": "ask_person", "arguments": {"question": "Which?", "choices": ["Red", "Blue"]}}
pytestmark = pytest.mark.slow


def test_a_question_of_one_worker_is_answered_at_another(deployment, fake) -> None:
    fake.always({"rounds": [{"says": "One thing.", "calls": [ASKED]}, {"says": "Blue, then."}]})
    here, there = deployment.here, deployment.there
    sent = there.send("/chats", message="Which colour?", tools=["ask_person"])["sent"]
    path, events = f"/chats/{sent['chat_id']}", f"/api/v1/generations/{sent['generation_id']}/events"
    until(lambda: deployment.generations(path) == [("waiting", "")], "it waits")
    heard = [gevent.spawn(person.get, events) for person in (here, there)]

    (call,) = json.loads(here.get("/api/v1/waiting").text)["calls"]
    here.send(f"/calls/{call['id']}/decision", decision="answer", result="Blue")
    until(lambda: deployment.generations(path) == [("completed", "stop")], "it continues in the same generation")

    with gevent.Timeout(60):
        streams = [reader.get().text for reader in heard]
    for stream in streams:
        assert re.findall("event: (asked|decided|returned|ended)", stream) == ["asked", "decided", "returned", "ended"]
    for person in (here, there):
        assert person.raw(sent["message_id"]) == "One thing.\n\nBlue, then."

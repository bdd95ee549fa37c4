"""The scripted upstream's commands: current answers end or continue, and those requested later are not affected."""

import json
import urllib.request
from typing import Any

import gevent

from tests.upstream.handle import CHAT, Upstream


def asked(fake: Upstream, *, is_streamed: bool) -> str:
    body = json.dumps({"model": "some/model", "stream": is_streamed, "messages": [{"role": "user", "content": "Count"}]})
    headers = {"Content-Type": "application/json", "Authorization": "Bearer good"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(fake.base_url + CHAT, body.encode(), headers), timeout=30) as reply:
        return str(reply.read())


def spoken(fake: Upstream, messages: list[dict[str, Any]], *, has_tools: bool = True) -> dict[str, Any]:
    tools = {"tools": [{"type": "function", "function": {"name": "now"}}]} if has_tools else {}
    body = json.dumps({"model": "some/model", "messages": messages, **tools})
    headers = {"Content-Type": "application/json", "Authorization": "Bearer good"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(fake.base_url + CHAT, body.encode(), headers), timeout=30) as reply:
        message: dict[str, Any] = json.loads(reply.read())["choices"][0]["message"]
    return message


def test_it_behaves_by_rounds(fake: Upstream) -> None:
    call = {"tool": "now", "arguments": {"place": "here"}}
    fake.always({"rounds": [{"says": "First.", "calls": [call, call]}, {"calls": [call]}, {"says": "Noon."}]})
    messages: list[dict[str, Any]] = [{"role": "user", "content": "What time is it?"}]

    ids = []
    while calls := (message := spoken(fake, messages)).get("tool_calls"):
        ids += [made["id"] for made in calls]
        messages += [message, *({"role": "tool", "tool_call_id": made["id"], "content": "12:00"} for made in calls)]

    assert ids == ["call_scripted_0_0", "call_scripted_0_1", "call_scripted_1_0"]
    assert message["content"] == "Noon."
    assert spoken(fake, messages[:1], has_tools=False)["content"] == "Noon."
    assert spoken(fake, [*messages, message, messages[0]])["content"] == "First."


def test_a_question_keeps_its_behaviour_in_every_round(fake: Upstream) -> None:
    # Known by this question from now on, in every test.
    fake.beside("Which hour has struck?", {"rounds": [{"calls": [{"tool": "now"}]}, {"says": "Noon."}]})
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Which hour has struck?"}]
    message = spoken(fake, messages)
    messages += [message, {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "12:00"}]

    assert spoken(fake, messages)["content"] == "Noon."
    assert len(fake.beside("Which hour has struck?")) == 2


def test_what_is_being_answered_ends_and_nothing_else(fake: Upstream) -> None:
    fake.behaves([{"counted": 9_000, "pace": 60}, {"says": "In its own time.", "delay": 60}])
    streamed = gevent.spawn(asked, fake, is_streamed=True)
    fake.until(lambda log: log and log[0]["tokens"])
    whole = gevent.spawn(asked, fake, is_streamed=False)
    fake.until(lambda log: len(log) == 2)
    fake.over()

    assert "w000001" in streamed.get(timeout=30)
    assert "[DONE]" in streamed.value
    assert "w000003" not in streamed.value
    assert "In its own time." in whole.get(timeout=30)
    fake.says("Another.")
    assert "Another." in asked(fake, is_streamed=False)


def test_what_holds_goes_on_to_its_own_end(fake: Upstream) -> None:
    fake.counts(4, holds=[2])
    answer = gevent.spawn(asked, fake, is_streamed=True)
    fake.until(lambda log: log and len(log[0]["tokens"]) == 2)
    fake.goes_on()

    assert "w000004" in answer.get(timeout=30)

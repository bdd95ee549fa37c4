"""The scripted upstream's commands: current answers end or continue, and those requested later are not affected."""

import json
import urllib.request

import gevent

from tests.upstream.handle import CHAT, Upstream


def asked(fake: Upstream, *, is_streamed: bool) -> str:
    body = json.dumps({"model": "some/model", "stream": is_streamed, "messages": [{"role": "user", "content": "Count"}]})
    headers = {"Content-Type": "application/json", "Authorization": "Bearer good"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(fake.base_url + CHAT, body.encode(), headers), timeout=30) as reply:
        return str(reply.read())


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

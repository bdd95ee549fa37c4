"""The OpenAI-compatible API, used by OpenAI's Python client against a real server."""

import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import gevent
import pytest

from tests.api.dialects.live import Caller
from tests.support.waiting import until
from tests.upstream.handle import CHAT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "Hello"}]}]


@pytest.fixture(scope="module")
def openai() -> ModuleType:
    """Imports the client only for the tests that use it: the import takes a second."""
    import openai

    return openai


@pytest.fixture
def client(caller: Caller, openai: ModuleType) -> Iterator[Any]:
    # A dependency of the OpenAI client.
    import httpx2

    direct = httpx2.Client(trust_env=False)
    with openai.OpenAI(base_url=f"{caller.url}/v1", api_key=caller.token, max_retries=0, http_client=direct) as client:
        yield client


def asked(fake):
    return [entry for entry in fake.log() if entry["path"].endswith(CHAT)]


def last_generation(caller):
    columns = "kind, status, reason, when_unwatched, model_asked, message_id, user_id, output_tokens, prompt"
    (row,) = caller.server.rows(f"SELECT {columns} FROM generations ORDER BY id DESC LIMIT 1")
    return dict(zip(columns.split(", "), row, strict=True))


def test_it_lists_the_models_and_shows_one(client, openai):
    names = [model.id for model in client.models.list()]

    assert names[0] == "default"
    assert "some/model" in names
    assert client.models.retrieve("some/model").id == "some/model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("demo/no-such")


def test_it_answers_in_one_piece_and_keeps_a_record_without_the_words(client, fake, caller):
    fake.says("Good morning, Grüße.")

    reply = client.chat.completions.create(model="default", messages=HELLO, temperature=1, max_tokens=900)

    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("Good morning, Grüße.", "stop")
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    (entry,) = asked(fake)
    assert entry["body"]["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    assert (entry["body"]["temperature"], entry["body"]["max_tokens"], entry["body"]["model"]) == (1, 500, "some/model")
    record = last_generation(caller)
    assert (record["kind"], record["status"], record["message_id"]) == ("door", "completed", None)
    assert record["user_id"]
    assert record["output_tokens"] == reply.usage.completion_tokens
    assert "brief" not in record["prompt"]


def test_it_streams_with_usage_and_asks_the_model_the_same(client, fake, caller):
    fake.counts(50, pace=0.002)
    whole = client.chat.completions.create(model="some/model", messages=HELLO).choices[0].message.content

    stream = client.chat.completions.create(
        model="some/model", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)

    *told, last = chunks
    assert "".join(chunk.choices[0].delta.content or "" for chunk in told) == whole
    assert told[0].choices[0].delta.role == "assistant"
    assert told[-1].choices[0].finish_reason == "stop"
    assert (last.choices, last.usage.completion_tokens) == ([], last_generation(caller)["output_tokens"])
    first, second = [entry["body"] for entry in asked(fake)]
    assert first == second


def test_it_ends_before_the_words_that_a_caller_wants_no_more_of(client, fake):
    fake.counts(2000, pace=0.002)

    reply = client.chat.completions.create(model="default", messages=HELLO, stop=["w000011", "never"])
    chunks = list(client.chat.completions.create(model="default", messages=HELLO, stop="000003 w", stream=True))

    assert (reply.choices[0].message.content[-8:], reply.choices[0].finish_reason) == ("w000010 ", "stop")
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "w000001 w000002 w"
    assert fake.until(lambda log: [entry for entry in log if entry["client_closed"]])


def test_what_is_refused_has_openais_classes(client, caller, fake, openai):
    create = client.chat.completions.create
    with pytest.raises(openai.AuthenticationError) as refused:
        client.with_options(api_key="millrace_wrong").chat.completions.create(model="default", messages=HELLO)
    assert (refused.value.code, refused.value.type) == ("invalid_api_key", "authentication_error")
    with pytest.raises(openai.NotFoundError) as unknown:
        create(model="demo/no-such", messages=HELLO)
    assert unknown.value.code == "model_not_found"
    for wrong in (
        {"messages": []},
        {"messages": [{"role": "nobody", "content": "Hi"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        {"messages": HELLO, "temperature": 3},
        {"messages": HELLO, "n": 2},
    ):
        with pytest.raises(openai.BadRequestError) as bad:
            create(model="default", **wrong)
        assert bad.value.type == "invalid_request_error"
        assert bad.value.param
    assert asked(fake) == []


def test_what_fails_upstream_is_told(client, fake, openai):
    fake.always({"status": 400, "json": {"error": {"code": 400, "message": "No."}}})
    with pytest.raises(openai.InternalServerError) as failed:
        client.chat.completions.create(model="default", messages=HELLO)
    assert failed.value.status_code == 502
    fake.says("Some words and then", cut_after=2)
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model="default", messages=HELLO, stream=True))


def test_too_many_at_once_is_a_rate_limit(client, caller, fake, openai):
    fake.counts(2000, pace=0.01)
    caller.server.set(limits__concurrent_streams="1")
    try:
        until(lambda: _refuses(client, caller, openai), "the limit is known")
    finally:
        caller.server.set(limits__concurrent_streams="0")
        until(lambda: not _refuses(client, caller, openai), "the limit is gone")


def _refuses(client, caller, openai):
    """Starts two streams: the second is refused where the limit is one."""
    until(lambda: caller.server.running() == 0, "nothing runs")
    with client.chat.completions.create(model="default", messages=HELLO, stream=True) as first:
        next(iter(first))
        try:
            client.chat.completions.create(model="default", messages=HELLO, stream=True).close()
        except openai.RateLimitError as error:
            return error.code == "rate_limit_exceeded" and int(error.response.headers["Retry-After"]) > 0
        return False


def test_who_leaves_closes_the_upstream_at_once(client, fake, caller):
    until(lambda: caller.server.running() == 0, "nothing runs")
    fake.reset()
    fake.counts(4000, pace=0.01)
    with client.chat.completions.create(model="default", messages=HELLO, stream=True) as stream:
        next(chunk for chunk in stream if chunk.choices[0].delta.content)
    left_at = time.monotonic()

    # The request for the cost can be in the log already.
    fake.until(lambda log: any(entry["client_closed"] for entry in log))
    assert asked(fake)[0]["client_closed"] - left_at < 5
    until(lambda: last_generation(caller)["status"] == "stopped", "it is stopped")
    assert (last_generation(caller)["reason"], last_generation(caller)["when_unwatched"]) == ("client_gone", "abort:0")

    waiting = gevent.spawn(client.chat.completions.create, model="default", messages=HELLO)
    # The request for the first answer's cost comes in between.
    fake.until(lambda log: len(asked(fake)) == 2)
    left_at = time.monotonic()
    waiting.kill()
    fake.until(lambda log: all(request["client_closed"] for request in asked(fake)))
    assert asked(fake)[-1]["client_closed"] - left_at < 5

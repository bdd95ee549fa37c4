"""Streams that deliver the answer of their own request: nothing closes one to make room, and losing the token ends it."""

import json
from collections.abc import Iterator
from itertools import chain

import gevent
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.api.client import client_of
from tests.api.dialects.conftest import Program
from tests.support.browser import Browser
from webapp.people.accounts import queries, tokens
from webapp.settings.service import set_setting

STREAMS = {
    "assistant": ("/ai/chat/stream", {"message": "Count"}),
    "quick": ("/api/chat/stream", {"message": "Count"}),
    "openai": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Count"}], "stream": True}),
}
SOON = 2.0


def opened(program: Program, dialect: str) -> tuple[TestResponse, Iterator[bytes]]:
    path, body = STREAMS[dialect]
    headers = {**program.headers, "Accept": "text/event-stream"}
    response = program.client.post(path, json=body, headers=headers, buffered=False)
    if response.status_code != 200:
        return response, iter(())
    pieces = response.iter_encoded()
    return response, chain([next(pieces)], pieces)


@pytest.mark.parametrize("dialect", STREAMS)
def test_a_token_that_is_revoked_ends_its_stream_at_once(app: Flask, program: Program, fake, dialect: str) -> None:
    fake.counts(4000, pace=0.02)
    response, pieces = opened(program, dialect)
    with app.app_context():
        user = queries.user_of("member@example.org")
        (token,) = queries.tokens_of(user.id)
        tokens.revoke_token(user, token.id)

    with gevent.Timeout(SOON, AssertionError("the stream goes on")):
        rest = b"".join(pieces)

    assert b"access" in rest
    response.close()


@pytest.mark.parametrize("dialect", STREAMS)
def test_a_person_who_may_not_use_the_api_any_longer_loses_the_streams_of_their_tokens(
    owner: Browser, program: Program, fake, dialect: str
) -> None:
    fake.counts(4000, pace=0.02)
    response, pieces = opened(program, dialect)
    client_of(owner.app, owner.email).said("PUT", "/permissions", 200, {"roles": {"member": {"api": False}}})

    with gevent.Timeout(SOON, AssertionError("the stream goes on")):
        rest = b"".join(pieces)

    assert b"access" in rest
    response.close()


@pytest.mark.parametrize("dialect", STREAMS)
def test_one_too_many_is_refused_and_closes_none_of_those_before(app: Flask, program: Program, fake, dialect: str) -> None:
    with app.app_context():
        set_setting("limits.sse_per_user", "2")
    fake.counts(100, pace=0.02)
    streams = [opened(program, dialect) for _ in range(2)]

    refused, _ = opened(program, dialect)

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    error = json.loads(refused.data)["error"]
    assert "2 answers streaming" in (error["message"] if dialect == "openai" else error)
    for response, pieces in streams:
        text = b"".join(pieces)
        response.close()
        assert b"w000100" in text
        assert b"superseded" not in text
    again, pieces = opened(program, dialect)
    assert again.status_code == 200
    again.close()


def test_a_stream_that_is_closed_before_its_first_byte_gives_back_its_place(app: Flask, program: Program, fake) -> None:
    with app.app_context():
        set_setting("limits.sse_per_user", "1")
    fake.says("Fine.")
    path, body = STREAMS["assistant"]
    for _ in range(3):
        response = program.client.post(path, json=body, headers=program.headers, buffered=False)
        assert response.status_code == 200
        response.close()

"""Answers from documents through the OpenAI-compatible API: with the caller's permissions and the positions of citations."""

import json

import pytest

from tests.api.client import client_of
from tests.chat.conftest import asked
from tests.chat.library import FRIDAY, Library
from webapp.guests.dialects.openai.encoder import MOST_PLACES, annotations


def test_citations_become_annotations():
    one, two = ({"number": number, "title": f"T{number}", "url": f"/{number}"} for number in (1, 2))
    found = annotations("Oil [1] it [9], so [1].", (one, two))
    spans = [(annotation["url_citation"]["start_index"], annotation["url_citation"]["end_index"]) for annotation in found]
    assert spans == [(4, 7), (19, 22), (23, 23)]
    assert [annotation["source"]["number"] for annotation in found] == [1, 1, 2]
    assert annotations("Oil [1].", ()) == []


def test_an_answer_of_nothing_but_citations_has_a_bounded_number_of_annotations():
    one, two = ({"number": number, "title": f"T{number}", "url": f"/{number}"} for number in (1, 2))
    found = annotations("[1]" * 10_000 + "[2]", (one, two))
    assert [annotation["source"]["number"] for annotation in found] == [1] * MOST_PLACES + [2]
    # The search for citations is bounded, even where the numbers refer to no source.
    assert [annotation["url_citation"]["start_index"] for annotation in annotations("[9]" * 10_000 + "[1]", (one,))] == [30_003]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_sources_are_sent_and_told(app, member, stranger, fake, is_streamed):
    fake.says("On Friday [1].")
    papers = Library(app, member).collection(("Manual", [FRIDAY]))
    body = {"messages": [{"role": "user", "content": "Who oils the bearing?"}], "stream": is_streamed, "collection_ids": [papers]}
    program = client_of(app, member.email)
    response = program.call("POST", "/v1/chat/completions", body, buffered=True)
    text = response.get_data(as_text=True)
    assert response.status_code == 200, text
    if is_streamed:
        chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
        (told,) = [annotation for chunk in chunks for annotation in chunk["choices"][0]["delta"].get("annotations", ())]
    else:
        (told,) = json.loads(text)["choices"][0]["message"]["annotations"]
    assert (told["url_citation"]["title"], told["url_citation"]["start_index"]) == ("Manual", 10)
    assert told["url_citation"]["url"].startswith("/knowledge/documents/")
    sent = asked(fake)[-1]["body"]["messages"]
    assert [turn["role"] for turn in sent] == ["system", "user", "user"]
    assert FRIDAY in sent[1]["content"]

    refused = client_of(app, stranger.email).call("POST", "/v1/chat/completions", body, buffered=True)
    assert refused.status_code == 404

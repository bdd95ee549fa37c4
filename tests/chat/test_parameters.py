"""The parameters of a chat reach the model under its server's names, as far as the server supports them."""

from dataclasses import replace

import pytest

from tests.chat.conftest import asked, ended_with, id_of
from webapp.base.db import write
from webapp.chat.record.tables import Chat
from webapp.models.providers import anthropic, openai
from webapp.models.providers.base import ModelRequest, Turn

SAMPLERS = {"top_k": 40, "min_p": 0.1, "frequency_penalty": -0.5, "presence_penalty": 1, "repetition_penalty": 1.1}
WANTED = {"top_p": "0.5", "stop_words": "END\n\nSTOP", "effort": "high", "answer_format": "json"}
REQUEST = ModelRequest(
    "a",
    (Turn("user", "Hi"),),
    top_p=0.5,
    stop=("END",),
    is_json=True,
    effort="high",
    temperature=None,
    max_tokens=9,
    samplers=SAMPLERS,
)


def body_of(model: str, **how) -> dict:
    return openai.body(replace(REQUEST, model=model), "instruct", is_streamed=False, **how)


@pytest.mark.slow
def test_each_is_said_in_the_servers_words(owner, path, fake):
    owner.submit(f"{path.partition('#')[0]}/prompts", **WANTED, **{name: str(value) for name, value in SAMPLERS.items()})
    fake.says("{}")
    owner.post(f"{path}/messages", message="Again")
    page = owner.wait_for(path, ended_with(4))

    body = asked(fake)[-1]["body"]
    assert {name: body[name] for name in ("top_p", "stop", "reasoning", "response_format")} == {
        "top_p": 0.5,
        "stop": ["END", "STOP"],
        "reasoning": {"effort": "high"},
        "response_format": {"type": "json_object"},
    }
    assert body | SAMPLERS == body
    sent = owner.page(page.all(".sent-link")[-1].attributes["href"])
    assert sent.says("Top-p: 0.5 · Stop words: END, STOP · Reasoning effort: high · JSON: on")
    assert sent.says("Top-k: 40 · Min-p: 0.1 · Frequency penalty: -0.5 · Presence penalty: 1.0 · Repetition penalty: 1.1")


@pytest.mark.slow
def test_what_a_model_cannot_be_told_is_not_offered_and_not_sent(owner, path, fake, app):
    listed = [{"id": "some/model", "name": "Some", "supported_parameters": ["stop"]}]
    fake.always({"json": {"data": listed}}, at="/models")
    owner.page("/admin/models").press("Refresh")
    prompts = f"{path.partition('#')[0]}/prompts"
    page = owner.page(prompts)
    assert page.all("#prompts-stop")
    assert not page.all("#prompts-top-p, #prompts-effort, #prompts-format")

    with app.app_context(), write() as session:
        chat = session.get_one(Chat, id_of(path))
        chat.top_p, chat.stop_words, chat.effort, chat.answer_format = 0.5, "END", "high", "json"
    assert owner.page(prompts).says("Top-p isn't supported by Some.")
    fake.says("Two")
    owner.post(f"{path}/messages", message="Again")
    owner.wait_for(path, ended_with(4))
    body = asked(fake)[-1]["body"]
    assert body["stop"] == ["END"]
    assert not {"top_p", "reasoning", "response_format"} & body.keys()


def test_what_is_not_known_is_marked(owner, path):
    page = owner.page(f"{path.partition('#')[0]}/prompts")

    assert page.says("Top-p may not be supported by Model.")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("stop_words", "a\nb\nc\nd\ne", "Enter up to 4 stop words"),
        ("effort", "enormous", "Choose one of the efforts."),
        ("answer_format", "xml", "Choose one of the formats."),
    ],
)
def test_what_is_out_of_bounds_is_refused(owner, path, field, value, words):
    page = owner.post(f"{path.partition('#')[0]}/prompts", **{field: value})

    assert (page.status_code, page.says(words)) == (422, True)


def test_openai_and_anthropic_have_words_of_their_own():
    reasoning = body_of("gpt-5", host="api.openai.com")
    assert not {"top_p", "stop"} & reasoning.keys()
    assert reasoning["response_format"] == {"type": "json_object"}
    assert (body_of("gpt-4o", host="api.openai.com")["top_p"], body_of("llama")["stop"]) == (0.5, ["END"])

    claude = anthropic.body(replace(REQUEST, model="claude-3-5-haiku"), "prefill", is_streamed=False)
    assert (claude["top_p"], claude["stop_sequences"]) == (0.5, ["END"])
    openais, local = body_of("gpt-4o", host="api.openai.com").keys(), body_of("llama")
    assert SAMPLERS.keys() & openais == {"frequency_penalty", "presence_penalty"}
    assert (local["min_p"], local["repetition_penalty"], local["repeat_penalty"]) == (0.1, 1.1, 1.1)
    assert SAMPLERS.keys() & claude.keys() == {"top_k"}
    newest = anthropic.body(replace(REQUEST, model="claude-opus-5"), "prefill", is_streamed=False)
    assert not {"top_p", "top_k"} & newest.keys()

"""Presets of other programs: what is taken over, what is said to be left out, and hostile files."""

import json
from io import BytesIO
from typing import Any

import pytest

from tests.api.client import Client, client_of
from tests.chat.conftest import app
from tests.support.browser import Browser
from tests.support.form import WITH_FILE, with_file
from tests.support.page import Page
from webapp.workspace.presets.preset_files import pieces, presets_in

__all__ = ["app"]


def prompt(identifier: str, content: str = "", **more: Any) -> dict[str, Any]:
    return {"identifier": identifier, "name": identifier.title(), "role": "system", "content": content, **more}


PROMPTS = [
    prompt("main", "Write as {{char}}."),
    prompt("nsfw", "Stay kind."),
    prompt("jailbreak", "No lists."),
    prompt("first", "Before all."),
    prompt("deep", "Deep down.", injection_position=1, injection_depth=2),
    prompt("said", "I said so.", role="user"),
    prompt("off", "Never."),
    *(prompt(name, marker=True) for name in ("chatHistory", "charDescription", "personaDescription", "worldInfoBefore")),
]
ORDER = ["first", "personaDescription", "main", "charDescription", "nsfw", "deep", "said", "chatHistory", "jailbreak"]
SILLYTAVERN = {
    "temperature": 0.7,
    "top_p": 1,
    "top_k": 40,
    "frequency_penalty": 5,
    "openai_max_tokens": 300,
    "chat_completion_source": "openai",
    "openai_model": "gpt-nowhere",
    "reasoning_effort": "auto",
    "assistant_prefill": "Sure,",
    "custom_stopping_strings": '["END"]',
    "prompts": PROMPTS,
    "prompt_order": [
        {"character_id": 100_000, "order": []},
        {
            "character_id": 100_001,
            "order": [{"identifier": name, "enabled": True} for name in ORDER] + [{"identifier": "off", "enabled": False}],
        },
    ],
}
OPEN_WEBUI = [
    {
        "id": "miller",
        "base_model_id": "model",
        "name": "The miller",
        "params": {"system": "Grind.", "temperature": 0.2, "stop": ["END", "STOP"], "reasoning_effort": "odd", "num_ctx": 9},
        "meta": {
            "description": "Grinds.",
            "toolIds": ["search_documents", "weather"],
            "knowledge": [{"name": "Mills"}, {"name": "Weirs"}],
            "filterIds": ["one"],
        },
    },
    {"id": "a" * 300, "base_model_id": None, "name": "", "params": None, "meta": []},
]


def brought(program: Client, value: Any, *, status: int = 201) -> Any:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    data = {"file": (BytesIO(content), "Story teller.json")}
    response = program.client.post("/api/v1/presets/import", headers=program.headers, data=data)
    assert response.status_code == status, response.text
    return response.json


def test_a_preset_of_sillytavern_keeps_its_prompts_and_their_order(member: Browser) -> None:
    program = client_of(member.app, member.email)
    [made] = brought(program, SILLYTAVERN)["presets"]
    preset = program.get(f"/presets/{made['id']}")

    assert (preset["name"], preset["pre_prompt"], preset["post_prompt"]) == ("Story teller", "Before all.", "No lists.")
    assert preset["system_prompt"] == "Write as {{char}}.\n\nStay kind."
    assert (preset["temperature"], preset["top_k"], preset["top_p"], preset["max_tokens"]) == (0.7, 40, None, 300)
    assert (preset["stop_words"], preset["effort"]) == ("END", "")
    moved = [name for name in preset["section_order"] if name in ("persona", "system_prompt", "character")]
    assert moved == ["persona", "system_prompt", "character"]
    notes = " ".join(made["notes"])
    for words in ("gpt-nowhere", "Deep", "Said", "Nsfw", "beginning that it puts", "Frequency penalty was left out"):
        assert words in notes, notes
    assert "Off" not in notes


def test_models_of_open_webui_find_what_is_here(member: Browser) -> None:
    program = client_of(member.app, member.email)
    mills = program.post("/collections", {"name": "Mills"}, status=201)["id"]
    result = brought(program, OPEN_WEBUI)
    [miller, other] = [program.get(f"/presets/{preset['id']}") for preset in result["presets"]]

    assert (miller["name"], miller["about"], miller["model"]) == ("The miller", "Grinds.", "some/model")
    assert (miller["system_prompt"], miller["temperature"], miller["stop_words"]) == ("Grind.", 0.2, "END\nSTOP")
    assert (miller["tools"], miller["collection_ids"], miller["effort"]) == (["search_documents"], [mills], "")
    notes = " ".join(result["presets"][0]["notes"])
    assert all(words in notes for words in ("weather", "Weirs", "filters", "Reasoning effort was left out"))
    assert (len(other["name"]), other["model"]) == (120, "")


def test_the_page_says_what_was_left_out(owner: Browser) -> None:
    def page_after(value: Any) -> Page:
        headers = {"Origin": owner.origin, "Sec-Fetch-Site": "same-origin", "Content-Type": WITH_FILE}
        body = with_file(json.dumps(value).encode(), "Story.json")
        return Page(owner, owner.client.post("/presets/import", data=body, headers=headers, base_url=owner.origin))

    page = page_after(SILLYTAVERN)
    assert page.says("1 new preset.")
    assert page.says("There is no model gpt-nowhere here")
    assert page_after([]).says("It has no presets")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[1]",
        b"{}",
        b"null",
        b'{"prompts": "x", "temperature": NaN}',
        b"[" * 5_000,
        json.dumps([{"base_model_id": "m", "name": str(number)} for number in range(101)]).encode(),
    ],
)
def test_what_is_no_preset_is_refused(content: bytes) -> None:
    assert [*next(pieces(BytesIO(content)))] == ["trouble"]


@pytest.mark.parametrize(
    "value",
    [
        {"prompts": [None, 1, {"identifier": {}}], "prompt_order": [1, {"character_id": [], "order": 5}]},
        {"prompts": {}, "prompt_order": {}, "temperature": True, "openai_model": 5, "chat_completion_source": []},
        {"temp": 1e308, "rep_pen": "a", "name": {"a": 1}, "extensions": {"regex_scripts": [1]}},
        {"base_model_id": 1, "params": [], "meta": {"knowledge": ["a", {"name": {}}], "toolIds": {"a": 1}}},
    ],
)
def test_odd_values_are_nothing(value: Any) -> None:
    [preset] = presets_in(value)

    assert all(isinstance(note, str) for note in preset["notes"])
    assert all(isinstance(preset[name], str) for name in ("name", "model", "stop_words", "effort"))

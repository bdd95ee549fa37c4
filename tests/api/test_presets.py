"""Presets in the API: made, granted, chosen for a chat, and what models are sent because of one."""

from typing import Any

import pytest

from tests.api.client import Client
from tests.chat.conftest import asked
from tests.support.browser import Browser
from tests.support.marks import on_both_databases
from tests.upstream.handle import Upstream
from webapp.chat.prompt.section_order import USUAL

MODEL = "some/model"
WHOLE = {
    "name": "Editor",
    "icon": "✎",
    "about": "Shortens what I write.",
    "model": MODEL,
    "system_prompt": "Be brief.",
    "post_prompt": "No lists.",
    "temperature": 0.2,
    "top_p": 0.9,
    "stop_words": "END",
    "tools": ["search_documents"],
}


def made(program: Client, **values: Any) -> dict[str, Any]:
    return dict(program.post("/presets", {"name": "Editor", **values}, status=201))


def begun(program: Client, **values: Any) -> str:
    """Returns the path of a chat with one question and its answer."""
    begun = program.post("/chats", {"message": "Why?", **values}, status=201)
    program.ended(begun["sent"])
    return f"/chats/{begun['chat']['id']}"


def ask(program: Client, path: str, **values: Any) -> None:
    program.ended(program.post(f"{path}/messages", {"message": "And then?", **values}, status=202))


def sent(fake: Upstream) -> tuple[list[str], dict[str, Any]]:
    """Returns the system texts and the parameters of the last request for an answer."""
    body = [entry["body"] for entry in asked(fake) if entry["body"].get("stream")][-1]
    return [turn["content"] for turn in body["messages"] if turn["role"] == "system"], body


def test_one_is_made_changed_deleted_and_brought_back(program: Client) -> None:
    preset = made(program, **WHOLE)
    assert {name: preset[name] for name in WHOLE} == WHOLE
    assert (preset["choice"], preset["is_own"], preset["left_out"]) == (f"preset:{preset['id']}", True, 0)
    assert (preset["section_order"], preset["max_tokens"], preset["is_available"]) == (list(USUAL), None, True)
    path = f"/presets/{preset['id']}"

    changed = program.said("PATCH", path, 200, {"temperature": None, "section_order": ["persona", "character"]})
    assert (changed["temperature"], changed["top_p"], changed["about"]) == (None, 0.9, WHOLE["about"])
    assert changed["section_order"].index("persona") < changed["section_order"].index("character")
    assert sorted(changed["section_order"]) == sorted(USUAL)
    assert program.post(f"{path}/duplicate", status=201)["name"] == "Editor (copy)"

    program.said("DELETE", path, 204)
    program.said("GET", path, 404)
    assert [preset["name"] for preset in program.get("/presets")["presets"]] == ["Editor (copy)"]
    assert program.post(f"{path}/restore")["name"] == "Editor"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("icon", "Editor"),
        ("model", "demo/none"),
        ("temperature", 3),
        ("effort", "huge"),
        ("stop_words", "a\nb\nc\nd\ne"),
        ("tools", ["no_tool"]),
        ("section_order", ["history"]),
        ("system_prompt", "a" * 20_001),
    ],
)
def test_what_cannot_be_is_refused(program: Client, field: str, value: Any) -> None:
    assert list(program.said("POST", "/presets", 422, {"name": "Editor", field: value})["fields"]) == [field]


def test_a_chat_answers_by_its_preset_and_its_own_values_win(program: Client, fake: Upstream) -> None:
    fake.says("One")
    preset = made(program, **WHOLE)
    path = begun(program, preset_id=preset["id"])
    texts, body = sent(fake)
    assert texts == ["Be brief.", "No lists."]
    assert (body["model"], body["temperature"], body["top_p"], body["stop"]) == (MODEL, 0.2, 0.9, ["END"])
    assert [tool["function"]["name"] for tool in body["tools"]] == ["search_documents"]
    chat = program.get(path)
    assert (chat["preset_id"], chat["model"], chat["temperature"], chat["tools"]) == (preset["id"], MODEL, None, [])

    # From the next answer on.
    program.said("PATCH", f"/presets/{preset['id']}", 200, {"system_prompt": "Be long."})
    program.said("PATCH", path, 200, {"temperature": 1.5, "post_prompt": "Lists only."})
    ask(program, path)
    texts, body = sent(fake)
    assert (texts, body["temperature"], body["top_p"]) == (["Be long.", "Lists only."], 1.5, 0.9)

    # A model that is named leaves the preset.
    ask(program, path, model=MODEL)
    texts, body = sent(fake)
    assert (texts, "top_p" in body, program.get(path)["preset_id"]) == (["Lists only."], False, None)
    ask(program, path, model=preset["choice"])
    assert sent(fake)[0] == ["Be long.", "Lists only."]
    assert program.said("PATCH", path, 200, {"preset_id": None})["preset_id"] is None
    program.said("PATCH", path, 422, {"preset_id": preset["id"], "model": MODEL})


def test_the_sections_have_the_order_of_the_preset(program: Client, admin: Client, fake: Upstream) -> None:
    fake.says("One")
    character = program.post("/characters", {"name": "Mara", "description": "A miller."}, status=201)["id"]
    persona = program.post("/personas", {"name": "Ada", "description": "A clerk."}, status=201)["id"]
    path = f"/chats/{program.post('/chats', {'character_id': character, 'persona_id': persona}, status=201)['chat']['id']}"
    program.said("PATCH", path, 200, {"pre_prompt": "First."})
    ask(program, path)
    assert sent(fake)[0] == ["First.\n---\nA miller.\n---\nA clerk."]

    preset = made(program, system_prompt="Play.", section_order=["persona", "character", "system_prompt", "pre_prompt"])
    program.said("PATCH", path, 200, {"preset_id": preset["id"]})
    ask(program, path)
    assert sent(fake)[0] == ["A clerk.\n---\nA miller.\n---\nPlay.\n---\nFirst."]
    # The character's own instructions are closer to it than those of a preset, which they can quote.
    program.said("PATCH", f"/characters/{character}", 200, {"system_prompt": "{{original}} You are Mara."})
    ask(program, path)
    assert "Play. You are Mara." in sent(fake)[0][0]


def test_what_a_reader_cannot_use_is_left_out_and_what_is_gone_is_said(program: Client, admin: Client, fake: Upstream) -> None:
    fake.says("One")
    collection = program.post("/collections", {"name": "Mine alone"}, status=201)["id"]
    preset = made(program, **WHOLE | {"collection_ids": [collection]})
    path = f"/presets/{preset['id']}"
    admin.said("POST", "/chats", 422, {"message": "Why?", "preset_id": preset["id"]})
    [grant] = program.said("PUT", f"{path}/grants", 200, {"to": "everyone"})["grants"]

    seen = admin.get(path)
    assert (seen["is_own"], seen["collection_ids"], seen["tools"], seen["left_out"]) == (False, [], ["search_documents"], 1)
    everyone = {"to": "everyone"}
    for method, rest, body in (("PATCH", "", {}), ("DELETE", "", None), ("GET", "/grants", None), ("PUT", "/grants", everyone)):
        admin.said(method, f"{path}{rest}", 403, body)
    assert admin.post(f"{path}/duplicate", status=201)["collection_ids"] == []
    chat = begun(admin, preset_id=preset["id"])
    assert sent(fake)[0][0] == "Be brief."

    program.said("DELETE", f"{path}/grants/{grant['id']}", 204)
    refused = admin.said("POST", f"{chat}/messages", 422, {"message": "And then?"})
    assert refused["fields"] == {"model": "This preset is no longer available. Choose another model."}
    ask(admin, chat, model=MODEL)
    assert sent(fake)[0] == []


def test_a_character_names_one_for_its_new_chats(program: Client, admin: Client) -> None:
    preset = made(program, **WHOLE)["id"]
    mara = program.post("/characters", {"name": "Mara", "description": "A miller.", "preset_id": preset}, status=201)
    assert mara["preset_id"] == preset
    chat = program.post("/chats", {"character_id": mara["id"]}, status=201)["chat"]
    assert (chat["preset_id"], chat["model"]) == (preset, MODEL)
    path = f"/characters/{mara['id']}"
    program.said("PATCH", path, 200, {"is_shared": True, "name": "Marah"})

    # Who can't use it gets the character alone.
    assert admin.get(path)["preset_id"] == ""
    assert admin.post("/chats", {"character_id": mara["id"]}, status=201)["chat"]["preset_id"] is None
    theirs = admin.post("/presets", {"name": "Theirs"}, status=201)["id"]
    program.said("PATCH", path, 422, {"preset_id": theirs})
    assert program.said("PATCH", path, 200, {"preset_id": ""})["preset_id"] == ""


@pytest.mark.slow
@on_both_databases
def test_a_preset_costs_an_answer_one_statement(program: Client, member: Browser, fake: Upstream) -> None:
    fake.says("One", cost=0.0001)
    preset, counts = made(program, **WHOLE | {"tools": []}), []
    for more in ({}, {"preset_id": preset["id"]}):
        path = begun(program, **more)
        tries = []
        for _ in range(3):
            with member.counting_statements() as statements:
                started = program.post(f"{path}/messages", {"message": "And then?"}, status=202)
            tries.append(len(statements))
            program.ended(started)
        counts.append(min(tries))

    assert counts[1] <= counts[0] + 1


@pytest.mark.parametrize("word", ["preset:nix", "preset:"])
def test_a_preset_that_there_cannot_be_is_no_name_of_a_model(program: Client, fake: Upstream, word: str) -> None:
    program.post("/chats", {"message": "Why?", "model": word}, status=422)
    assert not fake.posts()

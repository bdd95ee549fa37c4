"""The tools that come with Millrace: what every one of them says of itself."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from webapp.tools.built_in.ask_person import ASK_PERSON
from webapp.tools.built_in.catalog import ALL
from webapp.tools.shown import TOOL_GROUPS
from webapp.tools.tool import Tool

KEYS = ["search_web", "read_page", "search_documents", "read_document", "run_python", "write_file", "make_picture", "ask_person"]
ODD = (None, 7, 2.5, True, [], ["x"], {"x": 1}, "", "\0\n", "x" * 10_000, "\ud800")
IDS = [tool.key for tool in ALL]


def test_they_keep_their_names() -> None:
    assert IDS == KEYS


@pytest.mark.parametrize("tool", ALL, ids=IDS)
def test_every_provider_takes_its_name_and_schema(tool: Tool) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tool.key)
    assert tool.title
    assert tool.description.endswith(".")
    # What people read is one sentence of its own, in a card.
    assert re.fullmatch(r"[A-Z][^.]*\.", tool.about)
    assert tool.group in {group.slug for group in TOOL_GROUPS}
    schema = json.loads(json.dumps(tool.schema))
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert set(schema.get("required", ())) <= set(schema["properties"])
    assert all("description" in field for field in schema["properties"].values())


@pytest.mark.parametrize("tool", ALL, ids=IDS)
def test_whatever_a_model_writes_can_be_said_in_one_line(tool: Tool) -> None:
    for name in (*tool.schema["properties"], "else"):
        for value in ODD:
            words = tool.says({name: value})
            assert words.isprintable(), (name, value)
            assert 0 < len(words) < 120


@pytest.mark.parametrize("tool", ALL, ids=IDS)
def test_they_read_or_make_files_of_the_chat_and_none_destroys(tool: Tool) -> None:
    assert tool.hints.is_read_only == (tool.key not in ("write_file", "make_picture"))
    # A picture costs money, each time.
    assert tool.hints.is_safe_to_repeat == (tool.key != "make_picture")
    assert not tool.hints.is_destructive
    assert tool.policy == ("ask" if tool.key == "make_picture" else "allow")
    assert tool.hints.is_open_world == (tool.key in ("search_web", "read_page", "make_picture"))


def test_a_question_waits_for_a_person() -> None:
    assert [tool.key for tool in ALL if tool.is_question] == ["ask_person"]
    assert ASK_PERSON.says({"question": "Which\nharbour?"}) == "Asked you “Which harbour?”"


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ({"question": "Which one?"}, True),
        ({"question": "x" * 500, "choices": []}, True),
        ({"question": "Which?", "choices": ["a" * 100, "b", "c", "d", "e", "f"]}, True),
        ({"question": "Which?", "choices": list("abcdefg")}, False),
        ({"question": "Which?", "choices": ["a" * 101]}, False),
        ({"question": "Which?", "choices": ["a", "a"]}, False),
        ({"question": "Which?", "choices": [""]}, False),
        ({"question": "Which?", "choices": "a"}, False),
        ({"question": "x" * 501}, False),
        ({"question": ""}, False),
        ({"choices": ["a"]}, False),
        ({"question": "Which?", "answer": "a"}, False),
    ],
)
def test_a_question_has_up_to_six_choices(arguments: dict[str, object], fits: bool) -> None:
    assert Draft202012Validator(dict(ASK_PERSON.schema)).is_valid(arguments) == fits

"""The pure parts of tools: names for providers, arguments against schemas, and the outside rule."""

import re

import pytest

from webapp.tools.arguments import BadArguments, check_arguments, parsed_arguments
from webapp.tools.names import safe_names
from webapp.tools.offers import Offer
from webapp.tools.tool import Hints, Result, Tool

SCHEMA = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "maxLength": 5},
        "limit": {"type": "integer", "minimum": 1, "maximum": 8},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "kind": {"enum": ["new", "old"]},
    },
    "required": ["query"],
    "additionalProperties": False,
}


def offer(hints: Hints) -> Offer:
    tool = Tool("any", "Any", "Does anything.", {}, lambda _: "Any", lambda *_: Result(""), hints=hints, policy="allow")
    return Offer(tool, "any", "allow")


def test_every_key_gets_a_name_of_its_own_that_providers_take() -> None:
    keys = ["search_web", "notes.search", "notes_search", "notes/search", "ä" * 100, "ö" * 100, "x" * 80, "x" * 90]
    names = safe_names(keys)
    assert (names["search_web"], names["notes_search"]) == ("search_web", "notes_search")
    assert len(set(names.values())) == len(keys)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in names.values())
    assert safe_names(reversed(keys)) == names


@pytest.mark.parametrize("text", ["", "{}", '{"query": "otter"}', '{"query": "a", "limit": 2.0, "tags": ["b"], "kind": "new"}'])
def test_what_fits_is_taken(text: str) -> None:
    check_arguments(parsed_arguments(text), SCHEMA if text not in ("", "{}") else {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"query": NaN}', "not valid JSON"),
        ('{"limit": 1e999}', "not valid JSON"),
        ('{"query": "\\ud800"}', "not valid JSON"),
        ("[" * 5_000, "not valid JSON"),
        ('{"a": ' * 30 + "1" + "}" * 30, "nested more than"),
        ('{"query": [' + "1," * 20_000 + "1]}", "more than 10000 values"),
        ('"' + "a" * 1_000_001 + '"', "longer than"),
        ('{"limit": 1}', "query is missing"),
        ('{"query": "otters"}', "at most 5 characters"),
        ('{"query": 1}', "of the type string"),
        ('{"query": "a", "limit": true}', "of the type integer"),
        ('{"query": "a", "limit": 9}', "at most 8"),
        ('{"query": "a", "tags": ["b", 1]}', "tags[1] must be"),
        ('{"query": "a", "tags": ["b", "c", "d"]}', "at most 2 items"),
        ('{"query": "a", "kind": "middle"}', "one of"),
        ('{"query": "a", "more": 1}', "more is unknown"),
    ],
)
def test_what_does_not_fit_is_told_to_the_model(text: str, words: str) -> None:
    with pytest.raises(BadArguments, match=re.escape(words)):
        check_arguments(parsed_arguments(text), SCHEMA)


def test_a_schema_of_nonsense_refuses_nothing_and_takes_no_time() -> None:
    loop: dict = {"properties": {}}
    loop["properties"]["a"] = loop
    wild = [
        loop,
        {"type": 1},
        {"type": ["string", None]},
        {"required": "a"},
        {"properties": [1]},
        {"pattern": "(a+)+$"},
        {"enum": 1},
    ]
    for schema in wild:
        check_arguments(parsed_arguments('{"a": {"a": {"a": "' + "a" * 5_000 + '!"}}}'), {**schema, "type": "object"})

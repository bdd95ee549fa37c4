"""What a server says of its tools: what can be used is taken, within bounds, and what can't is left out and named."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from webapp.tools.arguments import BadArguments, check_arguments
from webapp.tools.mcp.listing import BadTool, ListedTool, Listing, ToolListing, listed_tool, mirrored
from webapp.tools.tool import Hints

ANY = {"type": "object"}
TOOL = {"name": "echo", "title": "Echo", "description": "Says it again.", "inputSchema": ANY}
NAMES = st.text() | st.sampled_from([*TOOL, "type", "$ref"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from([*TOOL, "type", "$ref"]), inner, max_size=4)
    ),
    max_leaves=12,
)


def tool_of(**more: Any) -> ListedTool:
    return listed_tool({**TOOL, **more}, mirrors=True)


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"items": schema}
    return {**ANY, "properties": {"a": schema}}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": ""}, "1 to 200 characters"),
        ({"name": "x" * 201}, "1 to 200 characters"),
        ({"name": None}, "1 to 200 characters"),
        ({"name": ["x"]}, "1 to 200 characters"),
        ({"name": "a\x00b"}, "can't be seen"),
        ({"name": "a\nb"}, "can't be seen"),
        ({"name": "a\u202eb"}, "can't be seen"),
        ({"name": "a\u200bb"}, "can't be seen"),
        ({"name": "a\ud800b"}, "can't be seen"),
        ({"name": "\U000e0041"}, "can't be seen"),
        ({"execution": {"taskSupport": "required"}}, "as a task"),
        ({"inputSchema": None}, "what arguments it takes"),
        ({"inputSchema": []}, "what arguments it takes"),
        ({"inputSchema": {"type": "array"}}, "no object"),
        ({"inputSchema": {"type": ["object", "null"]}}, "no object"),
        ({"inputSchema": nested(32)}, "more than 32 deep"),
        ({"inputSchema": nested(400)}, "more than 32 deep"),
        ({"inputSchema": {**ANY, "description": "x" * 70_000}}, "longer than 64 KB"),
        ({"inputSchema": {**ANY, "title": "\x00"}}, "invalid characters"),
        ({"inputSchema": {**ANY, "title": "\ud800"}}, "invalid characters"),
        ({"inputSchema": {**ANY, "properties": {"a": {"$ref": "https://example.org/schema"}}}}, "another address"),
        ({"inputSchema": {**ANY, "$defs": {"a": {"anyOf": [{"$ref": "file:///etc/passwd"}]}}}}, "another address"),
    ],
)
def test_a_tool_that_cannot_be_used_says_why(more: dict[str, Any], words: str) -> None:
    with pytest.raises(BadTool, match=words):
        tool_of(**more)


@pytest.mark.parametrize("entry", [None, [], "x", 7, {}])
def test_what_is_no_tool_is_left_out(entry: Any) -> None:
    with pytest.raises(BadTool):
        listed_tool(entry, mirrors=False)


def test_what_people_read_hides_nothing_and_is_short() -> None:
    tool = tool_of(title="A\u202e title\n of \x00two lines" + "x" * 500, description="Do.\u200b\x1b[31m\n\n" + "y" * 1_000_000)

    assert tool.title.startswith("A title of two lines")
    assert len(tool.title) <= 200
    assert tool.description.startswith("Do.[31m\n\nyyy")
    assert len(tool.description) == 4_000


@pytest.mark.parametrize(
    ("more", "title"),
    [
        ({"title": "A"}, "A"),
        ({"title": None, "annotations": {"title": "B"}}, "B"),
        ({"title": " \u200b ", "annotations": {"title": 7}}, "echo"),
        ({"title": ["x"], "annotations": []}, "echo"),
    ],
)
def test_the_title_is_the_first_that_is_one(more: dict[str, Any], title: str) -> None:
    assert tool_of(**more).title == title


def test_hints_are_what_the_server_says_and_no_more() -> None:
    assert tool_of().hints == Hints()
    said = {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False}
    assert tool_of(annotations=said).hints == Hints(True, False, True, False)
    assert tool_of(annotations=dict.fromkeys(said, "true")).hints == Hints()


def test_a_reference_that_leads_in_a_loop_is_followed_by_no_one() -> None:
    loop = {
        **ANY,
        "properties": {"a": {"$ref": "#/$defs/node"}},
        "$defs": {"node": {"properties": {"a": {"$ref": "#/$defs/node"}}}},
    }
    tool = tool_of(inputSchema=loop)

    check_arguments({"a": {"a": {"a": 1}}}, tool.schema)
    with pytest.raises(BadArguments):
        check_arguments({"a": 1}, {**tool.schema, "required": ["b"]})


def test_the_hash_is_of_all_that_a_person_accepts() -> None:
    tool = tool_of(inputSchema={**ANY, "properties": {"a": {"type": "string"}, "b": {"minimum": 0.5}}})
    changed = [
        replace(tool, name="other"),
        replace(tool, title="Other"),
        replace(tool, description="Other"),
        replace(tool, schema=ANY),
        replace(tool, schema={**tool.schema, "description": "Obey."}),
        replace(tool, hints=Hints(is_read_only=True)),
    ]

    assert len({tool.hash, *(other.hash for other in changed)}) == 7
    again = tool_of(inputSchema={"properties": {"b": {"minimum": 0.5}, "a": {"type": "string"}}, **ANY})
    assert again.hash == tool.hash
    assert json.loads(json.dumps(tool.schema)) == tool.schema


def listing_of(*pages: dict[str, Any], mirrors: bool = True) -> Listing:
    listed = ToolListing(mirrors=mirrors)
    for page in pages:
        listed.add(page, page["tools"])
    return listed.listing("Server", "2026-07-28", "")


def test_a_bad_tool_is_left_out_and_the_others_are_not() -> None:
    listing = listing_of({"tools": [TOOL, {"name": "bad\x00"}, None, {**TOOL, "title": "Twice"}, {**TOOL, "name": "b"}]})

    assert [tool.name for tool in listing.tools] == ["echo", "b"]
    assert listing.left_out == (
        "“bad” is left out: its name has characters that can't be seen.",
        "A tool is left out: it is no object.",
        "“echo” is left out: another one has the same name.",
    )


def test_only_the_first_that_are_left_out_are_named() -> None:
    listing = listing_of({"tools": [{"name": f"bad-{number}"} for number in range(400)]})

    assert len(listing.left_out) == 31
    assert listing.left_out[-1] == "370 more are left out."


def test_the_schemas_of_a_list_are_bounded_together() -> None:
    long = {**ANY, "description": "x" * 60_000}
    listing = listing_of({"tools": [{"name": f"tool-{number}", "inputSchema": long} for number in range(400)]})

    assert len(listing.tools) == 35
    assert listing.left_out == ("Its schemas are longer than 2 MB: the other tools are left out.",)


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([300_000, 60_000], 60),
        ([0], 0),
        ([-5], 0),
        ([1e18], 86_400),
        ([10**400], 86_400),
        (["x"], 0),
        ([True], 0),
        ([None], None),
        ([], None),
    ],
)
def test_a_list_is_fresh_as_long_as_its_shortest_page(values: list[Any], seconds: float | None) -> None:
    assert listing_of(*({"tools": [], "ttlMs": value} for value in values)).ttl_seconds == seconds


def annotated(name: Any, kind: str = "string") -> dict[str, Any]:
    return {"type": kind, "x-mcp-header": name}


def test_arguments_for_headers_are_found_along_properties() -> None:
    inner = {"type": "object", "properties": {"b": annotated("Inner", "integer"), "x-mcp-header": {"type": "string"}}}
    schema = {**ANY, "properties": {"a": annotated("Region"), "deep": inner, "properties": annotated("P", "boolean")}}

    assert mirrored(schema) == {("a",): "Region", ("deep", "b"): "Inner", ("properties",): "P"}
    assert mirrored({**ANY, "default": {"x-mcp-header": "x"}, "enum": [{"x-mcp-header": "x"}]}) == {}


@pytest.mark.parametrize(
    "properties",
    [
        {"a": annotated("")},
        {"a": annotated("My Region")},
        {"a": annotated("Region\r\nX-Injected: 1")},
        {"a": annotated("Größe")},
        {"a": annotated(7)},
        {"a": annotated("Region", "number")},
        {"a": annotated("Region", "object")},
        {"a": {"x-mcp-header": "Region"}},
        {"a": annotated("Region"), "b": annotated("REGION")},
        {"a": {"type": "array", "items": annotated("Region")}},
        {"a": {"anyOf": [annotated("Region")]}},
        {"a": {"if": {"properties": {"b": annotated("Region")}}}},
        {"a": {"$defs": {"b": annotated("Region")}}},
    ],
)
def test_a_tool_with_headers_that_cannot_be_sent_is_left_out(properties: dict[str, Any]) -> None:
    schema = {**ANY, "properties": properties}
    with pytest.raises(BadTool, match=r"in a header|in the same header"):
        tool_of(inputSchema=schema)
    # In the older versions, no headers are made of arguments.
    assert listed_tool({**TOOL, "inputSchema": schema}, mirrors=False).schema == schema


@given(JSON, st.lists(JSON, max_size=5))
def test_whatever_a_page_holds_it_is_read(page: Any, entries: list[Any]) -> None:
    listed = ToolListing(mirrors=True)
    listed.add(page if isinstance(page, dict) else {}, [*entries, {**TOOL, "inputSchema": page, "annotations": page}])

    listing = listed.listing("", "", "")
    assert len(listing.tools) + len(listing.left_out) == len(entries) + 1
    for tool in listing.tools:
        assert tool.name.isprintable()
        assert tool.hash
        json.dumps(tool.schema, ensure_ascii=False).encode()

"""Results of calls, and forms that servers ask people to fill in: read within bounds, whatever they say."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given

from tests.tools.mcp.test_listing import JSON
from webapp.tools.mcp.results import (
    MOST_CONTENTS,
    Answers,
    BadAnswer,
    Field,
    InputRequired,
    Unreadable,
    checked,
    input_required,
    reply_of,
    responses_of,
    typed_answers,
)

DATA = base64.b64encode(b"bytes").decode()
FIELDS = (
    Field("f.people", "People", "", "integer", True, least=1, most=8),
    Field("f.price", "Price", "", "number", False, least=0.5),
    Field("f.name", "Name", "", "text", False, least=2, most=5),
    Field("f.late", "Late", "", "switch", False),
    Field("f.room", "Room", "", "choice", False, choices=(("r", "Red"), ("b", "Blue"))),
    Field("f.extras", "Extras", "", "choices", False, choices=(("t", "Tea"), ("c", "Coffee")), most=1),
)


def elicitation(properties: Any, *, message: str = "Please", **more: Any) -> dict[str, Any]:
    params = {"message": message, "requestedSchema": {"type": "object", "properties": properties, **more}}
    return {"resultType": "input_required", "inputRequests": {"f": {"method": "elicitation/create", "params": params}}}


def required(result: dict[str, Any]) -> InputRequired:
    found = input_required(result)
    assert found
    return found


def test_texts_are_joined_and_hide_nothing() -> None:
    texts = [{"type": "text", "text": "a\u200b\x00\r\nb\u202e"}, {"type": "text", "text": "c" * 70_000}]

    assert reply_of({"content": texts}).text == "a\nb\n\n" + "c" * 70_000


def test_structured_content_counts_where_there_is_no_text() -> None:
    assert reply_of({"structuredContent": [1, {"a": "ü"}]}).text == '[1, {"a": "ü"}]'
    assert reply_of({"content": [{"type": "text", "text": "x"}], "structuredContent": {"a": 1}}).text == "x"
    assert reply_of({"content": [], "structuredContent": None}).text == ""


@pytest.mark.parametrize("result", [{}, {"content": None}, {"content": "x"}, {"content": {}}, {"toolResult": 1}])
def test_what_is_no_result_is_unreadable(result: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        reply_of(result)


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("file:///a/report.pdf", "report.pdf"),
        ("https://example.org/a%20b.txt?x#y", "a b.txt"),
        ("file:///../../etc/passwd", "passwd"),
        ("file:///a%2F..%2Fb", "a_.._b"),
        ("file:///.htaccess", "htaccess"),
        ("file:///a\\b", "a_b"),
        ("x:", "file"),
        ("http://[", "file"),
        ("file:///" + "x" * 1_000, "x" * 119 + "…"),
        (None, "file"),
        (["x"], "file"),
    ],
)
def test_a_file_has_a_name_that_leads_nowhere(uri: Any, name: str) -> None:
    reply = reply_of({"content": [{"type": "resource", "resource": {"uri": uri, "blob": DATA}}]})

    assert [(part.name, part.kind, part.content) for part in reply.files] == [(name, "application/octet-stream", b"bytes")]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("image/PNG; x=y", "image/png"),
        ("text/html\r\nX: y", "application/octet-stream"),
        ("x" * 200, "application/octet-stream"),
        (7, "application/octet-stream"),
        ("image/svg+xml", "image/svg+xml"),
    ],
)
def test_what_a_picture_says_of_its_kind_is_a_kind(said: Any, kind: str) -> None:
    assert reply_of({"content": [{"type": "image", "data": DATA, "mimeType": said}]}).pictures[0].kind == kind


def test_what_cannot_be_read_is_named() -> None:
    contents = [
        {"type": "image", "data": "!!!"},
        {"type": "image", "data": "ü"},
        {"type": "image"},
        {"type": "resource", "resource": {"uri": "file:///a.pdf", "blob": "x"}},
        {"type": "resource", "resource": []},
        {"type": "video\n\u202e", "data": DATA},
        {"type": "resource_link", "name": "\x00", "title": ["x"]},
        "x",
    ]
    reply = reply_of({"content": contents})

    assert reply.left_out == (
        "picture, which can't be read",
        "picture, which can't be read",
        "a part of the kind “image”",
        "a.pdf, which can't be read",
        "a part of the kind “resource”",
        "a part of the kind “video”",
        "a link to something",
        "a part of the kind “unknown”",
    )


def test_only_so_many_parts_are_read() -> None:
    reply = reply_of({"content": [{"type": "image", "data": DATA}] * 1_000})

    assert len(reply.pictures) == MOST_CONTENTS
    assert reply.left_out == ("800 further parts",)


@given(JSON)
def test_whatever_a_result_is_it_is_read_or_refused(value: Any) -> None:
    for result in ({"content": value}, {"content": [value, {"type": "resource", "resource": value}], "structuredContent": value}):
        try:
            reply = reply_of(result)
        except Unreadable:
            continue
        reply.text.encode()


@given(JSON)
def test_whatever_is_required_it_is_a_form_or_refused(value: Any) -> None:
    shapes = ({"inputRequests": value}, {"inputRequests": {"f": value}}, elicitation(value), elicitation({"a": value}))
    for result in shapes:
        try:
            form = input_required(result)
        except Unreadable:
            continue
        if form:
            responses_of(Answers(form.state, {}, "decline"))


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "enum": ["a", "b"]}, "choice"),
        ({"type": "string", "enum": ["a", "b"], "enumNames": ["A", "B"]}, "choice"),
        ({"type": "string", "oneOf": [{"const": "a", "title": "A"}]}, "choice"),
        ({"type": "array", "items": {"type": "string", "enum": ["a"]}}, "choices"),
        ({"type": "array", "items": {"anyOf": [{"const": "a", "title": "A"}]}}, "choices"),
        ({"type": "number"}, "number"),
        ({"type": "integer"}, "integer"),
        ({"type": "boolean"}, "switch"),
    ],
)
def test_each_kind_of_field_is_drawn(schema: dict[str, Any], kind: str) -> None:
    (field,) = required(elicitation({"a": {**schema, "title": "The\n title\u202e"}}, required=["a"])).fields

    assert (field.name, field.title, field.kind, field.is_required) == ("f.a", "The title", kind, True)


@pytest.mark.parametrize(
    "properties",
    [
        {"a": {"type": "object"}},
        {"a": {"type": "array", "items": {"type": "string"}}},
        {"a": {"type": "string", "enum": [1, 2]}},
        {"a": {"type": "string", "enum": [str(number) for number in range(200)]}},
        {"a": {}},
        {"a": None},
        {"a\nb": {"type": "string"}},
        {str(number): {"type": "string"} for number in range(30)},
        None,
    ],
)
def test_a_form_that_cannot_be_drawn_is_refused(properties: Any) -> None:
    with pytest.raises(Unreadable):
        input_required(elicitation(properties))


def test_a_default_that_does_not_fit_is_none() -> None:
    properties = {"a": {"type": "integer", "maximum": 5, "default": 9}, "b": {"type": "string", "enum": ["x"], "default": "x"}}
    first, second = required(elicitation(properties)).fields

    assert (first.default, second.default) == (None, "x")


def test_a_bound_that_no_number_reaches_is_none() -> None:
    (field,) = required(elicitation({"a": {"type": "integer", "minimum": -(10**400), "maximum": 10**400, "default": 9}})).fields

    assert (field.least, field.most, field.default) == (None, None, 9)


def test_a_page_elsewhere_is_an_address_to_visit() -> None:
    params = {"mode": "url", "message": "Give us a key.", "url": "https://tools.example/key"}
    asked = required({"inputRequests": {"k": {"method": "elicitation/create", "params": params}}, "requestState": "s"})

    assert (asked.message, asked.fields, asked.address) == ("Give us a key.", (), "https://tools.example/key")
    assert responses_of(Answers(asked.state, {})).params == {"inputResponses": {"k": {"action": "accept"}}, "requestState": "s"}


def test_two_forms_are_one_for_the_person() -> None:
    first, second = elicitation({"a": {"type": "string"}}), elicitation({"a": {"type": "boolean"}}, message="And?")
    both = {"inputRequests": {"f": first["inputRequests"]["f"], "g.h": second["inputRequests"]["f"]}}
    asked = required(both)

    assert asked.message == "Please\n\nAnd?"
    assert [field.name for field in asked.fields] == ["f.a", "g.h.a"]
    params = responses_of(Answers(asked.state, {"f.a": "x", "g.h.a": True})).params
    assert params == {
        "inputResponses": {
            "f": {"action": "accept", "content": {"a": "x"}},
            "g.h": {"action": "accept", "content": {"a": True}},
        }
    }


def test_what_was_typed_becomes_what_was_asked() -> None:
    typed = {
        "f.people": ["4"], "f.price": ["1,5"], "f.name": [" Ada "], "f.late": ["on"], "f.room": ["b"], "f.extras": ["t"],
    }  # fmt: skip

    assert typed_answers(FIELDS, typed) == {
        "f.people": 4, "f.price": 1.5, "f.name": "Ada", "f.late": True, "f.room": "b", "f.extras": ["t"],
    }  # fmt: skip
    assert typed_answers(FIELDS, {"f.people": ["1"], "f.name": [""]}) == {"f.people": 1, "f.late": False}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({}, "“People” is missing."),
        ({"f.people": ["many"]}, "“People” must be a number."),
        ({"f.people": ["1.5"]}, "“People” must be a number."),
        ({"f.people": ["9"]}, "“People” must be at most 8."),
        ({"f.people": ["9" * 5_000]}, "“People” must be a number."),
        ({"f.people": ["1"], "f.price": ["nan"]}, "“Price” must be a number."),
        ({"f.people": ["1"], "f.price": ["inf"]}, "“Price” must be a number."),
        ({"f.people": ["1"], "f.price": ["0.1"]}, "“Price” must be at least 0.5."),
        ({"f.people": ["1"], "f.name": ["x"]}, "“Name” must be at least 2 characters."),
        ({"f.people": ["1"], "f.name": ["x" * 20_000]}, "“Name” doesn't fit."),
        ({"f.people": ["1"], "f.room": ["green"]}, "“Room” doesn't fit."),
        ({"f.people": ["1"], "f.extras": ["t", "c"]}, "“Extras” must be at most 1 choice."),
    ],
)
def test_an_answer_that_does_not_fit_is_one_sentence(typed: dict[str, list[str]], words: str) -> None:
    with pytest.raises(BadAnswer) as failure:
        typed_answers(FIELDS, typed)
    assert str(failure.value) == words


@pytest.mark.parametrize("value", [None, "4", [], {}, [[1]], 1.5, float("nan")])
@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.kind)
def test_a_value_of_another_kind_does_not_fit(field: Field, value: Any) -> None:
    if (field.kind, value) in (("choices", []), ("number", 1.5)):
        assert checked(field, value) == value
        return
    with pytest.raises(BadAnswer):
        checked(field, value)


@pytest.mark.parametrize(
    "state", ["", "x", "[]", "{}", '{"asked": 1, "state": null}', '{"asked": {"f": [{}]}, "state": null}', "[" * 100_000]
)
def test_a_state_that_is_none_is_refused(state: str) -> None:
    with pytest.raises(BadAnswer):
        responses_of(Answers(state, {}))


def test_the_state_of_a_server_comes_back_as_it_was() -> None:
    asked = required({**elicitation({}), "requestState": 'é\u2028\\"=='})

    assert responses_of(Answers(asked.state, {}, "cancel")).params == {
        "inputResponses": {"f": {"action": "cancel"}},
        "requestState": 'é\u2028\\"==',
    }
    assert "state" in json.loads(asked.state)

"""Forms that servers ask people to fill in: read within bounds whatever they say, and answered as they were asked."""

import json
from typing import Any

import pytest
from hypothesis import given

from tests.tools.mcp.test_listing import JSON
from webapp.tools.mcp.elicitation import input_required, responses_of
from webapp.tools.mcp.results import Unreadable
from webapp.tools.questions import AskedField, BadAnswer, BadAnswers, ServerQuestion, checked, checked_values, typed_values

FIELDS = (
    AskedField("f.people", "People", "", "integer", True, least=1, most=8),
    AskedField("f.price", "Price", "", "number", False, least=0.5),
    AskedField("f.name", "Name", "", "text", False, least=2, most=5),
    AskedField("f.late", "Late", "", "switch", False),
    AskedField("f.room", "Room", "", "choice", False, choices=(("r", "Red"), ("b", "Blue"))),
    AskedField("f.extras", "Extras", "", "choices", False, choices=(("t", "Tea"), ("c", "Coffee")), most=1),
)


def elicitation(properties: Any, *, message: str = "Please", **more: Any) -> dict[str, Any]:
    params = {"message": message, "requestedSchema": {"type": "object", "properties": properties, **more}}
    return {"resultType": "input_required", "inputRequests": {"f": {"method": "elicitation/create", "params": params}}}


def required(result: dict[str, Any]) -> ServerQuestion:
    """Returns the question of a result, as it comes back from where it is stored."""
    question = input_required(result)
    assert question
    assert ServerQuestion.from_record(json.loads(json.dumps(question.record))) == question
    return question


def accepted(question: ServerQuestion, **values: Any) -> dict[str, Any]:
    """Returns what a call says once the question is answered."""
    answered = question.answered("accept", {name.replace("__", "."): value for name, value in values.items()}, "ada")
    return dict(responses_of(answered).params)


@given(JSON)
def test_whatever_is_required_it_is_a_form_or_refused(value: Any) -> None:
    shapes = ({"inputRequests": value}, {"inputRequests": {"f": value}}, elicitation(value), elicitation({"a": value}))
    for result in shapes:
        try:
            question = input_required(result)
        except Unreadable:
            continue
        if question:
            responses_of(question.answered("decline", {}, "ada"))


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

    assert (field.name, field.title, field.kind, field.is_required) == ("a", "The title", kind, True)


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
        {"a": {"type": "string", "enum": [""]}},
        {"a": {"$ref": "#/properties/a"}},
        {str(number): {"type": "string"} for number in range(400)},
        {str(number): {"type": "string", "enum": [f"{'x' * 190}{n}" for n in range(50)]} for number in range(20)},
        None,
    ],
)
def test_a_form_that_cannot_be_drawn_is_refused(properties: Any) -> None:
    with pytest.raises(Unreadable):
        input_required(elicitation(properties))


def test_a_bound_that_no_number_reaches_is_none() -> None:
    (field,) = required(elicitation({"a": {"type": "integer", "minimum": -(10**400), "maximum": 10**400, "default": 9}})).fields

    assert (field.least, field.most, field.default) == (None, None, 9)


def test_a_default_that_does_not_fit_is_none() -> None:
    properties = {"a": {"type": "integer", "maximum": 5, "default": 9}, "b": {"type": "string", "enum": ["x"], "default": "x"}}
    first, second = required(elicitation(properties)).fields

    assert (first.default, second.default) == (None, "x")


def test_a_page_elsewhere_is_an_address_to_visit() -> None:
    params = {"mode": "url", "message": "Give us a key.", "url": "https://tools.example/key"}
    asked = required({"inputRequests": {"k": {"method": "elicitation/create", "params": params}}, "requestState": "s"})

    assert (asked.message, asked.fields, asked.address) == ("Give us a key.", (), "https://tools.example/key")
    assert accepted(asked) == {"inputResponses": {"k": {"action": "accept"}}, "requestState": "s"}


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "/key",
        "https://",
        "https://bank.example@evil.example/",
        "https://bank.example\\@evil.example/",
        "https://evil.example/ bank.example",
        "https://evil.example/\u202e",
        "https://" + "a" * 70 + ".example/",
        "https://evil.example/" + "a" * 3_000,
        "https://[::1",
    ],
)
def test_an_address_that_could_be_taken_for_another_is_refused(url: str) -> None:
    params = {"mode": "url", "message": "Here.", "url": url}
    with pytest.raises(Unreadable):
        input_required({"inputRequests": {"k": {"method": "elicitation/create", "params": params}}})


def test_a_host_in_other_letters_is_named_as_it_is_looked_up() -> None:
    params = {"mode": "url", "message": "Here.", "url": "https://b\u0430nk.example/key"}
    asked = required({"inputRequests": {"k": {"method": "elicitation/create", "params": params}}})
    assert asked.host == "xn--bnk-6cd.example"


def test_a_state_or_a_message_of_a_megabyte_is_bounded() -> None:
    with pytest.raises(Unreadable):
        input_required({**elicitation({"a": {"type": "string"}}), "requestState": "x" * 1_000_000})
    assert len(required(elicitation({"a": {"type": "string"}}, message="x" * 1_000_000)).message) == 2_000


def test_two_forms_are_one_for_the_person() -> None:
    first, second = elicitation({"a": {"type": "string"}}), elicitation({"a": {"type": "boolean"}}, message="And?")
    both = {"inputRequests": {"f": first["inputRequests"]["f"], "g.h": second["inputRequests"]["f"]}}
    asked = required(both)

    assert asked.message == "Please\n\nAnd?"
    assert [field.name for field in asked.fields] == ["f.a", "g.h.a"]
    assert accepted(asked, f__a="x", g__h__a=True) == {
        "inputResponses": {
            "f": {"action": "accept", "content": {"a": "x"}},
            "g.h": {"action": "accept", "content": {"a": True}},
        }
    }


def test_what_was_typed_becomes_what_was_asked() -> None:
    typed = {
        "f.people": ["4"], "f.price": ["1,5"], "f.name": [" Ada "], "f.late": ["on"], "f.room": ["b"], "f.extras": ["t"],
    }  # fmt: skip

    assert checked_values(FIELDS, typed_values(FIELDS, typed)) == {
        "f.people": 4, "f.price": 1.5, "f.name": "Ada", "f.late": True, "f.room": "b", "f.extras": ["t"],
    }  # fmt: skip
    typed = {"f.people": ["1"], "f.name": [""]}
    assert checked_values(FIELDS, typed_values(FIELDS, typed)) == {"f.people": 1, "f.late": False}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({}, "“People” is missing."),
        ({"f.people": ["many"]}, "“People” must be a whole number."),
        ({"f.people": ["1.5"]}, "“People” must be a whole number."),
        ({"f.people": ["9"]}, "“People” must be at most 8."),
        ({"f.people": ["9" * 5_000]}, "“People” must be a whole number."),
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
    with pytest.raises(BadAnswers) as failure:
        checked_values(FIELDS, typed_values(FIELDS, typed))
    (error,) = failure.value.errors.values()
    assert error == words


@pytest.mark.parametrize(
    ("format", "good", "bad"),
    [
        ("email", "ada@example.org", "ada@example"),
        ("uri", "https://example.org/a", "example.org"),
        ("date", "2026-02-28", "2026-02-30"),
        ("date-time", "2026-02-28T09:30:00Z", "2026-02-28T09:30:00"),
        ("date-time", "2026-02-28T09:30:00+01:00", "soon"),
        ("colour", "anything", None),
    ],
)
def test_the_format_of_a_text_is_checked(format: str, good: str, bad: str | None) -> None:
    field = AskedField("a", "It", "", "text", True, format=format)
    assert checked(field, good) == good
    if bad is not None:
        with pytest.raises(BadAnswer, match="“It” must be"):
            checked(field, bad)


def test_a_moment_that_was_chosen_in_a_browser_is_utc() -> None:
    field = AskedField("a", "It", "", "text", True, format="date-time")
    assert typed_values([field], {"a": ["2026-02-28T09:30"]}) == {"a": "2026-02-28T09:30:00Z"}


def test_answers_of_programs_have_the_names_of_fields_and_one_limit_together() -> None:
    with pytest.raises(BadAnswers) as failure:
        checked_values(FIELDS, {"f.people": 4, "other": 1})
    assert failure.value.errors == {"other": "There is no such field."}
    long = [AskedField(name, name, "", "text", True) for name in "ab"]
    with pytest.raises(BadAnswers, match="All answers together"):
        checked_values(long, {"a": "x" * 3_500, "b": "y" * 3_000})


@pytest.mark.parametrize("value", [None, "4", [], {}, [[1]], 1.5, float("nan")])
@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.kind)
def test_a_value_of_another_kind_does_not_fit(field: AskedField, value: Any) -> None:
    if (field.kind, value) in (("choices", []), ("number", 1.5)):
        assert checked(field, value) == value
        return
    with pytest.raises(BadAnswer):
        checked(field, value)


def test_the_state_of_a_server_comes_back_as_it_was() -> None:
    asked = required({**elicitation({}), "requestState": 'é\u2028\\"=='})

    assert responses_of(asked.answered("cancel", {}, "ada")).params == {
        "inputResponses": {"f": {"action": "cancel"}},
        "requestState": 'é\u2028\\"==',
    }

"""Inputs: what is cleaned, what is refused in which words, and what a change leaves out."""

from typing import Annotated, Literal

import pytest
from pydantic import Field, StringConstraints, ValidationError

from webapp.base.errors import Invalid
from webapp.base.inputs import Changes, Input, LongText, Name, OneLine, Prose, Refusal, Whole, changes, checked_by


def refuse_red(color: str) -> str:
    if color == "red":
        raise Invalid("Not red.", field="elsewhere")
    return color.upper()


class PenInput(Input):
    name: Name
    about: Annotated[str, StringConstraints(max_length=10), Prose] = ""
    notes: LongText = ""
    maker: Annotated[str, Field(max_length=30), OneLine("Enter a maker of up to 5 characters.", 5)] = ""
    level: Annotated[int, Field(ge=0, le=3, description="How hard."), Refusal("A level is from 0 to 3.")] = 0
    share: Annotated[float, Field(gt=0)] = 1.0
    tip: Literal["fine", "broad"] = "fine"
    color: Annotated[str, checked_by(refuse_red)] = "blue"
    refills: Annotated[int, Whole(-1, 1_000)] = 0
    codes: Annotated[list[str], Field(max_length=1), Refusal("Enter one code.", fault="too_long")] = Field(default_factory=list)


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"name": " \n "}, "name", "Enter a name of up to 120 characters."),
        ({"name": "x" * 121}, "name", "Enter a name of up to 120 characters."),
        ({"name": "a\x07b"}, "name", "Enter a name of up to 120 characters."),
        ({"about": "x" * 11}, "about", "That is 1 character too long. The limit is 10."),
        ({"maker": "longer"}, "maker", "Enter a maker of up to 5 characters."),
        ({"level": "4"}, "level", "A level is from 0 to 3."),
        ({"level": "much"}, "level", "A level is from 0 to 3."),
        ({"share": "much"}, "share", "Enter a number."),
        ({"share": "nan"}, "share", "Enter a number greater than 0."),
        ({"share": "0"}, "share", "Enter a number greater than 0."),
        ({"tip": "round"}, "tip", "Choose one of: 'fine' or 'broad'."),
        ({"color": "red"}, "color", "Not red."),
        ({"refills": "1001"}, "refills", "Enter a whole number from -1 to 1,000."),
        ({"refills": "1.5"}, "refills", "Enter a whole number from -1 to 1,000."),
        ({"codes": ["a", "b"]}, "codes", "Enter one code."),
    ],
)
def test_the_first_wrong_field_is_refused_in_its_words(values, field, sentence):
    with pytest.raises(Invalid) as refused:
        PenInput.entered({"name": "Pen", **values})
    assert (refused.value.field, refused.value.message) == (field, sentence)


def test_texts_are_cleaned_before_their_bounds_apply():
    pen = PenInput.entered(
        {"name": f"  {'x' * 118}\n y  ", "about": " one\r\ntwo  \0", "level": " 2 ", "color": "green", "maker": "  A  B "}
    )
    assert (pen.about, pen.level, pen.maker, pen.color) == ("one\ntwo  �", 2, "A B", "GREEN")
    assert pen.name == f"{'x' * 118} y"


def test_programs_send_the_right_types():
    for values, fault in (
        ({"level": "2"}, "int_type"),
        ({"name": 5}, "string_type"),
        ({"tip": None, "size": 1}, "extra_forbidden"),
    ):
        with pytest.raises(ValidationError) as refused:
            PenInput.model_validate({"name": "Pen", **values})
        assert refused.value.errors()[0]["type"] == fault


def test_null_is_as_if_left_out():
    assert PenInput.model_validate({"name": "Pen", "tip": None, "level": None}) == PenInput(name="Pen")


def test_a_change_has_the_same_bounds_and_only_what_was_sent():
    change = changes("PenChange", PenInput, "Ink stays.", but=["color"], about={"level": "How hard now."}, is_old=bool)
    assert change.__doc__ == "Updates only the fields that are sent. Ink stays."
    assert "color" not in change.model_fields
    assert change.model_validate({"level": 2, "is_old": True, "about": None}).given == {"level": 2, "is_old": True}
    with pytest.raises(Invalid, match=r"A level is from 0 to 3\."):
        change.entered({"level": 4})
    schema = change.model_json_schema()["properties"]
    assert schema["level"]["description"] == "How hard now."
    assert schema["name"]["anyOf"][0] == {"maxLength": 120, "minLength": 1, "type": "string"}
    assert schema["refills"]["anyOf"][0] == {"maximum": 1_000, "minimum": -1, "type": "integer"}


def test_what_is_not_changed_comes_from_the_row():
    change = changes("PenChange", PenInput, but=set(PenInput.model_fields) - {"name", "level"})
    assert isinstance(sent := change.model_validate({"level": 1}), Changes)
    assert sent.over(PenInput(name="Pen", level=3)) == {"name": "Pen", "level": 1}

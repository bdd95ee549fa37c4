"""Forms of an input: their fields get its bounds, they fill themselves from a row, and give it back checked."""

from typing import Annotated

import pytest
from pydantic import Field
from wtforms import BooleanField, SelectField, StringField, TextAreaField

from webapp.base.errors import Invalid
from webapp.base.inputs import AnyId, Input, LongText, Name, Refusal
from webapp.web.forms import InputForm, options


class PenInput(Input):
    name: Name
    about: LongText = "Blue."
    level: Annotated[int, Field(ge=0, le=3), Refusal("A level is from 0 to 3.")] = 2
    depth: Annotated[int, Field(ge=0), Refusal("Enter a number.")] | None = None
    is_old: bool = False
    shelf_id: AnyId = ""


class PenForm(InputForm[PenInput]):
    takes = PenInput
    renamed = {"shelf_id": "shelf"}
    level = SelectField("Level", choices=options({"2": "Two", "3": "Three"}))
    name = StringField("Name", render_kw={"autocomplete": "off"})
    about = TextAreaField("About", render_kw={"maxlength": 9})
    depth = StringField("Depth")
    is_old = BooleanField("Old")
    shelf = StringField("Shelf")


@pytest.fixture
def sent(app):
    def sent(**values):
        with app.test_request_context("/", method="POST", data=values):
            return PenForm.opened()

    return sent


def test_a_field_gets_what_the_input_declares(app):
    with app.test_request_context():
        form = PenForm.fresh()
    assert [field.name for field in form] == ["level", "name", "about", "depth", "is_old", "shelf"]
    assert str(form.name()) == '<input autocomplete="off" id="name" maxlength="120" name="name" required type="text" value="">'
    assert form.about.render_kw == {"maxlength": 9}
    assert (form.about.data, form.level.data) == ("Blue.", "2")


@pytest.mark.parametrize("nothing", ["", " "])
def test_what_was_typed_becomes_the_input(sent, nothing):
    assert sent(name=" A  pen ", level="3", depth=nothing, is_old="y", shelf="s1").entered == PenInput(
        name="A pen", level=3, is_old=True, shelf_id="s1"
    )


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"level": "9"}, "level", "A level is from 0 to 3."),
        ({"depth": "deep"}, "depth", "Enter a number."),
        ({"name": ""}, "name", "Enter a name of up to 120 characters."),
        ({"shelf": "/"}, "shelf", "String should match pattern '^[0-9A-Za-z_-]{0,64}$'."),
    ],
)
def test_a_refusal_is_shown_at_its_field(sent, app, typed, field, sentence):
    form = sent(**{"name": "Pen", **typed})
    with app.test_request_context(), form.attempt():
        assert form.entered
    assert isinstance(form.refusal, Invalid)
    assert form[field].errors == [sentence]


def test_a_row_fills_the_form(app):
    with app.test_request_context():
        form = PenForm.from_row(PenInput(name="Pen", level=3, shelf_id="s1"), about="Red.")
    assert form.data == {"level": "3", "name": "Pen", "about": "Red.", "depth": None, "is_old": False, "shelf": "s1"}

"""Folded groups of a form say what is set in them, and open when something is wrong."""

from wtforms import BooleanField, Form, SelectChoice, SelectField, SelectMultipleField, StringField, TextAreaField

from webapp.web.field_groups import FieldGroup

PLACES = [SelectChoice("0", "Before"), SelectChoice("1", "After")]
BOOKS = [SelectChoice("a", "The valley"), SelectChoice("b", "The harbour")]


class Entry(Form):
    depth = StringField("Depth", default="4")
    place = SelectField("Place", choices=PLACES, default="0")
    books = SelectMultipleField("Lorebooks", choices=BOOKS, default=())
    is_exact = BooleanField("Match case")
    note = TextAreaField("Note", default="")


def group(form: Entry, *, is_quiet: bool = False) -> FieldGroup:
    return FieldGroup("More", list(form), is_quiet)


def test_defaults_are_not_set() -> None:
    assert (group(Entry()).words, group(Entry()).is_open) == ("", False)


def test_what_is_set_is_said_in_a_line_and_opens_it() -> None:
    form = Entry(data={"depth": "5", "place": "1", "books": ["b"], "is_exact": True, "note": "A long text"})
    assert group(form).words == "Depth: 5 · Place: After · Lorebooks: The harbour · Match case · Note"
    assert group(form).is_open


def test_a_quiet_group_opens_only_for_an_error() -> None:
    form = Entry(data={"depth": "5"})
    assert not group(form, is_quiet=True).is_open
    form.depth.errors = ["Enter a number."]
    assert group(form, is_quiet=True).is_open


def test_a_group_of_one_field_says_its_value_alone() -> None:
    form = Entry(data={"books": ["a", "b"], "note": "Two\nlines"})
    assert FieldGroup("Lorebooks", [form.books]).words == "The valley, The harbour"
    assert FieldGroup("Note", [form.note]).words == "Two lines"

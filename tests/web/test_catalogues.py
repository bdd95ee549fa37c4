"""The catalogues of languages hold the texts of pages, as `make fix` writes them."""

from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from flask import Flask
from wtforms import SelectField, StringField

from scripts import languages as catalogues
from tests.support import unmarked
from tests.support.catalogues import write_catalogue
from webapp.base import languages
from webapp.web.forms import Form, options

texts = cache(catalogues.catalog)


def test_no_catalogue_is_behind() -> None:
    files = sorted(catalogues.FOLDER.glob("*.po"))
    behind = [file.name for file in files if catalogues.updated(file, texts()) != file.read_bytes()]
    assert not behind, f"Run `make fix`, which brings {', '.join(behind)} up to date."


def forms_of(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return text if isinstance(text, tuple) else (text,)


def test_german_is_complete() -> None:
    with (catalogues.FOLDER / "de.po").open("rb") as file:
        german = read_po(file, locale="de")
    for message in german:
        english, words = forms_of(message.id), forms_of(message.string)
        assert all(words), f"{english} has no translation"
        assert message.id == "" or all(any(languages.fits(one, form) for one in english) for form in words), words


def test_nothing_that_templates_and_scripts_show_is_glued_or_without_a_mark() -> None:
    assert not list(unmarked.faults())


def test_the_texts_of_templates_code_scripts_and_data_are_listed() -> None:
    whole = texts()
    for words in (
        "Sign in",
        "%(num)s message",
        "Models",
        "Where answers come from, and how well that works.",
        "Answers per minute",
        "How many answers a person can start per minute, on average. 0 means no limit.",
        "Everything",
        "In its own color",
        "Alert saved.",
        "An answer is ready while I’m away",
    ):
        assert words in whole, f"{words} is not listed: see SHOWN in scripts/languages.py."


def test_a_catalogue_gets_new_texts_and_keeps_its_translations(tmp_path: Path) -> None:
    whole, file = Catalog(), tmp_path / "de.po"
    file.write_bytes(
        b'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\nmsgid "Go"\nmsgstr "Los"\nmsgid "Old"\nmsgstr "Alt"'
    )
    whole.add("Go", locations=[("a", 1)])
    whole.add("New", locations=[("a", 2)])
    file.write_bytes(content := catalogues.updated(file, whole))
    assert b'msgid "Go"\nmsgstr "Los"' in content
    assert b'msgid "New"\nmsgstr ""' in content
    assert b"Old" not in content
    assert catalogues.updated(file, whole) == content


class ExampleForm(Form):
    name = StringField("Name", description="Of it.", render_kw={"placeholder": "Save", "class": "Name"})
    kind = SelectField("Kind", choices=options({"a": "Save", "Save": "b"}))
    bare = StringField()


def test_what_a_form_says_is_in_the_language_of_the_page_and_what_people_wrote_is_not(tmp_path: Path) -> None:
    write_catalogue(tmp_path, "de", {"Name": "Titel", "Of it.": "Davon.", "Save": "Speichern", "Kind": "Art"})
    languages.load(tmp_path)
    try:
        with Flask("example").test_request_context(), languages.using("de"):
            form = ExampleForm(kind="a", name="Save")
            assert (form["name"].label.text, form["name"].description, form.kind.label.text) == ("Titel", "Davon.", "Art")
            html = f"{form['name']()}{form.kind()}"
            assert ('placeholder="Speichern"' in html, 'class="Name"' in html, 'value="Save"' in html) == (True, True, True)
            assert ">Speichern</option>" in html
            assert (form.bare.description, form.bare.label.text) == ("", "Bare")
            form.kind.choices = options({"": "Save"})
            assert ">Save</option>" in form.kind()
        with Flask("example").test_request_context():
            assert ">Save</option>" in ExampleForm().kind()
    finally:
        languages.load(tmp_path / "none")

"""Languages: catalogues are read when they are needed, and a broken one costs nothing but its language."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.support.catalogues import write_catalogue
from webapp.base import languages
from webapp.base.catalogues import compile_all, sources


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    languages.load(Path("/none"))
    languages.use("en")


def test_a_text_is_in_the_current_language(tmp_path: Path) -> None:
    write_catalogue(tmp_path, "de", {"Save": "Speichern", ("%(num)s chat", "%(num)s chats"): ("%(num)s Chat", "%(num)s Chats")})
    languages.load(tmp_path)
    assert languages.gettext("Save") == "Save"
    with languages.using("de"):
        assert (languages.gettext("Save"), languages.gettext("Not in it")) == ("Speichern", "Not in it")
        assert languages.ngettext("%(num)s chat", "%(num)s chats", 1234) == "1,234 Chats"
        languages.use("fr")
        assert languages.current().code == "en"
    assert languages.current().code == "en"


def test_languages_have_names_and_directions(tmp_path: Path) -> None:
    for code, name in (("he", "עברית"), ("de", "Deutsch")):
        write_catalogue(tmp_path, code, {}, name=name)
    (tmp_path / "../etc.mo").resolve().write_bytes(b"")
    (tmp_path / "No code.mo").write_bytes(b"")
    languages.load(tmp_path)
    assert languages.offered() == {"en": "English", "de": "Deutsch", "he": "עברית"}
    with languages.using("he"):
        assert languages.current().direction == "rtl"


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("Hello %(name)s", "Hallo"),
        ("Hello %(name)s", "Hallo %(nome)s"),
        ("Hello %(name)s", "Hallo %(name)s %(name)s"),
        ("Save", "<script>alert(1)</script>"),
        ("Save", "<img src=x onerror=alert(1)"),
        ('Read <a href="%(url)s">more</a>', 'Lies <a href="javascript:x">mehr</a>'),
        ("Save", "100 %% sicher"),
    ],
)
def test_a_translation_without_the_placeholders_and_tags_of_its_text_is_not_used(
    tmp_path: Path, text: str, translated: str
) -> None:
    write_catalogue(tmp_path, "de", {text: translated, (text, "%(num)s x"): (translated, translated)})
    languages.load(tmp_path)
    with languages.using("de"):
        assert languages.gettext(text) == text
        values = {"name": "Ada", "url": "/"}
        assert languages.ngettext(text, "%(num)s x", 1, **values) == text % values


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xde\x12\x04\x95", b"\xde\x12\x04\x95" + b"\xff" * 40])
def test_a_broken_catalogue_is_english(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "de.mo").write_bytes(content)
    languages.load(tmp_path)
    with languages.using("de"):
        assert languages.gettext("Save") == "Save"
    assert languages.offered()["de"] == "de"


def test_what_has_no_translation_is_not_kept(tmp_path: Path) -> None:
    write_catalogue(tmp_path, "de", {"Save": "Speichern"})
    languages.load(tmp_path)
    with languages.using("de"):
        for text in ("Save", *(f"Name {number}" for number in range(100))):
            languages.gettext(text)
        assert set(languages.current().texts) == {"Save"}


def test_catalogues_are_compiled_and_a_broken_one_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "de.po").write_text('msgid "Save"\nmsgstr "Speichern"\n')
    (tmp_path / "fr.po").write_text('msgid "Save"\nmsgstr "Enregistrer"\n')
    (tmp_path / "own" / "fr.po").write_text('msgid "Save"\nmsgstr "Garder"\n')
    (tmp_path / "own" / "it.po").write_text("nonsense")
    (tmp_path / "own" / "es.po").write_bytes(b'msgid "Save"\nmsgstr "\xff\xfe"\n')
    files = sources(tmp_path, tmp_path / "own", tmp_path / "none")
    compile_all(files.values(), tmp_path / "compiled")
    languages.load(tmp_path / "compiled")
    assert languages.codes() == ["en", "de", "fr"]
    with languages.using("fr"):
        assert languages.gettext("Save") == "Garder"
    compile_all([tmp_path / "de.po"], tmp_path / "compiled")
    languages.load(tmp_path / "compiled")
    assert languages.codes() == ["en", "de"]


@pytest.mark.parametrize(
    ("code", "number", "day", "short_day", "listed"),
    [
        ("de", "1.234.567,5", "1. März 2026", "01.03.2026", "a, b und c"),
        ("pt-BR", "1.234.567,5", "1 de março de 2026", "1 de mar. de 2026", "a, b e c"),
        ("zh", "1,234,567.5", "2026年3月1日", "2026年3月1日", "a、b和c"),
        ("xx", "1,234,567.5", "1 March 2026", "1 Mar 2026", "a, b, c"),
    ],
)
def test_numbers_days_and_lists_are_written_as_the_language_does(
    tmp_path: Path, code: str, number: str, day: str, short_day: str, listed: str
) -> None:
    (tmp_path / f"{code}.po").write_text('msgid "Save"\nmsgstr "X"\n')
    compile_all([tmp_path / f"{code}.po"], tmp_path)
    languages.load(tmp_path)
    with languages.using(code):
        formats = languages.current().formats
    moment = date(2026, 3, 1)
    assert (formats.number(1234567.5), formats.date(moment), formats.date(moment, is_short=True)) == (number, day, short_day)
    assert (formats.listed("abc"), formats.listed("a"), formats.listed(())) == (listed, "a", "")

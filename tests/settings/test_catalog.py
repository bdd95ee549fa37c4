"""The catalog of settings: how each setting's text is parsed."""

from pathlib import Path

import pytest

from tests.support.source import ROOT
from webapp.base.config import Config
from webapp.settings import catalog
from webapp.settings.catalog import SETTINGS
from webapp.settings.kinds import PAGES, Setting, Value, as_text
from webapp.settings.parts import PARTS

NAMES = """
    stream.first_byte_seconds stream.ladder_seconds stream.stall_seconds stream.total_seconds stream.idle_listener_seconds
    stream.journal_ms stream.coalesce_ms stream.read_size stream.enabled limits.streams_per_minute limits.streams_burst
    limits.concurrent_streams limits.sse_per_chat limits.sse_per_user limits.message_chars limits.answer_chars trash.days
    audit.days limits.plans_per_month restart.policy demo.fallback demo.visitors models.default models.fallbacks models.allowed
    models.temperature models.max_tokens models.titles limits.connections_per_address limits.made_per_minute limits.made_burst
"""
# Read by a constant, or by the word after the point.
NAMED_BY_PARTS = {"languages.default", "tools.rounds", "tools.chars"}
UNDERSTOOD = [
    ("stream.total_seconds", " 90 ", 90),
    ("stream.total_seconds", "0.5", 0.5),
    ("stream.total_seconds", "60.0", 60),
    ("stream.total_seconds", "0", 0),
    ("stream.journal_ms", "250", 250),
    ("stream.enabled", "off", False),
    ("stream.enabled", "True", True),
    ("restart.policy", "never", "never"),
    ("demo.fallback", "off", "off"),
    ("models.default", " openai/gpt-4o-mini ", "openai/gpt-4o-mini"),
    ("models.default", "", ""),
    ("models.allowed", "a/b, c/d\n e/f,,", ("a/b", "c/d", "e/f")),
    ("models.allowed", "", ()),
]
NOT_UNDERSTOOD = [
    ("stream.total_seconds", ""),
    ("stream.total_seconds", "-1"),
    ("stream.total_seconds", "nan"),
    ("stream.total_seconds", "inf"),
    ("stream.total_seconds", "1e3"),
    ("stream.total_seconds", "a minute"),
    ("stream.total_seconds", "1000001"),
    ("stream.total_seconds", "٣٠"),
    ("stream.journal_ms", "9"),
    ("stream.journal_ms", "250.5"),
    ("stream.journal_ms", "1_000"),
    ("stream.read_size", "0"),
    ("stream.read_size", "9" * 400),
    ("stream.enabled", "perhaps"),
    ("stream.enabled", ""),
    ("restart.policy", "Continue"),
    ("restart.policy", ""),
    ("models.default", "a\0b"),
    ("models.default", "x" * 2001),
]


def test_no_setting_loses_its_name() -> None:
    assert set(NAMES.split()) <= set(SETTINGS)


def test_each_section_is_among_the_sections() -> None:
    rows = [row for name, rows in vars(catalog).items() if name.startswith("_") and isinstance(rows, tuple) for row in rows]
    there = {row.name for row in rows if isinstance(row, Setting)}
    assert there == set(SETTINGS), "add its section to SECTIONS in webapp/settings/catalog.py, and its page to settings/parts.py"


def test_every_setting_has_a_page() -> None:
    pages = {part.path for part in PARTS.values()} | {page for page in PAGES.values() if not page.startswith("/admin/settings/")}
    lacking = {entry.name: entry.page for entry in SETTINGS.values() if entry.page not in pages}
    assert not lacking, "add a Part to webapp/settings/parts.py, or its page to PAGES in webapp/settings/kinds.py"


def test_every_setting_is_read() -> None:
    used = "".join(path.read_text("utf-8") for path in (ROOT / "webapp").rglob("*.py") if path != Path(catalog.__file__))
    unused = {name for name in SETTINGS if f'"{name}"' not in used}
    assert unused == NAMED_BY_PARTS, 'read it where it counts: setting("its.name")'


@pytest.mark.parametrize("wanted", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_has_a_sentence_and_a_default_that_it_would_take(wanted: Setting) -> None:
    assert wanted.sentence.endswith(".")
    assert wanted.parse(as_text(wanted.default)) == wanted.default
    assert wanted.section == wanted.name.split(".")[0]
    assert wanted.config in {"", *Config.__dataclass_fields__}


@pytest.mark.parametrize(("name", "text", "value"), UNDERSTOOD)
def test_it_understands_and_can_be_told_again(name: str, text: str, value: Value) -> None:
    wanted = SETTINGS[name]

    assert wanted.parse(text) == value
    assert type(wanted.parse(text)) is type(value)
    assert wanted.parse(as_text(value)) == value


@pytest.mark.parametrize(("name", "text"), NOT_UNDERSTOOD)
def test_it_refuses_with_a_sentence_that_names_the_setting(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=name):
        SETTINGS[name].parse(text)

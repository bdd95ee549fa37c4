"""The reference pages of variables, settings and events match the code."""

import re
from dataclasses import fields

from scripts.reference import reference
from tests.support.source import ROOT
from webapp.api.native.events import PLACED
from webapp.streaming.events import GENERATION_EVENTS


def test_the_configuration_page_is_made_from_the_code() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")

    assert page == reference(), "make it anew: python -m scripts.reference > docs/configuration.md"


def test_the_page_of_streams_tells_every_event_with_its_fields() -> None:
    page = (ROOT / "docs" / "streaming.md").read_text("utf-8")

    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", page.partition("## Events")[2], re.MULTILINE))
    for name, kind in GENERATION_EVENTS.items():
        told = re.findall(r"`(\w+)`", rows.get(name, ""))
        assert told[: len(fields(kind))] == [field.name for field in fields(kind)], f"a row of {name} in docs/streaming.md"
    (between,) = re.findall(r"^started  \((.*)\)\*  failed\?  saved\*  ended$", page, re.MULTILINE)
    assert set(between.split(" | ")) == GENERATION_EVENTS.keys() - set(PLACED), "the grammar in docs/streaming.md"

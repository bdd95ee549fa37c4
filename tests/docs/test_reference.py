"""The reference pages of variables, settings and events match the code."""

import re
from dataclasses import fields

from scripts.reference import reference
from tests.support.source import ROOT
from webapp.api.native.events import PLACED
from webapp.people.accounts.roles import SCOPES
from webapp.settings.catalog import SETTINGS
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


def test_the_limits_that_people_reach_are_those_of_the_settings() -> None:
    troubles = " ".join((ROOT / "docs" / "troubleshooting.md").read_text("utf-8").split())
    tour = (ROOT / "docs" / "first-ten-minutes.md").read_text("utf-8")
    limits = {name.removeprefix("limits."): int(row.default) for name, row in SETTINGS.items() if name.startswith("limits.")}

    assert (
        "{streams_per_minute} answers a minute, {streams_burst} of them in a row, {concurrent_streams} at the same time; "
        "{made_per_minute} new chats, characters, plans or imports a minute, {made_burst} in a row; "
        "{connections_per_address} connections per address. A message can have {message_chars:,} characters"
    ).format_map(limits) in troubles
    # A fifth is refused.
    assert (limits["concurrent_streams"], "run four chats at the same time" in tour) == (4, True)


def test_the_page_of_accounts_tells_every_scope_of_tokens() -> None:
    page = (ROOT / "docs" / "accounts.md").read_text("utf-8")

    lacking = [scope for scope in SCOPES if f"\n| `{scope}` |" not in page]
    assert not lacking, "a row in docs/accounts.md, API tokens"

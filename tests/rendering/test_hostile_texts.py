"""Hostile texts: every intermediate and final fragment is safe, and hides nothing."""

import json
from pathlib import Path
from typing import Any

import html5lib
import pytest

from tests.rendering.corpus import cut
from tests.rendering.rules import ELSEWHERE, RULES, Fragment, breaches
from tests.support.speed import takes_at_most
from webapp.rendering.markdown import GrowingMarkdown, render

ATTACKS = json.loads((Path(__file__).parent / "attacks.json").read_text("utf-8"))
SURFACES = set(ATTACKS["html_surfaces"])
PAYLOADS = [attack for attack in ATTACKS["payloads"] if attack["surface"] in SURFACES]
SHORT_CHARS = 5_000
SNAPSHOTS = 40


def text_of(payload: dict[str, Any]) -> str:
    return payload.get("input") or "".join(part * count for part, count in payload["input_parts"])


def rules_for(payload: dict[str, Any]) -> set[str]:
    return set(ATTACKS["default_rules"]) | set(payload["must_not"])


def pictures(text: str, size: int) -> set[str]:
    """Returns what a page would show while the text grows; for a long text, a few dozen snapshots."""
    growing, pieces = GrowingMarkdown(), cut(text, [size])
    every = 1 + len(pieces) // SNAPSHOTS if len(text) > SHORT_CHARS else 1
    seen = set()
    for number, piece in enumerate(pieces):
        growing.feed(piece)
        if number % every == 0:
            seen.add(growing.snapshot())
    return seen | {growing.snapshot(), growing.finish().html}


def check(payload: dict[str, Any], sizes: list[int]) -> None:
    text = text_of(payload)
    wrong = [found for size in sizes for picture in pictures(text, size) for found in breaches(picture, rules_for(payload))]
    assert not wrong


short = [payload for payload in PAYLOADS if len(text_of(payload)) <= SHORT_CHARS]
long = [payload for payload in PAYLOADS if len(text_of(payload)) > SHORT_CHARS]


def test_every_rule_is_known_here_or_elsewhere() -> None:
    assert set().union(*(rules_for(payload) for payload in PAYLOADS)) <= set(RULES) | ELSEWHERE


@pytest.mark.mostly_slow
@pytest.mark.parametrize("payload", short, ids=lambda payload: payload["id"])
def test_no_picture_on_the_way_breaks_a_rule(payload: dict[str, Any]) -> None:
    check(payload, [7, 64])


@pytest.mark.slow
@pytest.mark.parametrize("payload", short, ids=lambda payload: payload["id"])
def test_no_picture_between_two_letters_breaks_a_rule(payload: dict[str, Any]) -> None:
    check(payload, [1])


@pytest.mark.slow
@pytest.mark.parametrize("payload", long, ids=lambda payload: payload["id"])
def test_no_picture_of_a_long_text_breaks_a_rule(payload: dict[str, Any]) -> None:
    check(payload, [64])


@pytest.mark.mostly_slow
@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload["id"])
def test_the_end_is_safe_small_and_soon(payload: dict[str, Any]) -> None:
    text = text_of(payload)
    with takes_at_most(2):
        markup = render(text)
    assert len(markup) <= 64 * len(text) + 65_536
    assert not breaches(markup, rules_for(payload))


@pytest.mark.parametrize(
    "payload", [payload for payload in PAYLOADS if "must_show" in payload], ids=lambda payload: payload["id"]
)
def test_it_hides_nothing(payload: dict[str, Any]) -> None:
    shown = Fragment(render(text_of(payload))).text
    assert not [wanted for wanted in payload["must_show"] if wanted not in shown]


@pytest.mark.mostly_slow
@pytest.mark.parametrize("payload", short, ids=lambda payload: payload["id"])
def test_a_second_parser_finds_no_fault(payload: dict[str, Any]) -> None:
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    parser.parseFragment(render(text_of(payload)), container="div")
    assert not parser.errors


@pytest.mark.parametrize(
    ("rule", "markup"),
    [
        ("no_script_element", "<svg><script>a</script></svg>"),
        ("no_event_attribute", "<p onclick=a>"),
        ("no_script_url", "<a href='java\tscript:a'>"),
        ("no_embedding_element", "<iframe></iframe>"),
        ("no_remote_subresource", "<img src='https:/evil.example/a'>"),
        ("no_style", "<p style='a:b'>"),
        ("no_meta_base_link", "<base href='/'>"),
        ("no_form_control", "<button>a</button>"),
        ("no_hx_attribute", "<p data-hx-get=a>"),
        ("no_framework_attribute", "<p @click=a>"),
        ("no_svg_math", "<math></math>"),
        ("no_id_name_clobber", "<p id=a>"),
        ("no_comment", "<!-- a -->"),
        ("no_structure_break", "</div><p>a</p>"),
        ("no_app_class", "<p class=notice>"),
        ("no_ping_target", "<a target=_top>"),
        ("external_link_hardened", "<a href='https://a.example'>a</a>"),
        ("bounded_depth", "<b>" * 300),
    ],
)
def test_each_rule_can_be_broken(rule: str, markup: str) -> None:
    assert RULES[rule](Fragment(markup))

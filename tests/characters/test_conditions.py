"""`{{if x}}` … `{{else}}` … `{{/if}}`, and other macros that enclose text."""

import pytest

from tests.support.turns import nobody_waits
from webapp.characters.macros.chat_variables import Variables, VariableStore
from webapp.characters.macros.macros import Names

TEXTS = {"description": "{{char}} rows.", "personality": " \n"}


def filled(text: str, **values: str) -> str:
    return Names("Jo", "Bo", texts=TEXTS.get, variables=Variables(VariableStore(lambda: values))).fill(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{if description}}{{description}}{{/if}}", "Bo rows."),
        ("a{{if personality}}b{{else}}c{{/if}}d", "acd"),
        ("{{if !personality}}b{{/if}}{{if ! description}}c{{/if}}", "b"),
        ("{{IF User}}a{{Else}}b{{/If}} {{if::char}}a{{/if}}", "a a"),
        ("{{ if .mood }}\n    Glad.\n      So.\n    {{ else }}\n  Sad.\n{{ / if }}", "Glad.\n  So."),
        ("{{#if .mood}} a {{/if}}|", " a |"),
        ("{{if {{getvar::mood}}}}a{{/if}}{{if {{.none}}}}b{{else}}c{{/if}}{{if $mood}}d{{/if}}", "ac"),
        ("{{if !{{.none}}}}a{{/if}}{{if !{{.mood}}}}b{{/if}}", "a"),
        ("".join(f"{{{{if {no}}}}}a{{{{else}}}}b{{{{/if}}}}" for no in ("false", "0", "OFF", "no", "!1", "{{noop}}")), "bbbbbb"),
        ("{{if anything else}}a{{/if}}{{if {{user}}}}b{{/if}}", "ab"),
        ("{{if x}}a{{if y}}b{{else}}c{{/if}}{{else}}d{{if z}}e{{/if}}{{/if}}", "ab"),
        ("{{if 0}}a{{if y}}b{{else}}c{{/if}}{{else}}d{{if z}}e{{/if}}{{/if}}", "de"),
        ("{{reverse::{{if x}}ab{{else}}c{{/if}}::{{if x}}d{{/if}}}}", "d::ba"),
        ("{{if x}}a{{else}}b{{else}}{{user}}{{/if}}", "a"),
        # Variables set in a branch that is not taken are not set.
        ("{{if 0}}{{setvar::a::1}}{{else}}{{/if}}{{if 1}}{{else}}{{incvar::a}}{{/if}}[{{getvar::a}}]", "[]"),
        ("{{setvar name}}\n  One {{user}}\n  two\n{{/setvar}}[{{.name}}]", "[One Jo\ntwo]"),
        ("{{reverse}}ab{{user}}{{/reverse}}{{trim}} \n a {{/trim}}|", "oJbaa|"),
        ("{{//}}a{{setvar::a::1}}{{///}}{{comment}}b{{/comment}}[{{.a}}]", "[]"),
        # Incomplete blocks and invalid conditions stay as they were written.
        ("{{if x}}a {{user}}", "{{if x}}a Jo"),
        ("a{{else}}b{{/if}}{{/setvar}}", "a{{else}}b{{/if}}{{/setvar}}"),
        ("{{if x}}a{{if y}}b{{/if}}", "{{if x}}ab"),
        ("{{if}}a{{/if}} {{if x::y}}a{{/if}} {{if x}}a{{/if y}}", "{{if}}a{{/if}} {{if x::y}}a{{/if}} {{if x}}a{{/if y}}"),
        ("{{if x}}a {{ {{/if}}", "{{if x}}a {{ {{/if}}"),
        ("{{reverse::a{{if x}}}}b{{/if}}", "}}x fi{{ab{{/if}}"),
        ("{{char}}a{{/char}} {{setvar::a::b}}c{{/setvar}}", "Boa{{/char}} c{{/setvar}}"),
    ],
)
def test_one_branch_is_taken(text: str, told: str) -> None:
    assert filled(text, mood="good") == told


def test_what_a_macro_gives_names_no_macro() -> None:
    assert filled("{{if {{.a}}}}x{{else}}y{{/if}}{{if {{.b}}}}x{{/if}}", a="personality", b="!1") == "xx"


def test_without_variables_those_are_left_as_written() -> None:
    names = Names("Jo", "Bo")
    assert names.fill("{{setvar a}} {{user}} {{/setvar}}{{.a++}}") == "{{setvar a}} Jo {{/setvar}}{{.a++}}"
    assert names.fill("{{if .a}}x{{else}}y{{/if}}{{if persona}}x{{else}}y{{/if}}{{if sunny}}x{{/if}}") == "yyx"


def test_the_deepest_are_filled_in_and_those_around_them_stay() -> None:
    told = filled("{{if x}}" * 40 + "{{user}}" + "{{/if}}" * 40)
    assert told == "{{if x}}" * told.count("{{if x}}") + "Jo" + "{{/if}}" * told.count("{{/if}}")
    assert 0 < told.count("{{if x}}") < 40


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "text",
    [
        "{{" * 25_000,
        "{{if x}}" * 6_000,
        "{{if x}}" * 500 + "{{/if}}" * 500,
        "{{setvar::a}}{{/if}}" * 3_000,
        "{{if {{if {{if x}}a{{/if}}}}b{{/if}}}}c{{/if}}" * 1_000,
        "{{setvar::a::b}}" * 1_000_000,
        ("{{" + " " * 50) * 2_000 + "}}" * 2_000,
        "{{if x}}" * 11 + "y\n " * 20_000 + "{{/if}}" * 11,
        "{{if" + " " * 100_000 + "}}{{/if}}",
        "{{." + "a-" * 50_000 + "}}",
        "{{.a" + " " * 100_000 + "}}",
    ],
    ids=range(11),
)
def test_hostile_texts_hold_up_nobody(text: str) -> None:
    with nobody_waits():
        assert len(filled(text)) <= len(text)

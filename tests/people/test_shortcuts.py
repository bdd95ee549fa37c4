"""Keyboard shortcuts: how keys are written, which ones can be chosen, and what is said of the others."""

import re

import pytest

from webapp.base.errors import Invalid
from webapp.people.shortcuts import BY_NAME, SHORTCUTS, chosen, keys_of, names_by_key, parse_key, pieces, written


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("ctrl + shift+e", "Ctrl+Shift+E"),
        ("Shift+Ctrl+e", "Ctrl+Shift+E"),
        ("⌘+K", "Ctrl+K"),
        ("Cmd+Shift+O", "Ctrl+Shift+O"),
        ("option+x", "Alt+X"),
        ("f8", "F8"),
        ("shift + f8", "Shift+F8"),
        ("←", "ArrowLeft"),
        ("arrowright", "ArrowRight"),
        ("?", "?"),
        ("+", "+"),
        ("Ctrl++", "Ctrl++"),
        ("S", "s"),
        ("Ж", "ж"),
        ("G THEN c", "g then c"),
        ("+ then +", "+ then +"),
        ("  ", ""),
    ],
)
def test_a_key_has_one_way_of_being_written(text: str, key: str) -> None:
    assert parse_key(text) == key
    assert parse_key(key) == key


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kingfisher", "Write a key such as"),
        ("Ctrl+", "Write a key such as"),
        ("g c", "Write a key such as"),
        ("\x00", "Write a key such as"),
        ("Shift+?", "Write the sign itself"),
        ("Alt+5", "Write the sign itself"),
        ("Ctrl+Alt+x", "Ctrl and Alt together"),
        ("a then b then c", "at most two keys"),
        ("Ctrl+K then c", "Keys in a row are single letters"),
        ("g" * 41, "at most 40 characters"),
    ],
)
def test_what_is_no_key_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        parse_key(text)


def test_all_defaults_are_keys_that_go_together() -> None:
    keys = keys_of({})
    assert [parse_key(key) for key in keys.values()] == list(keys.values())
    assert len(names_by_key({})) == len(SHORTCUTS)
    assert chosen({"help": "s", "stop_plan": "?"}, dict.fromkeys(keys)) == {}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("search", "ctrl+t", "Browsers need Ctrl + T"),
        ("search", "F5", "Browsers need F5"),
        ("search", "Alt+Left", "Browsers need Alt + ←"),
        ("search", "Ctrl+C", "Texts and dialogs need Ctrl + C"),
        ("search", "Ctrl+Enter", "Texts and dialogs need Ctrl + Enter"),
        ("help", "Esc", "Texts and dialogs need Escape"),
        ("help", "↑", "Texts and dialogs need ↑"),
        ("help", "Ctrl+Right", "Texts and dialogs need Ctrl"),
        ("next_error", "n", "n would be typed"),
        ("next_error", "g then n", "g then n would be typed"),
        ("search", "?", "? is the key of “Show the help”"),
        ("search", "s then e", "s, the key of “Stop the plan in progress”, begin alike"),
        ("kingfisher", "k", "There is no shortcut"),
    ],
)
def test_a_key_that_others_need_or_have_is_refused_with_their_name(name: str, text: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=re.escape(sentence)) as refused:
        chosen({}, {name: text})
    assert refused.value.field == name


def test_a_key_in_a_row_takes_its_first_key_from_others() -> None:
    own = chosen({}, {"search": "g then s"})
    assert own == {"search": "g then s"}
    with pytest.raises(Invalid, match="begin alike"):
        chosen(own, {"help": "g"})
    assert chosen(own, {"help": "g then h"}) == {"search": "g then s", "help": "g then h"}


def test_keys_are_exchanged_in_one_go_turned_off_and_given_back() -> None:
    own = chosen({}, {"previous_version": "Right", "next_version": "Left"})
    assert own == {"previous_version": "ArrowRight", "next_version": "ArrowLeft"}
    own = chosen({}, {"help": ""})
    assert (own, names_by_key(own).get("?")) == ({"help": ""}, None)
    # What is off has no key, so another one can have it, and keeps it.
    own = chosen(own, {"search": "?"})
    with pytest.raises(Invalid, match="Search everything"):
        chosen(own, {"help": None})
    assert chosen(own, {"help": None, "search": None}) == {}
    assert chosen({}, {"help": "?", "search": "ctrl+k"}) == {}


def test_a_chosen_key_counts_before_one_that_became_a_default_later() -> None:
    assert names_by_key({"new_chat": "?"})["?"] == "new_chat"
    assert names_by_key({"next_error": "?"})["?"] == "next_error"
    assert "gone" not in names_by_key({"gone": "F2"}).values()


def test_a_key_is_shown_as_it_is_pressed() -> None:
    assert pieces("Ctrl+Shift+O") == [["Ctrl", "Shift", "O"]]
    assert pieces("g then +") == [["g"], ["+"]]
    assert (written("ArrowLeft"), written("Ctrl++"), written("g then c")) == ("←", "Ctrl + +", "g then c")
    assert BY_NAME["next_error"].is_for_text

"""Keyboard shortcuts: what has a key, how a key is written, and which ones can be chosen.

A key is written as browsers name it, behind what is held: `Ctrl+Shift+O`, `F8`, `ArrowLeft`, `?`, or as two keys in a row,
`g then c`. Ctrl stands for ⌘ on a Mac, too. For signs only Ctrl counts as held: keyboards need different keys to write them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from webapp.base.errors import Invalid

MOST_CHARS = 40
THEN = " then "
CHANGE = "Choose another one."


@dataclass(frozen=True, slots=True)
class Shortcut:
    """What a person can do by key; `key` is the default one. With `is_for_text`, it is used while one writes a text."""

    name: str
    words: str
    key: str
    is_for_text: bool = False


SHORTCUTS = (
    Shortcut("new_chat", "New chat", "Ctrl+Shift+O"),
    Shortcut("search", "Search everything, or run an action by name", "Ctrl+K"),
    Shortcut("sidebar", "Show or hide the sidebar", "Ctrl+Shift+S"),
    Shortcut("help", "Show the help", "?"),
    Shortcut("chat_settings", "Open chat settings: collections and prompts", "#"),
    Shortcut("quote", "Quote selected text", ">"),
    Shortcut("waiting", "Go to the next decision in a chat", "F2", is_for_text=True),
    Shortcut("previous_version", "Show the previous version of the last answer", "ArrowLeft"),
    Shortcut("next_version", "Show the next version, or write one in a chat with a character", "ArrowRight"),
    Shortcut("stop_plan", "Stop the plan in progress", "s"),
    Shortcut("finish_plan", "Finish an incomplete plan", "f"),
    Shortcut("next_error", "Go to the next error in the text of a workflow", "F8", is_for_text=True),
    Shortcut("previous_error", "Go to the previous error in the text of a workflow", "Shift+F8", is_for_text=True),
)
BY_NAME = {shortcut.name: shortcut for shortcut in SHORTCUTS}
# What can't be changed: it belongs to texts, dialogs and the browser.
FIXED = (
    (("Enter",), "Send message (or Ctrl + Enter, if set in Settings)"),
    (("Shift", "Enter"), "Insert a new line"),
    (("A–Z",), "Start a message, if the letter has no shortcut of its own"),
    (("/",), "In the message box: insert a prompt"),
    (("#",), "In the message box: mention a collection or file"),
    (("@",), "In the message box: mention a model or character"),
    (("↑",), "Edit your last message, when the message box is empty"),
    (("Ctrl", "Enter"), "Save an edited answer"),
    (("Esc",), "Cancel an edit you haven't changed, close the open dialog, or stop the answer"),
    (("Tab",), "Move through everything on the page"),
)

HELD = {"Ctrl": ("ctrl", "control", "cmd", "command", "meta", "⌘"), "Alt": ("alt", "option", "⌥"), "Shift": ("shift", "⇧")}
_HELD_BY_WORD = {word: held for held, words in HELD.items() for word in words}
_ARROWS = {"ArrowLeft": ("left", "←"), "ArrowRight": ("right", "→"), "ArrowUp": ("up", "↑"), "ArrowDown": ("down", "↓")}
_FUNCTION_KEYS = tuple(f"F{number}" for number in range(1, 13))
_WRITING_KEYS = ("Enter", "Tab", "Escape", "Space", "Backspace", "Delete", "Insert", "Home", "End", "PageUp", "PageDown")
_NAMED = {
    **{name.lower(): name for name in (*_FUNCTION_KEYS, *_WRITING_KEYS, *_ARROWS)},
    **{word: name for name, words in _ARROWS.items() for word in words},
    "esc": "Escape",
    "return": "Enter",
    "del": "Delete",
}
_STEP = re.compile(rf"((?:(?:{'|'.join(_HELD_BY_WORD)})\s*\+\s*)*)(\S+)", re.IGNORECASE)
# What browsers do with these can't be taken from them, or is missed at once.
_BROWSERS = frozenset({
    *(f"Ctrl+{key}" for key in "DFGHJLMNOPQRSTUW0123456789+-="),
    *(f"Ctrl+Shift+{key}" for key in "BCIJMNPQRTW"),
    *("F1", "F3", "F5", "F6", "F7", "F10", "F11", "F12", "Ctrl+F4", "Ctrl+F5", "Shift+F5", "Alt+F4", "Alt+D", "Alt+E", "Alt+F"),
})  # fmt: skip
_TEXTS = frozenset({*(f"Ctrl+{key}" for key in "ACVXYZ"), "Ctrl+Shift+V", "Ctrl+Shift+Z"})


def parse_key(text: str) -> str:
    """Returns a key in the one way in which it is stored, shown and compared; an empty text is no key."""
    text = text.strip()
    if len(text) > MOST_CHARS:
        raise Invalid(f"Use at most {MOST_CHARS} characters.")
    steps = [_step(step) for step in re.split(r"\s+then\s+", text, flags=re.IGNORECASE)] if text else []
    if len(steps) > 2:
        raise Invalid("Use at most two keys in a row, such as g then c.")
    if len(steps) == 2 and not all(len(step) == 1 for step in steps):
        raise Invalid("Keys in a row are single letters or signs, such as g then c.")
    return THEN.join(steps)


def keys_of(own: Mapping[str, str]) -> dict[str, str]:
    """Returns the key of every shortcut for someone who has chosen `own`; an empty one is off."""
    return {shortcut.name: own.get(shortcut.name, shortcut.key) for shortcut in SHORTCUTS}


def names_by_key(own: Mapping[str, str]) -> dict[str, str]:
    """Returns the table that a page's script reads: names of shortcuts by key. A chosen key counts before a default one."""
    keys = keys_of(own)
    return {keys[name]: name for name in sorted(keys, key=lambda name: name in own) if keys[name]}


def chosen(own: Mapping[str, str], wanted: Mapping[str, str | None]) -> dict[str, str]:
    """Returns what someone has chosen after these changes: a key as it was typed, or None for the default.

    Keys that others need, or have, are refused with a sentence.
    """
    changed = {name: _wanted(name, text) for name, text in wanted.items()}
    keys = keys_of(own) | changed
    for name, key in changed.items():
        if key != own.get(name, BY_NAME[name].key):
            _check_others(name, keys)
    return {name: key for name, key in keys.items() if key != BY_NAME[name].key}


def pieces(key: str) -> list[list[str]]:
    """Returns a key as people read it: for each of the keys in a row, what is held and pressed."""
    words = {name: words[-1] for name, words in _ARROWS.items()}
    steps = [[*re.findall(r"(\w+)\+(?=.)", step), _last(step)] for step in key.split(THEN)]
    return [[words.get(piece, piece) for piece in step] for step in steps]


def written(key: str) -> str:
    """Returns a key as it is written in a sentence."""
    return THEN.join(" + ".join(step) for step in pieces(key))


def _step(text: str) -> str:
    match = _STEP.fullmatch(text)
    key = _NAMED.get(match[2].lower(), match[2]) if match else ""
    if not match or (len(key) > 1 and key not in _NAMED.values()) or not key.isprintable():
        raise Invalid("Write a key such as F8, keys held together such as Ctrl+Shift+E, or keys in a row such as g then c.")
    held = {_HELD_BY_WORD[word.lower()] for word in re.findall(r"[^\s+]+", match[1])}
    if len(key) == 1 and key.lower() == key.upper() and held & {"Shift", "Alt"}:
        raise Invalid(f"Write the sign itself, without Shift and Alt: which of them writes {key} depends on the keyboard.")
    if {"Ctrl", "Alt"} <= held:
        raise Invalid("Ctrl and Alt together write letters on many keyboards. Leave one of them out.")
    if len(key) == 1:
        key = key.upper() if held else key.lower()
    return "+".join([*(name for name in HELD if name in held), key])


def _wanted(name: str, text: str | None) -> str:
    """Returns the key that a shortcut is to have, if it is one that it can have."""
    shortcut = BY_NAME.get(name)
    if shortcut is None:
        raise Invalid(f"There is no shortcut “{name[:MOST_CHARS]}”.", field=name)
    if text is None:
        return shortcut.key
    try:
        key = parse_key(text)
        if key and key != shortcut.key:
            _check(shortcut, key)
    except Invalid as refusal:
        refusal.field = name
        raise
    return key


def _check(shortcut: Shortcut, key: str) -> None:
    last = _last(key)
    if key in _BROWSERS or (last in _ARROWS and key.startswith("Alt+")):
        raise Invalid(f"Browsers need {written(key)} themselves. {CHANGE}")
    is_for_writing = last in _WRITING_KEYS or last in ("ArrowUp", "ArrowDown") or (last in _ARROWS and key != last)
    if key in _TEXTS or is_for_writing:
        raise Invalid(f"Texts and dialogs need {written(key)} themselves. {CHANGE}")
    if shortcut.is_for_text and not re.search(r"Ctrl\+|Alt\+|F\d", key):
        raise Invalid(f"This is used while you write, and {written(key)} would be typed. Choose one such as F9, or with Ctrl.")


def _check_others(name: str, keys: Mapping[str, str]) -> None:
    key = keys[name]
    for other, taken in keys.items():
        if other == name or not key or not taken:
            continue
        if key == taken:
            raise Invalid(f"{written(key)} is the key of “{BY_NAME[other].words}”. {CHANGE}", field=name)
        if taken.startswith(key + THEN) or key.startswith(taken + THEN):
            words = f"{written(key)} and {written(taken)}, the key of “{BY_NAME[other].words}”, begin alike."
            raise Invalid(f"{words} {CHANGE}", field=name)


def _last(key: str) -> str:
    """Returns what is pressed last, without what is held."""
    return key if len(key) == 1 else key[-1] if key.endswith("+") else key.rpartition("+")[2].rpartition(THEN)[2]

"""What the buttons of the editor do: they change its text, open a step's form, or take back what was removed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from webapp.base.languages import gettext as _
from webapp.workflows.editor.cards import (
    HEAD,
    KINDS,
    NO_CALL,
    CardRefused,
    NewCall,
    added,
    cards_of,
    edited,
    headed,
    moved,
    removed,
    restored,
)
from webapp.workflows.editor.text import corrected

MOVED_AWAY = "That step was changed in the text meanwhile. Open it again."


@dataclass(frozen=True, slots=True)
class Undo:
    """Removed lines, and where they were."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class ChangedText:
    """A text after a button, the step whose form is open, what to say, and the button or form that is used next."""

    source: str
    open: int = -1
    said: str = ""
    undo: Undo | None = None
    # The index of a step, and which of its buttons.
    focus: tuple[int, str] = (-1, "")
    # Whether the cards stay as they are, because someone is typing in one.
    is_typing: bool = False


def change(source: str, form: Mapping[str, str], *, plan_type: str, tool: NewCall = NO_CALL) -> ChangedText:
    """Returns what a button makes of the text; what was entered in an open form is written first."""
    name, *arguments = form.get("deed", "").split() or [""]
    numbers = [int(number) for number in arguments if number.isascii() and number.isdecimal()][:3]
    opened = _number(form.get("open", ""))
    try:
        source = _with_form(source, form)
        if name == "add" and arguments[:1] and arguments[0] in KINDS:
            text, index = added(source, arguments[0], _number(form.get("after", "")), plan_type=plan_type, tool=tool)
            return ChangedText(text, index, focus=(index, "form"))
        return _change(source, name, arguments, numbers, form, opened)
    except CardRefused as refusal:
        return ChangedText(source, opened, said=str(refusal), is_typing=name == "keep")


def _change(
    source: str, name: str, arguments: list[str], numbers: list[int], form: Mapping[str, str], opened: int
) -> ChangedText:
    match name, arguments, numbers:
        case "correct", [_, _, wrong, meant], [line, column, *_]:
            return ChangedText(corrected(source, line, column, wrong, meant), opened)
        case "keep", _, _:
            return ChangedText(source, numbers[0] if numbers else opened, is_typing=True)
        case "open", _, [index]:
            return ChangedText(source, index, focus=(index, "form"))
        case "row", _, [index]:
            return ChangedText(source, index)
        case "save", _, [index]:
            return ChangedText(source, focus=(index, "open"))
        case "up" | "down", _, [index]:
            return _move(source, index, index + (1 if name == "down" else -1), name)
        case "drop", _, [index, to]:
            return _move(source, index, to, "open")
        case "remove", _, [index]:
            text, line, lines = removed(source, index)
            undo = Undo(line, lines) if lines else None
            return ChangedText(
                text, said=_("Removed the step in line %(number)s.", number=line) if undo else "", undo=undo, focus=(-1, "undo")
            )
        case "undo", _, _:
            lines = form.get("undone", "").replace("\r\n", "\n")
            return ChangedText(restored(source, max(_number(form.get("undone_line", "")), 1), lines), said=_("Step restored."))
    return ChangedText(source, opened)


def _move(source: str, index: int, to: int, button: str) -> ChangedText:
    text = moved(source, index, to)
    count = len(cards_of(text).cards)
    if text == source:
        return ChangedText(source, focus=(index, button))
    return ChangedText(text, said=_("Moved to place %(place)s of %(count)s.", place=to + 1, count=count), focus=(to, button))


def entered(source: str, form: Mapping[str, str]) -> str:
    """Returns the text with what was entered in an open form, if its step is still there."""
    try:
        return _with_form(source, form)
    except CardRefused:
        return source


def _with_form(source: str, form: Mapping[str, str]) -> str:
    # What was typed into the fields at the top; those that still say what they were drawn with leave the text as it is.
    head = {name: form.get(f"head_{name}", "").strip() for name in HEAD if form.get(f"head_{name}") != form.get(f"was_{name}")}
    source = headed(source, head) if head else source
    values = {name.removeprefix("step_"): value for name, value in form.items() if name.startswith("step_")}
    if not values or _number(form.get("open", "")) < 0 or not cards_of(source).cards:
        return source
    opened = still_open(source, form)
    if opened < 0:
        raise CardRefused(MOVED_AWAY)
    return edited(source, opened, values)


def still_open(source: str, form: Mapping[str, str]) -> int:
    """Returns the index of the step whose form is open, another one if lines were added above it; -1 if it is gone."""
    opened, seen = _number(form.get("open", "")), form.get("seen", "").replace("\r\n", "\n")
    same = [card.index for card in cards_of(source).cards if card.seen == seen] if opened >= 0 else []
    return opened if opened in same else same[0] if len(same) == 1 else -1


def _number(text: str) -> int:
    """Returns a number that a form sent; -1 if it isn't one."""
    return int(text[:9]) if text.isascii() and text.isdecimal() else -1

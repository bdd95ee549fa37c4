"""Writes what was entered for a text script into its card; everything that the form has no field for is kept."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import Field

from webapp.base.errors import Conflict, Invalid
from webapp.base.inputs import Input, Refusal, Whole
from webapp.base.untrusted_json import JsonObject, clean
from webapp.characters.lore.expressions import trouble_of
from webapp.characters.scripts.card_scripts import values_in, with_values
from webapp.characters.text_scripts import (
    CHARACTER,
    EXPRESSION_CHARS,
    MOST_DEPTH,
    MOST_TRIMS,
    NAME_CHARS,
    PERSON,
    REPLACEMENT_CHARS,
    TRIM_CHARS,
    TextScript,
    parted,
    script_of,
    scripts_in,
)

Card = JsonObject
# Tells whether a script is still the one that the page showed.
IsSame = Callable[[Any], bool]
Where = Literal["both", "shown", "sent"]
# SillyTavern's flags for what a script changes; with both of them, it changes what is shown and what is sent.
FLAGS: dict[Where, tuple[bool, bool]] = {"both": (True, True), "shown": (True, False), "sent": (False, True)}
MOST_STORED, STORED_CHARS = 100, 500_000
NO_EXPRESSION = "Enter what to find."
LONG_TRIMS = f"Use at most {MOST_TRIMS} lines of {TRIM_CHARS} characters."
Depth = Annotated[int, Whole(0, MOST_DEPTH)]


def at_most(chars: int) -> Refusal:
    return Refusal(f"Use at most {chars:,} characters.")


class ScriptInput(Input):
    """What is entered for a text script, which changes messages of the character, of the person or of both."""

    find: Annotated[
        str,
        Field(min_length=1, max_length=EXPRESSION_CHARS, description="A regular expression such as `/a(b)/gi`."),
        Refusal(NO_EXPRESSION, fault="string_too_short"),
        at_most(EXPRESSION_CHARS),
    ]
    name: Annotated[str, Field(max_length=NAME_CHARS), at_most(NAME_CHARS)] = ""
    replacement: Annotated[
        str,
        Field(max_length=REPLACEMENT_CHARS, description="`{{match}}` is the match, `$1` its first group."),
        at_most(REPLACEMENT_CHARS),
    ] = ""
    trims: Annotated[list[str], Field(max_length=MOST_TRIMS), Refusal(LONG_TRIMS)] = Field(
        default=[], description="Removed from what was found."
    )
    where: Where = Field(default="both", description="What it changes: what is `shown`, what is `sent` to the model, or `both`.")
    is_for_character: bool = True
    is_for_person: bool = False
    is_enabled: bool = True
    least_depth: Depth | None = Field(default=None, description="The last message has depth 0.")
    most_depth: Depth | None = None
    naming: int = Field(
        default=0, ge=0, le=2, description="Names in `find`: 0 as written, 1 filled in, 2 filled in and taken literally."
    )


def with_script(card: Card, place: int | None, entered: ScriptInput, is_same: IsSame) -> Card:
    """Returns the card with this script at an index, or as its last; raises Conflict if another one is there now."""
    values = _same(card, place, is_same)
    if place is None and len(values) >= MOST_STORED:
        raise Invalid(f"A character can have at most {MOST_STORED} text scripts.", field="find")
    value = written(entered, {} if place is None else values[place])
    return _stored(card, [*values, value] if place is None else [*values[:place], value, *values[place + 1 :]])


def with_scripts(card: Card, script_inputs: Sequence[ScriptInput]) -> Card:
    """Returns the card with these scripts instead; one with the same expression keeps what no field holds."""
    scripts_by_expression = {script.expression: value for value in reversed(values_in(card)) if (script := script_of(value))}
    return _stored(card, [written(entered, scripts_by_expression.get(entered.find, {})) for entered in script_inputs])


def fields_of(script: TextScript) -> JsonObject:
    """Returns the fields of a script by their names in `ScriptInput`, except those that it has itself."""
    return {
        "find": script.expression,
        "trims": list(script.trims),
        "where": where_of(script.is_shown, script.is_sent),
        "is_for_character": CHARACTER in script.placements,
        "is_for_person": PERSON in script.placements,
    }


def without_script(card: Card, place: int, is_same: IsSame) -> Card:
    values = _same(card, place, is_same)
    return with_values(card, [*values[:place], *values[place + 1 :]])


def moved_up(card: Card, place: int, is_same: IsSame) -> Card:
    """Returns the card with this script before the one that it follows."""
    values = _same(card, place, is_same)
    if place:
        values[place - 1 : place + 1] = values[place], values[place - 1]
    return with_values(card, values)


def written(entered: ScriptInput, record: Card) -> Card:
    """Returns a script as cards store it; raises Invalid for one that can't be used, unless its expression is unchanged."""
    before = script_of(record)
    _check(entered, is_new=not before or entered.find != before.expression)
    others = [placement for placement in (before.placements if before else ()) if placement not in (PERSON, CHARACTER)]
    chosen = [PERSON] * entered.is_for_person + [CHARACTER] * entered.is_for_character
    value: Card = {"id": str(uuid4()), "runOnEdit": True} if not before else dict(record)
    value |= {
        "scriptName": clean(" ".join(entered.name.split())),
        "findRegex": clean(entered.find),
        "replaceString": clean(entered.replacement),
        "trimStrings": [clean(trim) for trim in entered.trims if trim],
        "disabled": not entered.is_enabled,
        "substituteRegex": entered.naming,
    }
    if not before or sorted([*chosen, *others]) != sorted(before.placements):
        value["placement"] = [*chosen, *others]
    if not before or where_of(before.is_shown, before.is_sent) != entered.where:
        value["markdownOnly"], value["promptOnly"] = FLAGS[entered.where]
    for name, depth in (("minDepth", entered.least_depth), ("maxDepth", entered.most_depth)):
        depth_before = before and (before.least_depth if name == "minDepth" else before.most_depth)
        value |= {name: depth} if not before or depth != depth_before else {}
    return value


def where_of(is_shown: bool, is_sent: bool) -> Where:
    return "both" if is_shown and is_sent else "shown" if is_shown else "sent"


def _stored(card: Card, values: list[Any]) -> Card:
    if sum(len(script.expression) + len(script.replacement) for script in scripts_in(values)) > STORED_CHARS:
        raise Invalid(f"Together, the text scripts can have at most {STORED_CHARS:,} characters.", field="replacement")
    return with_values(card, values)


def _check(entered: ScriptInput, *, is_new: bool) -> None:
    if not entered.find.strip():
        raise Invalid(NO_EXPRESSION, field="find")
    if any(len(trim) > TRIM_CHARS for trim in entered.trims):
        raise Invalid(LONG_TRIMS, field="trims")
    if is_new and (trouble := trouble_of(*parted(entered.find))):
        raise Invalid(trouble, field="find")


def _same(card: Card, place: int | None, is_same: IsSame) -> list[Any]:
    """Returns the scripts of the card; raises Conflict if the one at this index is no longer the one that the page showed."""
    values = list(values_in(card))
    if place is not None and (place >= len(values) or not is_same(values[place])):
        raise Conflict("This text script was changed elsewhere. Open it again.")
    return values

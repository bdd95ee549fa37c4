"""Macros that read and write variables: `{{getvar::name}}`, `{{setvar::name::value}}` and others. Pure."""

import re
from decimal import Decimal

from webapp.bags import Bag, Variables
from webapp.characters.macro_calls import Call

NUMBER = re.compile(r"[+-]?[0-9]{1,25}(\.[0-9]{1,15})?", re.ASCII)


def meant(call: Call, variables: Variables) -> str | None:
    """Executes a macro of `MEANINGS` and returns its output; None if the arguments don't fit."""
    does, bag = MEANINGS[call.name]
    name, *value = call.parts or [""]
    if not name or bool(value) != (does in (_set, _add)):
        return None
    return does(variables.shared if bag == "globalvar" else variables.local, name, "::".join(value))


def _get(bag: Bag, name: str, _: str) -> str:
    return bag.get(name)


def _set(bag: Bag, name: str, value: str) -> str:
    bag.put(name, value)
    return ""


def _add(bag: Bag, name: str, value: str) -> str:
    bag.put(name, _sum(bag.get(name), value))
    return ""


def _inc(bag: Bag, name: str, _: str) -> str:
    _add(bag, name, "1")
    return bag.get(name)


def _dec(bag: Bag, name: str, _: str) -> str:
    _add(bag, name, "-1")
    return bag.get(name)


def _has(bag: Bag, name: str, _: str) -> str:
    return "true" if name in bag.values else "false"


def _delete(bag: Bag, name: str, _: str) -> str:
    bag.drop(name)
    return ""


def _sum(one: str, other: str) -> str:
    """Adds two numbers, or concatenates the texts if one is not a number; an unset variable counts as 0."""
    if not NUMBER.fullmatch(one or "0") or not NUMBER.fullmatch(other):
        return one + other
    total = f"{Decimal(one or '0') + Decimal(other):f}"
    return total.rstrip("0").rstrip(".") if "." in total else total


DOES = {"get": _get, "set": _set, "add": _add, "inc": _inc, "dec": _dec, "has": _has, "delete": _delete}
MEANINGS = {f"{name}{bag}": (does, bag) for bag in ("var", "globalvar") for name, does in DOES.items()}

"""Macros that read and write variables: `{{getvar::name}}`, `{{setvar::name::value}}` and others. Pure."""

import re
from decimal import Decimal

from webapp.characters.macros.calls import Call
from webapp.characters.macros.chat_variables import Variables, VariableStore

NUMBER = re.compile(r"[+-]?[0-9]{1,25}(\.[0-9]{1,15})?", re.ASCII)


def meant(call: Call, variables: Variables) -> str | None:
    """Executes a macro of `MEANINGS` and returns its output; None if the arguments don't fit."""
    does, store = MEANINGS[call.name]
    name, *value = call.parts or [""]
    if not name or bool(value) != (does in (_set, _add)):
        return None
    return does(variables.shared if store == "globalvar" else variables.local, name, "::".join(value))


def _get(store: VariableStore, name: str, _: str) -> str:
    return store.get(name)


def _set(store: VariableStore, name: str, value: str) -> str:
    store.put(name, value)
    return ""


def _add(store: VariableStore, name: str, value: str) -> str:
    store.put(name, _sum(store.get(name), value))
    return ""


def _inc(store: VariableStore, name: str, _: str) -> str:
    _add(store, name, "1")
    return store.get(name)


def _dec(store: VariableStore, name: str, _: str) -> str:
    _add(store, name, "-1")
    return store.get(name)


def _has(store: VariableStore, name: str, _: str) -> str:
    return "true" if name in store.values else "false"


def _delete(store: VariableStore, name: str, _: str) -> str:
    store.drop(name)
    return ""


def _sum(one: str, other: str) -> str:
    """Adds two numbers, or concatenates the texts if one is not a number; an unset variable counts as 0."""
    if not NUMBER.fullmatch(one or "0") or not NUMBER.fullmatch(other):
        return one + other
    total = f"{Decimal(one or '0') + Decimal(other):f}"
    return total.rstrip("0").rstrip(".") if "." in total else total


DOES = {"get": _get, "set": _set, "add": _add, "inc": _inc, "dec": _dec, "has": _has, "delete": _delete}
MEANINGS = {f"{name}{store}": (does, store) for store in ("var", "globalvar") for name, does in DOES.items()}

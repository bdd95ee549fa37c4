"""Lists that people put in order in a form; each move is also a button, for browsers without scripts."""

from flask import request

from webapp.base.order import moved


def is_sorting(name: str) -> bool:
    """Returns whether the form was sent by a button that moves something in this list: nothing is to be stored yet."""
    return f"{name}-move" in request.form


def submitted_order(name: str) -> list[str]:
    """Returns the values of a list as the form has them, without duplicates, after the move that a button asks for."""
    values = list(dict.fromkeys(filter(None, map(str.strip, request.form.getlist(name)))))
    step, _, value = request.form.get(f"{name}-move", "").partition(" ")
    return moved(values, step, value)

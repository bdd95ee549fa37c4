"""/characters/variables: a person's variables in all their chats with characters, and the rows in which forms show variables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, request, url_for

from webapp.base.errors import Conflict, Invalid
from webapp.base.languages import gettext as _
from webapp.characters.macros.chat_variables import MOST_NAMES, storable
from webapp.chat.record import variables
from webapp.people.accounts.guards import current_user, signed_in
from webapp.web.forms import Form
from webapp.web.htmx import redirect

bp = Blueprint("variables", __name__)
TWICE = "Two variables have the same name."
SEEN_CHARS = 200_000
LINES = range(MOST_NAMES + 1)


@dataclass(frozen=True, slots=True)
class VariableRows:
    """The names and values in the rows; `seen` are the variables when the form was opened."""

    rows: tuple[tuple[str, str], ...]
    seen: Mapping[str, str]

    @classmethod
    def from_values(cls, values: Mapping[str, str]) -> "VariableRows":
        return cls(tuple(sorted(values.items())), values)

    @classmethod
    def sent(cls, form: Mapping[str, str]) -> "VariableRows | None":
        """Parses the submitted rows; None if the form had none."""
        if "variables-seen" not in form:
            return None
        rows = [(_line(form, "name", at).strip(), _line(form, "value", at), f"variable-removed-{at}" in form) for at in LINES]
        return cls(tuple((name, value) for name, value, is_removed in rows if name and not is_removed), _seen(form))

    @property
    def shown(self) -> list[tuple[str, str]]:
        """The rows to display, with an empty one for a new variable."""
        return [*self.rows, ("", "")]

    @property
    def values(self) -> dict[str, str]:
        """The values by name; raises `Invalid` if a name occurs twice."""
        values = dict(self.rows)
        if len(values) < len(self.rows):
            raise Invalid(TWICE, field="variables")
        return values

    @property
    def is_changed(self) -> bool:
        return dict(self.rows) != dict(self.seen) or len(self.rows) != len(self.seen)

    def applied_to(self, now: Mapping[str, str]) -> "VariableRows":
        """Returns the current variables with the person's changes applied, after a conflict with a concurrent change."""
        typed, names = dict(self.rows), variables.changed_names(dict(self.rows), self.seen)
        other_values = {name: value for name, value in now.items() if name not in names}
        return VariableRows(tuple(sorted((other_values | {name: typed[name] for name in names if name in typed}).items())), now)

    @property
    def seen_text(self) -> str:
        return json.dumps(dict(self.seen))


@bp.get("/characters/variables")
@signed_in
def show() -> Response:
    return _page(Form.fresh(), _now())


@bp.get("/variables")
@signed_in
def show_moved() -> Response:
    # Its address until 1.1.
    return redirect(url_for(".show"))


@bp.post("/characters/variables")
@signed_in
def update() -> Response:
    form, variable_rows = Form.opened(), VariableRows.sent(request.form) or _now()
    with form.attempt():
        if variable_rows.is_changed:
            variables.replace_own(current_user().id, variable_rows.values, seen=variable_rows.seen)
        return redirect(url_for(".show"), _("Saved."))
    return _page(form, variable_rows.applied_to(_now().seen) if isinstance(form.refusal, Conflict) else variable_rows)


def _now() -> VariableRows:
    return VariableRows.from_values(variables.variables_of_person(current_user().id))


def _page(form: Form, rows: VariableRows) -> Response:
    return form.shown("workspace/roleplay/variables.html", variables=rows)


def _line(form: Mapping[str, str], what: str, at: int) -> str:
    return form.get(f"variable-{what}-{at}", "").replace("\r\n", "\n")


def _seen(form: Mapping[str, str]) -> dict[str, str]:
    try:
        return storable(json.loads(form["variables-seen"][:SEEN_CHARS] or "{}"))
    except (ValueError, RecursionError):
        return {}

"""The variables of a chat in its form: one row each, and an empty row."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from webapp.base.errors import Invalid
from webapp.characters.macros.chat_variables import MOST_NAMES, storable
from webapp.chat.record.variables import touched

TWICE = "Two variables have the same name."
SEEN_CHARS = 200_000
PLACES = range(MOST_NAMES + 1)


@dataclass(frozen=True, slots=True)
class VariableRows:
    """The names and values in the rows; `seen` are the variables when the form was opened."""

    rows: tuple[tuple[str, str], ...]
    seen: Mapping[str, str]

    @classmethod
    def of(cls, values: Mapping[str, str]) -> "VariableRows":
        return cls(tuple(sorted(values.items())), values)

    @classmethod
    def sent(cls, form: Mapping[str, str]) -> "VariableRows | None":
        """Parses the submitted rows; None if the form had none."""
        if "variables-seen" not in form:
            return None
        rows = [(_line(form, "name", at).strip(), _line(form, "value", at), f"variable-removed-{at}" in form) for at in PLACES]
        return cls(tuple((name, value) for name, value, is_removed in rows if name and not is_removed), _seen(form))

    @property
    def shown(self) -> list[tuple[str, str]]:
        """The rows to display, with an empty one for a new variable."""
        return [*self.rows, ("", "")]

    @property
    def values(self) -> dict[str, str]:
        """The values by name; raises `Invalid` if a name occurs twice."""
        found = dict(self.rows)
        if len(found) < len(self.rows):
            raise Invalid(TWICE, field="variables")
        return found

    @property
    def is_changed(self) -> bool:
        return dict(self.rows) != dict(self.seen) or len(self.rows) != len(self.seen)

    def applied_to(self, now: Mapping[str, str]) -> "VariableRows":
        """Returns the current variables with the person's changes applied, after a conflict with a concurrent change."""
        typed, names = dict(self.rows), touched(dict(self.rows), self.seen)
        kept = {name: value for name, value in now.items() if name not in names}
        return VariableRows(tuple(sorted((kept | {name: typed[name] for name in names if name in typed}).items())), now)

    @property
    def seen_text(self) -> str:
        return json.dumps(dict(self.seen))


def _line(form: Mapping[str, str], what: str, at: int) -> str:
    return form.get(f"variable-{what}-{at}", "").replace("\r\n", "\n")


def _seen(form: Mapping[str, str]) -> dict[str, str]:
    try:
        return storable(json.loads(form["variables-seen"][:SEEN_CHARS] or "{}"))
    except (ValueError, RecursionError):
        return {}

"""The variables of a chat in its form: a row for each, and an empty one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from webapp.bags import MOST_NAMES, kept
from webapp.chat.variables import touched
from webapp.errors import Invalid

TWICE = "Two variables have the same name."
SEEN_CHARS = 200_000
PLACES = range(MOST_NAMES + 1)


@dataclass(frozen=True, slots=True)
class VariableRows:
    """What stands in the rows, by places; `seen` is what there was when the form was opened."""

    rows: tuple[tuple[str, str], ...]
    seen: Mapping[str, str]

    @classmethod
    def of(cls, values: Mapping[str, str]) -> "VariableRows":
        return cls(tuple(sorted(values.items())), values)

    @classmethod
    def sent(cls, form: Mapping[str, str]) -> "VariableRows | None":
        """As they came back; None where the form had none."""
        if "variables-seen" not in form:
            return None
        rows = [(_line(form, "name", at).strip(), _line(form, "value", at), f"variable-removed-{at}" in form) for at in PLACES]
        return cls(tuple((name, value) for name, value, is_removed in rows if name and not is_removed), _seen(form))

    @property
    def shown(self) -> list[tuple[str, str]]:
        """With the empty one."""
        return [*self.rows, ("", "")]

    @property
    def values(self) -> dict[str, str]:
        """Each by its name; a name that is there twice is refused."""
        found = dict(self.rows)
        if len(found) < len(self.rows):
            raise Invalid(TWICE, field="variables")
        return found

    @property
    def is_changed(self) -> bool:
        return dict(self.rows) != dict(self.seen) or len(self.rows) != len(self.seen)

    def onto(self, now: Mapping[str, str]) -> "VariableRows":
        """What was typed over what there is now, for whoever was told that it has changed meanwhile."""
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
        return kept(json.loads(form["variables-seen"][:SEEN_CHARS] or "{}"))
    except (ValueError, RecursionError):
        return {}

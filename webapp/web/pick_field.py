"""A field to choose one of many: a select for a few options, a text field with suggestions for more."""

from collections.abc import Callable, Iterable, Sequence
from typing import Self

from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _

# A value with its label.
Choice = tuple[str, str]
# Returns the choices whose label contains the text or whose value equals it, up to a limit; the first ones for an empty text.
Find = Callable[[str, int], Sequence[Choice]]
# The most options that fit on a page and that a person can look through.
MOST_SHOWN = 100


def choose() -> Choice:
    """Returns a choice that preselects nothing, where a person has to choose."""
    return "", _("Choose one")


class PickField(SelectField):  # type: ignore[misc]  # wtforms has no types
    """A field whose `chosen` is the value, selected or typed; a page costs only the options it shows, however many there are."""

    is_searched = False
    _find: Find | None = None
    _first: Sequence[Choice] = ()

    def offering(self, find: Find, first: Iterable[Choice] = ()) -> Self:
        """Returns the field with the options that `find` returns, after those in `first`."""
        self._find, self._first = find, tuple(first)
        choices = find("", MOST_SHOWN + 1)
        self.is_searched = len(choices) > MOST_SHOWN
        self._show([*self._first, *choices[:MOST_SHOWN]])
        return self

    @property
    def chosen(self) -> str:
        """The chosen value; if several options match the text, offers them and raises `Invalid`."""
        text = (self.data or "").strip()
        if not self.is_searched or not text:
            return text
        matching = self._found(text)
        matches = [value for value, words in matching if text in (value, words) or words.endswith(f"({text})")]
        if len(matches) == 1 or len(matching) == 1:
            return (matches or [matching[0][0]])[0]
        raise Invalid(self._narrowed(text, matching), field=self.name)

    @property
    def typed(self) -> str:
        """The text in the field: the label of the chosen value, or what was typed."""
        text = self.data or ""
        return next((words for value, words in self._found(text) if value == text), text) if text else ""

    @property
    def hint(self) -> str:
        """The placeholder: what an empty choice means, or what to type."""
        return next((words for value, words in self._first if not value), _("Type a name"))

    def _found(self, text: str) -> list[Choice]:
        first = [name for name in self._first if text in name]
        return [*first, *(self._find(text, MOST_SHOWN + 1) if self._find else ())]

    def _narrowed(self, text: str, choices: Sequence[Choice]) -> str:
        if not choices:
            return f"Nothing matches “{text[:80]}”."
        if len(choices) > MOST_SHOWN:
            return f"More than {MOST_SHOWN} match “{text[:80]}”. Type more of the name."
        self.is_searched = False
        self._show([choose(), *choices])
        return f"{len(choices)} match “{text[:80]}”. Choose one of them."

    def _show(self, choices: Iterable[Choice]) -> None:
        self.choices = [SelectChoice(value, words) for value, words in choices]

"""The folded groups of a chat's form, with a summary of the values set in each."""

from collections.abc import Sequence
from dataclasses import dataclass

from wtforms import BooleanField, Field, SelectMultipleField, TextAreaField
from wtforms.fields.choices import SelectFieldBase

WORDS_CHARS = 100


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    fields: Sequence[Field]

    @property
    def is_open(self) -> bool:
        return any(each.data or each.errors for each in self.fields)

    @property
    def words(self) -> str:
        """The values that are set, in one line."""
        return " · ".join(self._said(each) for each in self.fields if each.data)

    def _said(self, field: Field) -> str:
        if field.label.text == self.title:
            return " ".join(field.data.split())[:WORDS_CHARS]
        return _value_text(field)


def _value_text(field: Field) -> str:
    if isinstance(field, TextAreaField | BooleanField):
        return str(field.label.text)
    if not isinstance(field, SelectFieldBase):
        return f"{field.label.text}: {field.data}"
    chosen = field.data if isinstance(field, SelectMultipleField) else [field.data]
    return f"{field.label.text}: {', '.join(each.label for each in field.choices if each.value in chosen)}"

"""The folded groups of a form, with a summary of the values set in each."""

from collections.abc import Sequence
from dataclasses import dataclass

from wtforms import BooleanField, Field, SelectMultipleField, TextAreaField
from wtforms.fields.choices import SelectFieldBase

WORDS_CHARS = 100


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Some fields of a form; those with their default value are not set. With `is_quiet`, only an error opens it."""

    title: str
    fields: Sequence[Field]
    is_quiet: bool = False

    @property
    def is_open(self) -> bool:
        return any(field.errors or (not self.is_quiet and _is_set(field)) for field in self.fields)

    @property
    def words(self) -> str:
        """The values that are set, in one line."""
        return " · ".join(self._summary_of(field) for field in self.fields if _is_set(field))

    def _summary_of(self, field: Field) -> str:
        if field.label.text != self.title:
            return _value_text(field)
        return ", ".join(_chosen(field)) if isinstance(field, SelectFieldBase) else " ".join(field.data.split())[:WORDS_CHARS]


def _is_set(field: Field) -> bool:
    return bool(field.data) and field.data != field.default


def _value_text(field: Field) -> str:
    if isinstance(field, TextAreaField | BooleanField):
        return str(field.label.text)
    if not isinstance(field, SelectFieldBase):
        return f"{field.label.text}: {field.data}"
    return f"{field.label.text}: {', '.join(_chosen(field))}"


def _chosen(field: SelectFieldBase) -> list[str]:
    values = field.data if isinstance(field, SelectMultipleField) else [field.data]
    return [choice.label for choice in field.choices if choice.value in values]

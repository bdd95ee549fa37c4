"""Forms that show a service's refusal next to the field that it concerns."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Generic, Self, TypeVar

from flask import Response, request
from pydantic.fields import FieldInfo
from wtforms import Field, Form as Fields, SelectField
from wtforms.fields.choices import SelectChoice, SelectFieldBase
from wtforms.fields.core import UnboundField

from webapp.base import languages
from webapp.base.errors import AppError, Conflict, Forbidden, Invalid, OverBudget, TooMany, Unavailable
from webapp.base.inputs import Input
from webapp.web.htmx import render, wants_json

# For names and addresses, as opposed to prose.
PLAIN: dict[str, Any] = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
# What people read or hear of a field, among its attributes.
READ = ("placeholder", "aria-label", "title")


class Form(Fields):  # type: ignore[misc]  # wtforms has no types
    """What was entered, and what is wrong with it. Services validate it, so that forms, the API and commands share the rules.

    What the class says of its fields is shown in the language of the page; what a view adds to a form, as it is.
    """

    class Meta:
        def bind_field(self, form: Fields, unbound_field: UnboundField, options: Mapping[str, Any]) -> Field:
            field = unbound_field.bind(form=form, **options)
            if languages.current().code != languages.ENGLISH:
                _translate(field)
            return field

    refusal: AppError | None = None
    from_address: tuple[str, ...] = ()

    def __init__(self, *, is_fresh: bool = False, **values: Any) -> None:
        """Fills the fields with the values or, unless the form is fresh, with what was submitted."""
        super().__init__(None if is_fresh or not self.is_submitted() else request.form, **values)

    @classmethod
    def opened(cls) -> Self:
        """Returns the submitted form, or an empty one with the fields that the URL fills."""
        form = cls()
        for name in cls.from_address:
            form[name].data = form[name].data or request.args.get(name, "")
        return form

    @classmethod
    def fresh(cls, **values: Any) -> Self:
        """Returns the form with initial values, even if another form of the page was submitted."""
        return cls(is_fresh=True, data=values)

    def is_submitted(self) -> bool:
        return request.method == "POST"

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Records a refusal by the service and continues after the block; for a client that expects JSON, raises it."""
        try:
            yield
        except (Invalid, Forbidden, Conflict, OverBudget, TooMany, Unavailable) as refusal:
            if wants_json():
                raise
            self._take(refusal)

    def check(self, **rules: Callable[[str], object]) -> None:
        """Validates each field by its rule, so that all errors are shown together."""
        refusals = [invalid for name, rule in rules.items() if (invalid := self._objection(name, rule))]
        for refusal in refusals:
            self._take(refusal)
        if refusals:
            raise refusals[0]

    def shown(self, template: str, **context: Any) -> Response:
        """Renders a page with this form as it was filled in."""
        response = render(template, status=self.refusal.status if self.refusal else 200, form=self, **context)
        if self.refusal and self.refusal.retry_after:
            response.headers["Retry-After"] = str(self.refusal.retry_after)
        return response

    def _objection(self, name: str, rule: Callable[[str], object]) -> Invalid | None:
        try:
            rule(self[name].data)
        except Invalid as refusal:
            refusal.field = name
            return refusal
        return None

    def _take(self, refusal: AppError) -> None:
        self.refusal = refusal
        if refusal.field in self:
            self[refusal.field].errors = [refusal.message]
        else:
            self.form_errors.append(refusal.message)


Entered = TypeVar("Entered", bound=Input)


class InputForm(Form, Generic[Entered]):
    """A form for an input: fields with the names of the input's get its bounds, and `entered` is the input, checked."""

    takes: type[Entered]
    # The fields that have another name than in the input, by that.
    renamed: Mapping[str, str] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, declared in cls.takes.model_fields.items() if hasattr(cls, "takes") else ():
            if isinstance(field := getattr(cls, cls.renamed.get(name, name), None), UnboundField):
                field.kwargs = _bounded(field, declared)

    @classmethod
    def from_row(cls, row: object, **values: Any) -> Self:
        """Returns the form with the row's attributes of the same names; `values` adds or replaces some."""
        names = {name: cls.renamed.get(name, name) for name in cls.takes.model_fields}
        row_values = {
            ours: _typed(getattr(row, name)) for name, ours in names.items() if hasattr(cls, ours) and ours not in values
        }
        return cls.fresh(**row_values, **values)

    @property
    def values(self) -> dict[str, Any]:
        """What was entered, by the names of the input; an empty field that isn't text is left out."""
        names = {name: self.renamed.get(name, name) for name in self.takes.model_fields}
        there = {name: self[ours].data for name, ours in names.items() if ours in self}
        return {name: value for name, value in there.items() if not (_is_blank(value) and _is_optional_number(self.takes, name))}

    @property
    def entered(self) -> Entered:
        try:
            return self.takes.entered(self.values)
        except Invalid as refusal:
            refusal.field = self.renamed.get(refusal.field, refusal.field)
            raise


def _bounded(field: UnboundField, declared: FieldInfo) -> dict[str, Any]:
    """Returns the arguments of a form's field with what its input declares: its default, its bounds, whether it is required."""
    options: dict[str, Any] = {"default": "" if declared.is_required() else _typed(declared.default), **field.kwargs}
    if issubclass(field.field_class, SelectFieldBase):
        return {"validate_choice": False, **options}
    most = min((most for bound in declared.metadata if (most := getattr(bound, "max_length", None))), default=None)
    bounds = {"maxlength": most} if most and declared.annotation is str else {}
    required = {"required": True} if declared.is_required() else {}
    return {**options, "render_kw": {**bounds, **required, **field.kwargs.get("render_kw", {})}}


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def _is_optional_number(takes: type[Input], name: str) -> bool:
    declared = takes.model_fields[name]
    return declared.annotation is not str and not declared.is_required()


def _typed(value: Any) -> Any:
    """Returns a value as a form's field has it: a number as text."""
    return value if isinstance(value, str | bool | list) or value is None else str(value)


def texts_of(field: UnboundField) -> Iterator[str]:
    """Yields what a form's class says of a field: its label, its description, what it is shown with, and its choices."""
    arguments = field.kwargs
    yield from (*field.args[:1], arguments.get("label") or "", arguments.get("description") or "")
    yield from (text for name, text in arguments.get("render_kw", {}).items() if name in READ)
    yield from (choice.label for choice in arguments.get("choices") or () if choice.label != choice.value)


def _translate(field: Field) -> None:
    texts = languages.current().texts
    field.label.text, field.description = texts[field.label.text], texts[field.description]
    if field.render_kw:
        field.render_kw = {name: texts[value] if name in READ else value for name, value in field.render_kw.items()}
    if isinstance(field, SelectField) and field.choices:
        field.choices = [replace(choice, label=texts[choice.label]) for choice in field.choices]


def percent(typed: str, field: str) -> float:
    """Returns the share that was typed in percent."""
    try:
        return float(typed) / 100
    except ValueError as error:
        raise Invalid("Enter a number.", field=field) from error


def options(words: Mapping[str, str]) -> list[SelectChoice]:
    """Returns the options of a select, given the label of each value."""
    return [SelectChoice(value, label) for value, label in words.items()]

"""Forms that show a service's refusal next to the field that it concerns."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from flask import Response, request
from wtforms import Form as Fields
from wtforms.fields.choices import SelectChoice

from webapp.base.errors import AppError, Conflict, Forbidden, Invalid, OverBudget, TooMany, Unavailable
from webapp.web.htmx import render, wants_json

# For names and addresses, as opposed to prose.
PLAIN: dict[str, Any] = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}


class Form(Fields):  # type: ignore[misc]  # wtforms has no types
    """What was entered, and what is wrong with it. Services validate it, so that forms, the API and commands share the rules."""

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
        refusals = [found for name, rule in rules.items() if (found := self._objection(name, rule))]
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


def options(words: Mapping[str, str]) -> list[SelectChoice]:
    """Returns the options of a select, given the label of each value."""
    return [SelectChoice(value, label) for value, label in words.items()]

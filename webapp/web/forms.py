"""Forms that show a service's refusal beside the field it belongs to."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from flask import Response, request
from flask_wtf import FlaskForm
from wtforms.fields.choices import SelectChoice

from webapp.errors import AppError, Conflict, Forbidden, Invalid, OverBudget, TooMany, Unavailable
from webapp.web.htmx import render, wants_json

# For what is a name or an address, and no prose.
PLAIN: dict[str, Any] = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}


class Form(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    """What was typed and what is wrong with it; services hold the rules, so that every way in has the same ones."""

    refusal: AppError | None = None
    from_address: tuple[str, ...] = ()

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        def wrap_formdata(self, _form: Any, formdata: Any) -> Any:
            # A body of any other kind is not a form that somebody filled in.
            return request.form if formdata is not None and request.method == "POST" else None

    @classmethod
    def opened(cls) -> Self:
        """The form as it was sent, or empty but for what the address says."""
        form = cls()
        for name in cls.from_address:
            form[name].data = form[name].data or request.args.get(name, "")
        return form

    @classmethod
    def fresh(cls, **values: Any) -> Self:
        """The form before it is filled in, even if another form of the page was sent."""
        return cls(formdata=None, data=values)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Continues after the block when the service refuses; programs get the refusal as it is."""
        try:
            yield
        except (Invalid, Forbidden, Conflict, OverBudget, TooMany, Unavailable) as refusal:
            if wants_json():
                raise
            self._take(refusal)

    def check(self, **rules: Callable[[str], object]) -> None:
        """Checks every field by its own rule, so that all errors are shown at once."""
        refusals = [found for name, rule in rules.items() if (found := self._objection(name, rule))]
        for refusal in refusals:
            self._take(refusal)
        if refusals:
            raise refusals[0]

    def shown(self, template: str, **context: Any) -> Response:
        """The page with this form, as it was filled in."""
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
    """What a select offers, by value."""
    return [SelectChoice(value, label) for value, label in words.items()]

"""The form of a rule."""

from typing import Any, Self

from wtforms import BooleanField, StringField

from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _
from webapp.base.words import without_commas
from webapp.operations.alerts.kinds import BELOW, KINDS
from webapp.operations.alerts.service import NOT_NEGATIVE, AlertChange
from webapp.operations.alerts.tables import AlertRule
from webapp.web.forms import PLAIN, Form

NUMBER = {**PLAIN, "inputmode": "decimal", "required": True, "maxlength": 20}


class AlertRuleForm(Form):
    limit = StringField("Fires", default="", render_kw=NUMBER)
    warn_at = StringField("Warns", default="", render_kw=NUMBER)
    window_minutes = StringField("Window, in minutes", default="", render_kw=NUMBER)
    min_samples = StringField("Minimum number of answers", default="", render_kw=NUMBER)
    is_enabled = BooleanField("Turned on")

    @classmethod
    def of(cls, rule: AlertRule) -> Self:
        scale = KINDS[rule.name].scale
        typed = {name: f"{getattr(rule, name) * scale:g}" for name in ("limit", "warn_at")}
        counts = {name: str(getattr(rule, name)) for name in ("window_minutes", "min_samples")}
        return cls.fresh(**typed, **counts, is_enabled=rule.is_enabled)

    def named(self, rule: AlertRule) -> Self:
        """Adds to the labels on which side of its limits this rule fires, and their unit."""
        kind = KINDS[rule.name]
        is_below = kind.side == BELOW
        fires, warns = (_("Fires below"), _("Warns below")) if is_below else (_("Fires above"), _("Warns above"))
        for field, words in ((self.limit, fires), (self.warn_at, warns)):
            field.label.text = _("%(label)s, in %(unit)s", label=words, unit=_(kind.unit_word)) if kind.unit else words
        return self

    def entered_for(self, rule: AlertRule) -> AlertChange:
        """Returns what was entered, converted to the units of the comparison."""
        kind = KINDS[rule.name]
        values: dict[str, Any] = {name: self._number(name) / kind.scale for name in ("limit", "warn_at")}
        if kind.metric:
            values |= {name: int(self._number(name)) for name in ("window_minutes", "min_samples")}
        return AlertChange.entered(values | {"is_enabled": self.is_enabled.data})

    def _number(self, name: str) -> float:
        try:
            number = float(without_commas(self[name].data or ""))
        except ValueError as error:
            raise Invalid("Enter a number.", field=name) from error
        if not 0 <= number < 1e12:
            raise Invalid(NOT_NEGATIVE, field=name)
        return number

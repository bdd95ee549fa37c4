"""The forms of budgets."""

from typing import Any, Self

from wtforms import SelectField, StringField

from webapp.base.languages import gettext as _
from webapp.base.words import without_commas
from webapp.operations.budgets.amounts import typed
from webapp.operations.budgets.queries import subjects
from webapp.operations.budgets.service import BudgetChange, BudgetInput
from webapp.operations.budgets.tables import Budget
from webapp.web.forms import PLAIN, Form, InputForm, options, percent
from webapp.web.pick_field import PickField

UNITS = {"usd": "US dollars", "tokens": "tokens", "answers": "answers"}
PERIODS = {"day": "per day", "week": "per week", "month": "per month"}
NUMBER = {**PLAIN, "inputmode": "decimal", "required": True, "maxlength": 30}


class LevelForm(InputForm[BudgetChange]):
    """The limit, and when to warn, which people type in percent."""

    takes = BudgetChange
    limit = StringField("Limit", default="", render_kw=NUMBER)
    warn_at = StringField("Warn at, in percent", default="80", render_kw={**NUMBER, "inputmode": "numeric"})

    @classmethod
    def for_budget(cls, budget: Budget) -> Self:
        return cls.fresh(limit=typed(budget.unit, budget.most), warn_at=f"{round(100 * budget.warn_at)}")

    @property
    def values(self) -> dict[str, Any]:
        return _level(self)


class BudgetForm(InputForm[BudgetInput]):
    """A new budget; `subject` is the type and the id of the person, group or other object it is for."""

    takes = BudgetInput
    limit = LevelForm.limit
    warn_at = LevelForm.warn_at
    subject = PickField("For", default="team:", validate_choice=False)
    unit = SelectField("Unit", choices=options(UNITS), default="usd")
    period = SelectField("Period", choices=options(PERIODS), default="month")
    model = StringField("Model", render_kw={**PLAIN, "placeholder": "All models", "list": "models"})

    def with_choices(self) -> Self:
        self.subject.offering(subjects, [("team:", _("The whole team"))])
        return self

    @property
    def values(self) -> dict[str, Any]:
        who, _colon, id = self.subject.chosen.partition(":")
        return {**super().values, **_level(self), "who": who, "who_id": id}


def _level(form: Form) -> dict[str, Any]:
    return {
        "limit": without_commas((form["limit"].data or "").strip().removeprefix("$")),
        "warn_at": percent(form["warn_at"].data or "", "warn_at"),
    }

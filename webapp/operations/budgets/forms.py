"""The forms of budgets."""

from typing import Self

from wtforms import SelectField, StringField

from webapp.base.errors import Invalid
from webapp.operations.budgets.amounts import typed
from webapp.operations.budgets.queries import subjects
from webapp.operations.budgets.service import BudgetInput
from webapp.operations.budgets.tables import Budget
from webapp.web.forms import PLAIN, Form, options
from webapp.web.pick_field import PickField

UNITS = {"usd": "US dollars", "tokens": "tokens", "answers": "answers"}
PERIODS = {"day": "per day", "week": "per week", "month": "per month"}
NUMBER = {**PLAIN, "inputmode": "decimal", "required": True, "maxlength": 30}


class LevelForm(Form):
    """The limit, and when to warn."""

    limit = StringField("Limit", default="", render_kw=NUMBER)
    warn_at = StringField("Warn at, in percent", default="80", render_kw={**NUMBER, "inputmode": "numeric"})

    @classmethod
    def of(cls, budget: Budget) -> Self:
        return cls.fresh(limit=typed(budget.unit, budget.most), warn_at=f"{round(100 * budget.warn_at)}")

    @property
    def share(self) -> float:
        try:
            return float(self.warn_at.data or "") / 100
        except ValueError as error:
            raise Invalid("Enter a number.", field="warn_at") from error


class BudgetForm(LevelForm):
    """A new budget; `subject` is the type and the id of the person, group or other object it is for."""

    subject = PickField("For", default="team:", validate_choice=False)
    unit = SelectField("Unit", choices=options(UNITS), default="usd", validate_choice=False)
    period = SelectField("Period", choices=options(PERIODS), default="month", validate_choice=False)
    model = StringField("Model", default="", render_kw={**PLAIN, "maxlength": 200, "placeholder": "All models", "list": "models"})

    def with_choices(self) -> Self:
        self.subject.offering(subjects, [("team:", "The whole team")])
        return self

    @property
    def entered(self) -> BudgetInput:
        who, _, id = self.subject.chosen.partition(":")
        model = self.model.data or ""
        return BudgetInput(who, id, self.unit.data or "", self.limit.data or "", self.period.data or "", self.share, model)

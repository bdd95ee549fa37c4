"""/api/v1/budgets: limits on usage, and how much is used. Members see those that count their own usage."""

from datetime import datetime

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller, may
from webapp.api.operations import operation
from webapp.api.schemas import Answer
from webapp.models.connections.models import the_models
from webapp.operations.budgets import queries, service
from webapp.operations.budgets.amounts import number_of
from webapp.operations.budgets.tables import Budget
from webapp.people.accounts.guards import audit_author, found

bp = Blueprint("api_budgets", __name__, url_prefix="/api/v1/budgets")


class BudgetAnswer(Answer):
    """A budget. `limit`, `used` and `reserved` are in `unit`. Without a `model`, all models count."""

    id: str
    who: service.Who
    who_id: str = Field(description="The id of the group, user, character or token; empty for the team.")
    unit: service.Unit
    limit: float
    period: service.Period
    warn_at: float
    model: str
    model_name: str = Field(description="The name shown for it; empty if all models count.")
    used: float
    reserved: float = Field(description="For answers that are being written.")
    resets_at: datetime


class BudgetList(Answer):
    budgets: list[BudgetAnswer]


class NewBudget(service.BudgetInput):
    pass


@bp.get("")
@operation("List budgets: all for admins, else those that count what you use", scope="read", answer=BudgetList)
def index() -> BudgetList:
    queries.tidy()
    budgets = queries.all_budgets() if may("admin") else queries.budgets_of(caller())
    return BudgetList(budgets=[_answer_of(level) for level in queries.levels(budgets)])


@bp.post("")
@operation("Create a budget", scope="admin", body=NewBudget, answer=BudgetAnswer, status=201, errors=(409,))
def create(body: NewBudget) -> BudgetAnswer:
    return _answer_of(queries.level(service.create(body, author=audit_author())))


@bp.get("/<id>")
@operation("Show a budget, with what is used and when it resets", scope="read", answer=BudgetAnswer)
def show(id: str) -> BudgetAnswer:
    budget = _visible(id)
    queries.tidy()
    return _answer_of(queries.level(budget))


@bp.patch("/<id>")
@operation("Change the limit, or when to warn", scope="admin", body=service.BudgetChange, answer=BudgetAnswer)
def change(id: str, body: service.BudgetChange) -> BudgetAnswer:
    service.change(_visible(id), body, author=audit_author())
    return _answer_of(queries.level(_visible(id)))


@bp.delete("/<id>")
@operation("Delete a budget", scope="admin", status=204)
def delete(id: str) -> None:
    service.remove(_visible(id), author=audit_author())


def _visible(id: str) -> Budget:
    budget = found(queries.budget(id[:26]))
    is_theirs = may("admin") or any(own.id == budget.id for own in queries.budgets_of(caller()))
    return found(budget if is_theirs else None)


def _answer_of(level: queries.Level) -> BudgetAnswer:
    budget = level.budget
    amounts = {"limit": budget.most, "used": level.used, "reserved": level.reserved}
    values = {name: number_of(budget.unit, amount) for name, amount in amounts.items()}
    name = the_models().display_name(budget.model)
    return BudgetAnswer.of(budget, resets_at=level.resets_at, model_name=name, **values)

"""/admin/budgets: who can use how much; /budgets: what is left of a person's budgets."""

from flask import Blueprint, Response, url_for

from webapp.models.connections.models import the_models
from webapp.operations.budgets import queries, service, shown
from webapp.operations.budgets.forms import BudgetForm, LevelForm
from webapp.operations.budgets.tables import Budget
from webapp.people.accounts.guards import admin_only, audit_author, current_user, found, signed_in
from webapp.web.htmx import done_message, redirect, render

bp = Blueprint("budgets", __name__)
bp.add_app_template_global(shown.near, "budgets_near")
DONE = {"created": "Budget created.", "saved": "Budget saved.", "deleted": "Budget deleted."}


@bp.get("/admin/budgets")
@admin_only
def index() -> Response:
    return _index(BudgetForm.fresh().with_choices())


@bp.post("/admin/budgets")
@admin_only
def create() -> Response:
    form = BudgetForm.opened().with_choices()
    with form.attempt():
        service.create(form.entered, author=audit_author())
        return redirect(url_for(".index", done="created"))
    return _index(form)


@bp.get("/admin/budgets/<id>")
@admin_only
def show(id: str) -> Response:
    budget = _budget(id)
    queries.tidy()
    return _show(budget, LevelForm.for_budget(budget))


@bp.post("/admin/budgets/<id>")
@admin_only
def update(id: str) -> Response:
    budget, form = _budget(id), LevelForm.opened()
    with form.attempt():
        service.change(budget, form.entered, author=audit_author())
        return redirect(url_for(".show", id=id, done="saved"))
    return _show(_budget(id), form)


@bp.post("/admin/budgets/<id>/delete")
@admin_only
def delete(id: str) -> Response:
    service.remove(_budget(id), author=audit_author())
    return redirect(url_for(".index", done="deleted"))


@bp.get("/budgets")
@signed_in
def own() -> Response:
    queries.tidy()
    lines = shown.lines(queries.budgets_of(current_user()), is_linked=False)
    return render("operations/budgets/own.html", lines=lines)


def _budget(id: str) -> Budget:
    return found(queries.budget(id))


def _index(form: BudgetForm) -> Response:
    queries.tidy()
    lines = shown.lines(queries.all_budgets(), is_linked=True)
    return form.shown("operations/budgets/list.html", lines=lines, models=the_models().offered(), done=done_message(DONE))


def _show(budget: Budget, form: LevelForm) -> Response:
    return form.shown("operations/budgets/show.html", budget=budget, line=shown.line(budget), done=done_message(DONE))

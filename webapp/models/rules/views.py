"""/admin/rules: the rules in their order, with what each says, and what they would choose."""

from typing import Any

from flask import Blueprint, Response, request, url_for
from sqlalchemy import select

from webapp.base.db import db
from webapp.base.languages import gettext as _
from webapp.models.connections.models import the_models
from webapp.models.rules import service
from webapp.models.rules.forms import ModelRuleForm, RuleTryForm
from webapp.models.rules.rules import Occasion
from webapp.people.accounts.guards import admin_only, audit_author
from webapp.people.accounts.tables import Group
from webapp.settings.service import setting
from webapp.web.forms import options
from webapp.web.htmx import redirect, render

bp = Blueprint("model_rules", __name__, url_prefix="/admin/rules")


@bp.get("")
@admin_only
def index() -> Response:
    return _page()


@bp.post("")
@admin_only
def create() -> Response:
    form = ModelRuleForm.opened().offering(_groups())
    with form.attempt():
        service.add(form.entered, author=audit_author())
        return redirect(url_for(".index"), _("Rule added."))
    return _page(form)


@bp.post("/try")
@admin_only
def try_out() -> Response:
    form = _try_form(RuleTryForm.opened())
    group = form.group_id.data or ""
    occasion = Occasion(
        form.kind.data or "chat",
        max(0, form.chars.data or 0),
        has_pictures=bool(form.has_pictures.data),
        is_chosen=bool(form.is_chosen.data),
        hour=int(form.hour.data) if (form.hour.data or "").isdecimal() else 0,
        groups=frozenset(filter(None, [group])),
    )
    present = service.rules()
    choice = service.choice_among(present, the_models().default(), occasion)
    return _page(try_form=form, choice=choice)


@bp.get("/<id>")
@admin_only
def edit(id: str) -> Response:
    rule = service.rule_of(id)
    return _edit(id, ModelRuleForm.from_row(rule).offering(_groups()))


@bp.post("/<id>")
@admin_only
def update(id: str) -> Response:
    form = ModelRuleForm.opened().offering(_groups())
    with form.attempt():
        service.change(id, form.entered, author=audit_author())
        return redirect(url_for(".index"), _("Rule saved."))
    return _edit(id, form)


@bp.post("/<id>/move")
@admin_only
def move(id: str) -> Response:
    step = request.form.get("step", "")
    service.move(id, step, author=audit_author())
    return redirect(url_for(".index"), _("Rule deleted.") if step == "remove" else "")


def _groups() -> dict[str, str]:
    return dict(db.session.execute(select(Group.id, Group.name).order_by(Group.name)).all())


def _try_form(form: RuleTryForm) -> RuleTryForm:
    form.group_id.choices = options({"": _("No group"), **_groups()})
    return form


def _edit(id: str, form: ModelRuleForm) -> Response:
    rule = service.rule_of(id)
    return form.shown("models/rules/rule.html", rule=rule, sentence=service.sentences([rule])[id])


def _page(
    form: ModelRuleForm | None = None, *, try_form: RuleTryForm | None = None, choice: service.RuleChoice | None = None
) -> Response:
    present = service.rules()
    reading = service.sentences(present)
    context: dict[str, Any] = {
        "rules": [(rule, reading[rule.id], service.is_skipped(rule)) for rule in present],
        "try_form": try_form or _try_form(RuleTryForm.fresh()),
        "choice": choice,
        "chosen_name": the_models().display_name(choice.model) if choice else "",
        "usual_name": the_models().display_name(the_models().default()),
        "zone": setting("team.time_zone"),
    }
    form = form or ModelRuleForm.fresh().offering(_groups())
    return render("models/rules/list.html", status=form.refusal.status if form.refusal else 200, form=form, **context)

"""Pages about policies: what a tool may do, in the administration, and what one's own answers may use, in one's settings."""

from functools import partial
from typing import Any

from flask import Blueprint, Response, request, url_for
from wtforms import BooleanField, SelectField

from webapp.base.errors import Invalid
from webapp.people.accounts import directory, queries
from webapp.people.accounts.guards import admin_only, audit_author, current_user, found, signed_in
from webapp.settings.service import setting
from webapp.tools import service, token_tools
from webapp.tools.offers import tools_of
from webapp.tools.policies import EVERYONE, policy_rows
from webapp.tools.shown import WORDS, own_cards
from webapp.tools.tool import Tool
from webapp.web.forms import Form, options
from webapp.web.htmx import done_message, redirect, render
from webapp.web.pick_field import PickField, choose

bp = Blueprint("policies", __name__)
STRICTER = {"ask": WORDS["ask"], "deny": WORDS["deny"]}
DONE = {"saved": "Saved. Applies from the next call."}


class EveryoneForm(Form):
    """What holds for everyone; an empty policy is the tool's usual one."""

    policy = SelectField(
        "For everyone", default="", choices=options({"": "Default", **{str(policy): words for policy, words in WORDS.items()}})
    )
    is_free = BooleanField("Exempt this tool from the outside rule")


class ToolGroupForm(Form):
    group = PickField("Group", choices=[], validate_choice=False, default="", render_kw={"required": True})
    limit = SelectField("Limit", choices=options({**STRICTER, "": "None"}))


# The key is no part of the path: a tool server can name a tool `../x`, which a browser would resolve.
@bp.get("/admin/tools/policy")
@admin_only
def show() -> Response:
    return _tool_page(_tool())


@bp.post("/admin/tools/policy")
@admin_only
def update() -> Response:
    tool, form = _tool(), EveryoneForm.opened()
    with form.attempt():
        policy = service.policy_in(form.policy.data, "policy")
        service.decide_for_everyone(tool, policy, is_free=bool(form.is_free.data), author=audit_author())
        return redirect(url_for(".show", key=tool.key, done="saved"))
    return _tool_page(tool, form=form, status=422)


@bp.post("/admin/tools/policy/groups")
@admin_only
def limit_group() -> Response:
    tool, form = _tool(), _offering(ToolGroupForm.opened())
    with form.attempt():
        group = queries.group(form.group.chosen.removeprefix(directory.GROUP))
        if not group:
            raise Invalid("Choose a group.", field="group")
        service.limit_for_group(tool, group, service.policy_in(form.limit.data, "limit"), author=audit_author())
        return redirect(url_for(".show", key=tool.key, done="saved"))
    return _tool_page(tool, group_form=form, status=422)


@bp.get("/settings/tools")
@signed_in
def own() -> Response:
    me = current_user()
    return render("tools/own.html", cards=own_cards(me), new=me.tools, done=done_message(DONE))


@bp.post("/settings/tools")
@signed_in
def update_own() -> Response:
    me, form = current_user(), request.form
    known = tools_of(me)
    shown = [key for key in form.getlist("shown") if key in known]
    new = [*(key for key in me.tools if key not in shown), *(key for key in shown if key in form.getlist("new"))]
    chosen = [(known[key], service.policy_in(form.get(f"limit-{key}", ""), "limit")) for key in shown]
    service.set_own(me, chosen, new)
    return redirect(url_for(".own", done="saved"))


@bp.get("/settings/tools/tokens/<id>")
@signed_in
def token(id: str) -> Response:
    me = current_user()
    token, chosen = token_tools.own_token(me, id), token_tools.tools_by_token([id]).get(id, [])
    tools = [offer.tool for offer in token_tools.offers_alone(me)]
    return render("tools/token.html", token=token, tools=tools, chosen=chosen, done=done_message(DONE))


@bp.post("/settings/tools/tokens/<id>")
@signed_in
def update_token(id: str) -> Response:
    service.set_token_tools(current_user(), id, request.form.getlist("tools"), author=audit_author())
    return redirect(url_for(".token", id=id, done="saved"))


def _tool() -> Tool:
    return found(tools_of(current_user()).get(request.values.get("key", "")))


def _offering(form: ToolGroupForm) -> ToolGroupForm:
    form.group.offering(partial(directory.groups_to_pick), [choose()])
    return form


def _tool_page(
    tool: Tool, *, form: EveryoneForm | None = None, group_form: ToolGroupForm | None = None, status: int = 200
) -> Response:
    rows = policy_rows(tool.key)
    decided = rows.get(EVERYONE)
    values: dict[str, Any] = {"policy": decided.policy, "is_free": decided.is_free} if decided else {}
    return render(
        "tools/tool.html",
        status=status,
        tool=tool,
        form=form or EveryoneForm.fresh(**values),
        group_form=group_form or _offering(ToolGroupForm.fresh()),
        limits=[(group, rows[group.id]) for group, _ in queries.groups() if group.id in rows],
        is_held=bool(setting("tools.outside_rule")),
        words=WORDS,
        done=done_message(DONE),
    )

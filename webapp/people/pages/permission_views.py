"""/admin/permissions: which features each role can use, and what groups say otherwise."""

from collections.abc import Mapping

from flask import Blueprint, Response, request, url_for
from wtforms import SelectField

from webapp.base.languages import gettext as _
from webapp.people.accounts import queries
from webapp.people.accounts.guards import admin_only, audit_author, current_user, found, viewer_may
from webapp.people.accounts.permissions import change, change_group, may, overrides, role_may
from webapp.people.accounts.roles import PERMISSIONS, ROLES
from webapp.people.accounts.tables import Group
from webapp.web.forms import Form, options
from webapp.web.htmx import done_message, redirect, render

bp = Blueprint("permissions", __name__, url_prefix="/admin/permissions")
CHANGEABLE = ROLES[1:]
DONE = {"saved": "Saved. Takes effect within a second, even on open pages."}
SAID = {"yes": True, "no": False}


class GroupPermissionsForm(Form):
    """What a group says of each permission."""


for _row in PERMISSIONS:
    _choices = options({"": "Same as role", "yes": "Yes", "no": "No"})
    setattr(GroupPermissionsForm, _row.name, SelectField(_row.title, description=_row.sentence, choices=_choices, default=""))


bp.add_app_template_global(viewer_may, "may_use")


@bp.get("")
@admin_only
def index() -> Response:
    said = overrides()
    allowed = {f"{role}:{row.name}" for row in PERMISSIONS for role in CHANGEABLE if role_may(role, row.name)}
    return render(
        "people/permissions.html",
        permissions=PERMISSIONS,
        roles=CHANGEABLE,
        allowed=allowed,
        fixed=() if may(current_user(), "manage admins") else ("admin",),
        groups=[(group, _words(said.groups.get(group.id, {}))) for group, _ in queries.groups()],
        done=done_message(DONE),
    )


@bp.post("")
@admin_only
def update() -> Response:
    allowed, kept = set(request.form.getlist("allowed")), overrides().roles.get("admin", {})
    roles = {role: {row.name: f"{role}:{row.name}" in allowed for row in PERMISSIONS} for role in CHANGEABLE}
    # The boxes of a column that can't be changed aren't sent.
    change(audit_author(), roles=roles if may(current_user(), "manage admins") else {**roles, "admin": kept})
    return redirect(url_for(".index", done="saved"))


@bp.get("/groups/<id>")
@admin_only
def show_group(id: str) -> Response:
    said = overrides().groups.get(id, {})
    words = {True: "yes", False: "no"}
    return _group_page(_group(id), GroupPermissionsForm.fresh(**{name: words[is_allowed] for name, is_allowed in said.items()}))


@bp.post("/groups/<id>")
@admin_only
def update_group(id: str) -> Response:
    group, form = _group(id), GroupPermissionsForm.opened()
    with form.attempt():
        chosen = {row.name: SAID[form[row.name].data] for row in PERMISSIONS if form[row.name].data}
        change_group(audit_author(), group.id, chosen)
        return redirect(url_for(".index", done="saved"))
    return _group_page(group, form, status=422)


def _group_page(group: Group, form: GroupPermissionsForm, *, status: int = 200) -> Response:
    return render("people/group_permissions.html", status=status, group=group, form=form, permissions=PERMISSIONS)


def _group(id: str) -> Group:
    return found(queries.group(id))


def _words(said: Mapping[str, bool]) -> str:
    """Returns what a group says in a line: `Plans: yes · Links: no`."""
    return " · ".join(
        _("%(permission)s: yes", permission=_(row.title)) if said[row.name] else _("%(permission)s: no", permission=_(row.title))
        for row in PERMISSIONS
        if row.name in said
    )

"""/admin/alerts: rules with their state, and events."""

from flask import Blueprint, Response, request, url_for

from webapp.operations.alerts import delivery, queries, service, shown
from webapp.operations.alerts.forms import AlertRuleForm
from webapp.operations.alerts.tables import AlertRule
from webapp.operations.notices.mail import service as mail_service
from webapp.people.accounts.guards import COOKIE_SECONDS, admin_only, audit_author, came_from, current_user, found, viewer_or_none
from webapp.settings.service import setting
from webapp.web.cookies import keep_secret, secret_in
from webapp.web.htmx import done_message, fragment, is_htmx, redirect, render

bp = Blueprint("alerts", __name__, url_prefix="/admin/alerts")
bp.add_app_template_global(shown.alert_count)
DONE = {"saved": "Alert saved.", "muted": "Alert muted.", "unmuted": "Alert unmuted.", "sent": "The test was sent."}
# The cookie with the ids of the alerts that this browser no longer shows above pages.
DISMISSED = "dismissed_alerts"
MUTES = {"60": 60, "1440": 1440, "0": 0}


@bp.app_template_global()
def urgent_alerts(*, without_keys: bool = False) -> list[queries.FiringAlert]:
    return shown.urgent_alerts(viewer_or_none(), secret_in(DISMISSED), without_keys=without_keys)


@bp.get("")
@admin_only
def index() -> Response:
    delivery_settings = {
        "webhook": str(setting("alerts.webhook")),
        "secret": delivery.webhook_secret() if request.args.get("secret") == "shown" else "",
        "emails": setting("alerts.emails"),
    }
    firing = service.firing()
    can_mail = mail_service.is_set()
    lines, events = shown.lines(), queries.events()
    return render(
        "operations/alerts/list.html",
        firing=firing,
        lines=lines,
        events=events,
        can_mail=can_mail,
        done=done_message(DONE),
        **delivery_settings,
    )


@bp.post("/dismiss")
@admin_only
def dismiss() -> Response:
    """Hides the urgent alerts that the form was shown with, in this browser; those that fire later are shown again."""
    seen = f"{secret_in(DISMISSED)}.{request.form.get('alerts', '')}".split(".")
    ids = [alert.id for alert in shown.urgent_alerts(current_user(), "") if alert.id in seen]
    response = fragment() if is_htmx() else redirect(came_from())
    return keep_secret(response, DISMISSED, ".".join(ids), seconds=COOKIE_SECONDS)


@bp.get("/<name>")
@admin_only
def show(name: str) -> Response:
    rule = _rule(name)
    return _show(rule, AlertRuleForm.of(rule))


@bp.post("/<name>")
@admin_only
def update(name: str) -> Response:
    rule, form = _rule(name), AlertRuleForm.opened()
    with form.attempt():
        service.change(rule, form.entered_for(rule), author=audit_author())
        return _to(name, "saved")
    return _show(_rule(name), form)


@bp.post("/<name>/mute")
@admin_only
def mute(name: str) -> Response:
    minutes = MUTES.get(request.form.get("minutes", ""), 60)
    service.mute(_rule(name), minutes, author=audit_author())
    return _to(name, "muted" if minutes else "unmuted")


@bp.post("/<name>/test")
@admin_only
def test(name: str) -> Response:
    rule = _rule(name)
    form = AlertRuleForm.of(rule)
    with form.attempt():
        service.test(rule)
        return _to(name, "sent")
    return _show(rule, form)


def _rule(name: str) -> AlertRule:
    return found(queries.rule(name))


def _to(name: str, done: str) -> Response:
    return redirect(url_for(".show", name=name, done=done))


def _show(rule: AlertRule, form: AlertRuleForm) -> Response:
    ways = [channel.name for channel in delivery.channels()]
    return form.named(rule).shown(
        "operations/alerts/show.html", rule=rule, line=shown.line(rule), ways=ways, done=done_message(DONE)
    )

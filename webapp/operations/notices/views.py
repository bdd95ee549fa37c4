"""/settings/notices: where and when a person is told what happens while they aren't looking."""

from flask import Blueprint, Response, request, url_for

from webapp.base.languages import gettext as _
from webapp.operations.notices import push_keys, queries, service
from webapp.operations.notices.forms import ChannelForm, DeviceForm, QuietForm, WebhookForm
from webapp.operations.notices.mail import service as mail_service
from webapp.operations.notices.sending import EMAIL, PUSH, WEBHOOK
from webapp.people.accounts import agents
from webapp.people.accounts.guards import audit_author, current_user, full_session, signed_in
from webapp.people.notices.tables import NoticeChannel
from webapp.settings.service import setting
from webapp.web.forms import Form
from webapp.web.htmx import redirect, render

bp = Blueprint("notices", __name__, url_prefix="/settings")


@bp.get("/notices")
@signed_in
def index() -> Response:
    return _page()


@bp.post("/notices")
@signed_in
def update() -> Response:
    form = QuietForm.opened()
    with form.attempt():
        service.set_preferences(current_user(), form.entered)
        return _to_index("Quiet hours saved." if form.quiet_from.data else "You have no quiet hours.")
    return _page(form)


@bp.post("/devices")
@signed_in
def add_device() -> Response:
    form, session = DeviceForm.opened(), full_session()
    with form.attempt():
        usual_name, session_id = agents.in_words(request.user_agent.string), session.id if session else None
        service.add_device(current_user(), form.entered, author=audit_author(), session_id=session_id, usual_name=usual_name)
        return _to_index("This device is told from now on.")
    return _page(form)


@bp.post("/notices/email")
@signed_in
def add_email() -> Response:
    service.add_email(current_user(), author=audit_author())
    return _to_index("You are told by email from now on.")


@bp.post("/notices/webhook")
@signed_in
def set_webhook() -> Response:
    form = WebhookForm.opened()
    with form.attempt():
        secret = service.set_webhook(current_user(), form.entered, author=audit_author())
        return _page(secret=secret) if secret else _to_index("Webhook changed.")
    return _page(form)


@bp.get("/notices/<id>")
@signed_in
def show(id: str) -> Response:
    return _channel_page(queries.own_channel(current_user().id, id))


@bp.post("/notices/<id>")
@signed_in
def change(id: str) -> Response:
    channel = queries.own_channel(current_user().id, id)
    form = ChannelForm.opened().for_way(channel.way)
    with form.attempt():
        service.change(current_user(), id, form.entered)
        return redirect(url_for(".show", id=id), _("Saved."))
    return _channel_page(queries.own_channel(current_user().id, id), form)


@bp.post("/notices/<id>/test")
@signed_in
def test(id: str) -> Response:
    channel = queries.own_channel(current_user().id, id)
    form = ChannelForm.for_channel(channel)
    with form.attempt():
        return redirect(url_for(".show", id=id), service.send_test(current_user(), id))
    left = {channel.id: channel for channel in queries.channels_of(current_user().id)}.get(id)
    return _channel_page(left, form) if left else _to_index(form.form_errors[0])


@bp.post("/notices/<id>/secret")
@signed_in
def renew_secret(id: str) -> Response:
    secret = service.renew_secret(current_user(), id, author=audit_author())
    return _channel_page(queries.own_channel(current_user().id, id), secret=secret)


@bp.post("/notices/<id>/remove")
@signed_in
def remove(id: str) -> Response:
    name = queries.own_channel(current_user().id, id).name
    service.remove(current_user(), id, author=audit_author())
    return _to_index(f"{name} isn't told any more.")


def _to_index(words: str) -> Response:
    return redirect(url_for(".index"), words)


def _page(form: Form | None = None, *, secret: str = "") -> Response:
    me = current_user()
    channels = queries.channels_of(me.id)
    ways = {channel.way: channel for channel in channels}
    webhook = ways.get(WEBHOOK)
    fresh: dict[str, Form] = {
        "device": DeviceForm.fresh(),
        "webhook": WebhookForm.fresh(url=webhook.address if webhook else ""),
        "quiet": QuietForm.from_row(queries.preferences_of(me.id)),
    }
    return render(
        "operations/notices/index.html",
        status=form.refusal.status if form and form.refusal else 200,
        channels=channels,
        has_email=EMAIL in ways,
        has_webhook=webhook is not None,
        can_mail=mail_service.is_set(),
        forms={name: form if form and type(form) is type(other) else other for name, other in fresh.items()},
        push_key=push_keys.public_key(),
        secret=secret,
        told=queries.recent_notices(me.id),
        team_zone=setting("team.time_zone"),
    )


def _channel_page(channel: NoticeChannel, form: ChannelForm | None = None, *, secret: str = "") -> Response:
    form = form or ChannelForm.for_channel(channel)
    about = {"channel": channel, "is_device": channel.way == PUSH, "is_webhook": channel.way == WEBHOOK, "secret": secret}
    return form.shown("operations/notices/show.html", **about)

"""/tools/servers: the pages of tool servers, for their keepers: admins keep those of the site, people their own."""

from contextlib import suppress
from hashlib import sha256

from flask import Blueprint, Response, jsonify, request, url_for

from webapp.base.db import db
from webapp.base.errors import Conflict, Invalid
from webapp.base.languages import gettext as _
from webapp.engine.engine import the_engine
from webapp.models.upstream.sign_in import SignInFailed
from webapp.people.accounts.guards import anybody, audit_author, current_user, found, own_address, session_secret, signed_in
from webapp.people.accounts.permissions import may
from webapp.people.things import shares_shown
from webapp.people.things.views import add_people_pages
from webapp.streaming.stop import Stop
from webapp.tools.policies import POLICIES
from webapp.tools.servers import listing, queries, service, shown, sign_ins, trying
from webapp.tools.servers.forms import ToolServerForm, ToolTestForm
from webapp.tools.servers.known import KNOWN
from webapp.tools.servers.tables import ToolServer
from webapp.tools.shown import WORDS
from webapp.tools.tool import Policy
from webapp.web.forms import Form
from webapp.web.htmx import redirect, render

bp = Blueprint("tool_servers", __name__, url_prefix="/tools")
ADMIN_PAGE, OWN_PAGE = "/admin/tools", "/settings/tools"
bp.add_app_template_global(shown.site_lines, "site_tool_servers")
bp.add_app_template_global(shown.own_lines, "own_tool_servers")
bp.add_app_template_global(shown.unconnected, "unconnected_apps")
bp.add_app_template_global(shown.own_sign_ins, "own_tool_sign_ins")
bp.add_app_template_global(shown.may_have_own, "may_have_own_tool_servers")


@bp.get("/servers/new")
@signed_in
def new() -> Response:
    is_own = _is_own()
    service.refuse_unless_may_connect(current_user(), is_own=is_own)
    return _new_page(_form_for(request.args.get("app", "")), is_own=is_own)


@bp.post("/servers")
@signed_in
def create() -> Response:
    form, is_own = ToolServerForm.opened(), _is_own()
    service.refuse_unless_may_connect(current_user(), is_own=is_own)
    with form.attempt():
        server = service.connect(form.entered, author=audit_author(), is_own=is_own)
        return _to(server.id, _("Connected. Sign in to see its tools.") if server.listed_at is None else _("Connected."))
    return _new_page(form, is_own=is_own)


@bp.get("/servers/<id>")
@signed_in
def show(id: str) -> Response:
    return _page(kept(id))


@bp.post("/servers/<id>")
@signed_in
def update(id: str) -> Response:
    server = kept(id)
    form = ToolServerForm.opened().with_stored(server, shown.header_names(server))
    with form.attempt():
        service.change(id, form.entered, author=audit_author())
        return _to(id, _("Saved."))
    return _page(kept(id), form)


@bp.post("/servers/<id>/refresh")
@signed_in
def refresh(id: str) -> Response:
    kept(id)
    try:
        listing.refresh(id, current_user().id, is_whole=True)
    except Conflict as trouble:
        return _page(kept(id), trouble=trouble.message)
    return _to(id, _("Its current tools are listed below."))


@bp.post("/servers/<id>/accept")
@signed_in
def accept(id: str) -> Response:
    """Accepts the tools that the form shows, each with the hash of what was shown."""
    kept(id)
    hashes = {name: hash for hash, _space, name in (value.partition(" ") for value in request.form.getlist("tool"))}
    try:
        service.accept(id, hashes, author=audit_author())
    except (Conflict, Invalid) as trouble:
        return _page(kept(id), trouble=trouble.message)
    return _to(id, _("Accepted. Turn them on in a chat, with the wrench below the message box."))


@bp.post("/servers/<id>/policies")
@signed_in
def decide(id: str) -> Response:
    kept(id)
    names = request.form.getlist("name")
    chosen = dict(zip(names, request.form.getlist("policy"), strict=False))
    decisions: dict[str, Policy | None] = {}
    for name, policy in chosen.items():
        decisions[name] = next((known for known in POLICIES if known == policy), None)
    service.decide(id, decisions, author=audit_author())
    return _to(id, _("Saved."))


@bp.post("/servers/<id>/test")
@signed_in
def test(id: str) -> Response:
    """Calls a tool that only reads."""
    kept(id)
    form = ToolTestForm.opened()
    with form.attempt():
        name, arguments = form.entered
        result = trying.call_once(id, name, arguments, person=current_user(), stop=Stop(the_engine().signal))
        return _page(kept(id), test_form=form, result=result)
    return _page(kept(id), test_form=form)


@bp.post("/servers/<id>/on")
@signed_in
def enable(id: str) -> Response:
    service.set_enabled(kept(id).id, True, author=audit_author())
    return _to(id, _("Turned on."))


@bp.post("/servers/<id>/off")
@signed_in
def disable(id: str) -> Response:
    service.set_enabled(kept(id).id, False, author=audit_author())
    return _to(id, _("Turned off. Its settings are kept, but its tools aren't available."))


@bp.get("/servers/<id>/delete")
@signed_in
def ask_to_delete(id: str) -> Response:
    server = kept(id)
    return render("tools/servers/delete.html", server=server, above=_above(server))


@bp.post("/servers/<id>/delete")
@signed_in
def delete(id: str) -> Response:
    page = _above(kept(id))[0]
    service.delete(id, author=audit_author())
    return redirect(page, _("App deleted."))


@bp.post("/servers/<id>/sign-in")
@signed_in
def sign_in(id: str) -> Response:
    """Shows where the person signs in; they go there by a link, as our forms only go to ourselves."""
    server = _theirs(id)
    try:
        to = sign_ins.begin(server, current_user(), browser=_browser(), our_address=_our_address())
    except SignInFailed as failure:
        raise Conflict(failure.message) from failure
    return render("tools/servers/sign_in.html", server=_theirs(id), to=to, page=OWN_PAGE)


@bp.get("/sign-in/return")
@signed_in
def come_back() -> Response:
    """Ends an attempt: its state, which only this browser's person has, stands for the form that a GET isn't."""
    values = {name: request.args.get(name, "")[: sign_ins.MOST_RETURNED] for name in ("state", "code", "iss", "error")}
    try:
        id = sign_ins.finish(current_user(), sign_ins.SignInReturn(**values), browser=_browser(), author=audit_author())
    except (SignInFailed, Invalid) as failure:
        return render("tools/servers/returned.html", status=422, trouble=failure.message, page=OWN_PAGE)
    if not queries.kept_server(current_user(), id):
        return redirect(OWN_PAGE, _("You are signed in."))
    with suppress(Conflict):
        # Its page shows the trouble.
        listing.refresh(id, current_user().id, is_whole=True)
    return _to(id, _("You are signed in."))


@bp.get("/client.json")
@anybody
def client_document() -> Response:
    """What we are, for authorization servers that know programs by the address of such a page."""
    return jsonify(sign_ins.client_document(_our_address()))


@bp.post("/servers/<id>/sign-out")
@signed_in
def sign_out(id: str) -> Response:
    sign_ins.sign_out(_theirs(id), current_user(), author=audit_author())
    return redirect(OWN_PAGE, _("Signed out."))


def kept(id: str) -> ToolServer:
    """Returns a server that the person looks after."""
    return found(queries.kept_server(current_user(), id))


def _theirs(id: str) -> ToolServer:
    """Returns a server that the person uses or looks after."""
    return found(queries.visible_server(current_user(), id))


def _is_own() -> bool:
    """Returns whether the form is about a server of the person's own; people who aren't admins have no others."""
    return "own" in request.values or not may(current_user(), "administer")


def _our_address() -> str:
    return own_address("/").rstrip("/")


def _browser() -> str:
    """Identifies the person's session without being its secret."""
    return sha256(f"tool sign-in {session_secret()}".encode()).hexdigest()


def _above(server: ToolServer) -> tuple[str, str]:
    return (OWN_PAGE, "Your tools") if server.owner_id else (ADMIN_PAGE, "Tools")


def _to(id: str, words: str) -> Response:
    return redirect(url_for(".show", id=id), words)


def _form_for(slug: str) -> ToolServerForm:
    """Returns the form, filled in for an app that many use."""
    app = KNOWN.get(slug)
    if app is None:
        return ToolServerForm.fresh()
    form = ToolServerForm.fresh(name=app.name, url=app.url, sign_in=app.sign_in)
    form.token.description = _(app.help)
    return form


def _new_page(form: ToolServerForm, *, is_own: bool) -> Response:
    above = (OWN_PAGE, "Your tools") if is_own else (ADMIN_PAGE, "Tools")
    return form.shown("tools/servers/new.html", is_own=is_own, above=above)


def _page(
    server: ToolServer,
    form: ToolServerForm | None = None,
    *,
    test_form: ToolTestForm | None = None,
    result: str | None = None,
    trouble: str = "",
) -> Response:
    tools, me = shown.tools(server), current_user()
    usable = {tool.name: tool.title for tool in tools if tool.state == "accepted" and tool.usual == "allow"}
    refused: Form | None = form or test_form
    return render(
        "tools/servers/show.html",
        status=409 if trouble else refused.refusal.status if refused and refused.refusal else 200,
        server=server,
        line=shown.line(server),
        choices=WORDS,
        tools=tools,
        waiting=[tool for tool in tools if tool.state in ("new", "changed")],
        left_out=shown.left_out(server),
        secret_trouble=shown.secret_trouble(server),
        form=form or ToolServerForm.about(server, shown.header_names(server)),
        test_form=(test_form or ToolTestForm.fresh()).offering(usable) if usable else None,
        result=result,
        trouble=trouble,
        sign_in=_own_sign_in(server, me.id),
        named=[] if server.owner_id else shares_shown.names(queries.KIND, server.id),
        above=_above(server),
    )


def _own_sign_in(server: ToolServer, user_id: str) -> shown.OwnSignIn | None:
    if server.sign_in != "oauth":
        return None
    return shown.own_sign_in(server, queries.sign_in_of(db.session(), server.id, user_id))


add_people_pages(bp, service.TOOL_SERVERS, "tools/servers/people.html", rule="/servers/<id>", own=lambda _thing, id: kept(id))

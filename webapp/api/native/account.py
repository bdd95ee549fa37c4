"""/api/v1/me, /tokens, /export and /import: the caller's account, API tokens, variables, and chats as files."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from flask import Blueprint, Response, request
from pydantic import Field

from webapp.api.access import caller, identified
from webapp.api.native.people import RoleName
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body, Cursor, Named, Pair, Query
from webapp.base.heavy.child import on_disk
from webapp.base.inputs import Name
from webapp.chat.calls.choosing import Key
from webapp.chat.imports import MOST_BYTES
from webapp.chat.record import variables
from webapp.engine.engine import the_engine
from webapp.operations.sign_on import log
from webapp.people.accounts import creation_limit, queries, tokens
from webapp.people.accounts.guards import audit_author, client_address, session_secret
from webapp.people.accounts.permissions import permissions_of
from webapp.people.accounts.tables import ApiToken
from webapp.people.preferences import count_reading, instruct, remember, set_keys, set_preferences
from webapp.people.shortcuts import MOST_CHARS, SHORTCUTS, keys_of
from webapp.settings.service import setting
from webapp.tools import service as tool_service, token_tools
from webapp.web.downloads import download
from webapp.workspace.exchange import export

bp = Blueprint("api_account", __name__, url_prefix="/api/v1")
BY_HAND = "A token can't create tokens, so that revoking it is final. Create one under Settings, API tokens."
ScopeName = Literal["read", "chat", "plans", "knowledge", "workflows", "mcp", "tools", "metrics", "admin"]


class Me(Answer):
    id: str
    email: str
    name: str
    role: RoleName
    scopes: list[ScopeName] = Field(description="What this token or browser session is allowed to do.")
    remembers: bool = Field(description="Whether finished answers go into the caller's conversation memory.")
    remembers_assistants: bool = Field(
        description="Whether admins have turned it on for everyone's chats of the assistant API; `is_forgotten` keeps a chat out."
    )
    facts: Literal["off", "ask", "keep"] = Field(
        description="Whether facts about the caller are proposed after answers; `keep` keeps them, but for contradictions."
    )
    is_reading_counted: bool = Field(description="Whether it is counted how long the caller looks at answers.")
    keys: dict[str, str] = Field(description="The key of each keyboard shortcut, such as `Ctrl+K`; empty for one that is off.")
    language: str = Field(description="The code of the language of the caller's pages, such as `de`; empty: like the browser's.")
    custom_instructions: str = Field(description="The caller's custom instructions, sent in all their chats.")
    permissions: dict[str, bool] = Field(description="Whether the caller can use each feature.")


class MeChange(Body):
    """Updates only the fields that are sent."""

    remembers: bool | None = None
    facts: Literal["off", "ask", "keep"] | None = Field(None, description="Whether facts are proposed after answers.")
    is_reading_counted: bool | None = None
    keys: dict[str, Annotated[str, Field(max_length=MOST_CHARS)] | None] | None = Field(
        None,
        description="Other keys for some keyboard shortcuts, such as `Ctrl+Shift+E`, `F8` or `g then c`; empty turns one off, "
        "null gives it its default.",
        max_length=len(SHORTCUTS),
    )
    language: str | None = Field(None, max_length=35, description="A code such as `de`; empty: like the browser's.")
    custom_instructions: str | None = Field(None, description="Your custom instructions, sent in all your chats; empty for none.")


class SignInAnswer(Answer):
    id: str
    at: datetime
    device: str = Field(description="In words, such as `Firefox on Linux`; empty if it isn't known.")
    way: str = Field(description="How, in words, such as `with a password` or `by Acme`.")
    address: str
    is_refused: bool
    is_open: bool = Field(description="Whether its session hasn't ended yet.")
    is_reported: bool = Field(description="Whether you have said that it wasn't you.")


class SignInList(Answer):
    sign_ins: list[SignInAnswer]
    next_cursor: str | None


class SignInsQuery(Query):
    cursor: Cursor = Field("", description="`next_cursor` of the previous page; empty for the first page.")


class Gateway(tokens.GatewayLimits):
    """A gateway's own limits; null is the one in the settings, 0 no limit."""


class TokenAnswer(Named):
    scopes: list[str]
    last_four: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    is_gateway: bool = Field(description="Whether it passes on the requests of many people, with limits of its own.")
    tools: list[str] = Field(description="The keys of the tools that answers for it may use, at `/v1/chat/completions`.")


class TokenList(Answer):
    tokens: list[TokenAnswer]


class NewToken(Body):
    name: Name
    scopes: list[ScopeName] = Field(
        description="Its permissions, at most those of the caller.", min_length=1, max_length=len(get_args(ScopeName))
    )
    days: int = Field(0, ge=0, le=3650, description="Days until it expires; 0 for never.")
    gateway: Gateway | None = Field(
        None, description="For the token of a gateway, which passes on the requests of many people; only admins can create one."
    )
    password: str = Field(description="The caller's own password.", max_length=1000)


class TokenChange(Body):
    tools: list[Key] = Field(
        description="The keys of tools that only read and are allowed without asking, instead of those before.",
        max_length=token_tools.MOST_TOOLS,
    )


class NewTokenAnswer(Answer):
    token: str = Field(description="Shown only once.")


@bp.get("/me")
@operation("Show the caller and their permissions", scope="read", answer=Me)
def show() -> Me:
    return _me()


@bp.patch("/me")
@operation(
    "Change your custom instructions, language or keyboard shortcuts, or turn your conversation memory or reading time on or off",
    scope="chat",
    body=MeChange,
    answer=Me,
    named={"instructions": "custom_instructions"},
)
def change(body: MeChange) -> Me:
    if body.custom_instructions is not None:
        instruct(caller(), body.custom_instructions)
    if body.remembers is not None:
        remember(caller(), wants=body.remembers)
    if body.facts is not None:
        set_preferences(caller(), facts=body.facts)
    if body.is_reading_counted is not None:
        count_reading(caller(), wants=body.is_reading_counted)
    if body.keys is not None:
        set_keys(caller(), body.keys)
    if body.language is not None:
        set_preferences(caller(), language=body.language)
    return _me()


@bp.get("/me/sign-ins")
@operation("List when and how you signed in, and attempts that were refused", scope="read", query=SignInsQuery, answer=SignInList)
def sign_ins(query: SignInsQuery) -> SignInList:
    rows, cursor = log.sign_ins_of(caller(), secret=session_secret(), before=query.cursor)
    return SignInList(sign_ins=[SignInAnswer.of(row) for row in rows], next_cursor=cursor or None)


@bp.get("/tokens")
@operation("List your tokens", scope="read", answer=TokenList)
def index() -> TokenList:
    return TokenList(tokens=_answers_of(queries.tokens_of(caller().id)))


@bp.post("/tokens")
@operation(
    "Create a token, shown only once (not available to tokens)",
    scope="chat",
    body=NewToken,
    answer=NewTokenAnswer,
    status=201,
    errors=(409, 429),
    by_hand=BY_HAND,
)
def create(body: NewToken) -> NewTokenAnswer:
    me = caller()
    creation_limit.count(me.id)
    token = tokens.make_own_token(
        me, body.password, body.name, body.scopes, days=body.days, gateway=body.gateway, address=client_address()
    )
    return NewTokenAnswer(token=token)


@bp.patch("/tokens/<id>")
@operation(
    "Choose the tools that answers for a token may use (not available to tokens)",
    scope="chat",
    body=TokenChange,
    answer=TokenAnswer,
    by_hand="A token can't give itself tools. Choose them under Settings, API tokens.",
)
def change_token(id: str, body: TokenChange) -> TokenAnswer:
    tool_service.set_token_tools(caller(), id, body.tools, author=audit_author())
    return _answers_of([token_tools.own_token(caller(), id)])[0]


@bp.delete("/tokens/<id>")
@operation("Revoke a token immediately", scope="chat", status=204)
def revoke(id: str) -> None:
    tokens.revoke_token(caller(), id, address=client_address())


def _answers_of(rows: Sequence[ApiToken]) -> list[TokenAnswer]:
    tools = token_tools.tools_by_token([row.id for row in rows])
    return [TokenAnswer.of(row, scopes=row.scopes.split(), tools=tools.get(row.id, [])) for row in rows]


def _me() -> Me:
    caller = identified()
    own: dict[str, Any] = {"remembers": bool(caller.user.remembers_since), "custom_instructions": caller.user.instructions}
    own |= {"remembers_assistants": setting("prompts.assistant_memory"), "keys": keys_of(caller.user.keys)}
    return Me.of(caller.user, scopes=sorted(caller.scopes), permissions=permissions_of(caller.user), **own)


variables_bp = Blueprint("api_variables", __name__, url_prefix="/api/v1/me/variables")


class VariablesAnswer(Answer):
    variables: dict[str, str]


class NewVariables(Body):
    variables: dict[str, str] = Field(description="Instead of those before; up to 100, with values of 2,000 characters.")


@variables_bp.get("", endpoint="show")
@operation("Show your variables in all chats with characters", scope="read", answer=VariablesAnswer)
def show_variables() -> VariablesAnswer:
    return VariablesAnswer(variables=variables.variables_of_person(caller().id))


@variables_bp.put("", endpoint="replace")
@operation("Replace your variables in all chats with characters", scope="chat", body=NewVariables, answer=VariablesAnswer)
def replace_variables(body: NewVariables) -> VariablesAnswer:
    variables.replace_own(caller().id, body.variables)
    return VariablesAnswer(variables=variables.variables_of_person(caller().id))


exchange_bp = Blueprint("api_exchange", __name__, url_prefix="/api/v1")


class Brought(Answer):
    """The result of an import: what is new, what was known already, what was rejected and why."""

    chats: int
    messages: int
    known: int
    refused: list[Pair]
    refused_count: int
    trouble: str
    lacking: list[str] = Field(description="Lorebooks that the chats name and you don't have.")
    lacking_projects: list[str] = Field(description="Projects that the chats name and you don't have; these chats are in none.")


@exchange_bp.get("/export")
@operation("Export all your chats as an archive", scope="read", media="application/zip")
def everything() -> Response:
    return download(export.everything(the_engine(), caller().id), export.archive_name(), "application/zip")


@exchange_bp.post("/import")
@operation(
    "Import chats from Millrace, ChatGPT, Claude, Open WebUI or SillyTavern",
    scope="chat",
    upload=True,
    upload_field="file",
    answer=Brought,
    status=201,
    errors=(409,),
    others=((429, "Several of your files were refused; wait as long as `Retry-After` says.", None),),
    most_bytes=MOST_BYTES,
)
def bring_in() -> Brought:
    """The file is the body, or up to 30 files are the field `file` of a form, as the other imports take them."""
    # Imported with the first file: with its parsers it takes half a megabyte.
    from webapp.workspace.exchange import service as import_service

    if files := [(storage.filename or "", storage.stream) for storage in request.files.getlist("file")]:
        return Brought.of(import_service.import_files(caller(), files))
    with on_disk(request.stream) as file:
        return Brought.of(import_service.import_file(caller(), file))

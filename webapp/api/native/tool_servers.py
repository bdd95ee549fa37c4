"""/api/v1/tool-servers: servers that bring tools of their own, what of them is accepted, and who can use them."""

from datetime import datetime
from typing import Any, Literal, Self

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.native.things import add_grant_operations, own, seen
from webapp.api.native.tools import HintsAnswer
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Named
from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.base.inputs import Changes, changes
from webapp.base.visible_text import visible
from webapp.people.accounts.guards import audit_author, found
from webapp.people.accounts.permissions import may
from webapp.tools.policies import policies_for
from webapp.tools.servers import listing, offered, queries, service, shown
from webapp.tools.servers.service import ToolServerInput
from webapp.tools.servers.tables import ServerTool, SignIn, ToolContent, ToolServer
from webapp.tools.tool import Hints, Policy

bp = Blueprint("api_tool_servers", __name__, url_prefix="/api/v1/tool-servers")


class ContentAnswer(Answer):
    """What a server says of a tool."""

    title: str
    description: str
    input_schema: dict[str, Any]
    hints: HintsAnswer

    @classmethod
    def from_content(cls, content: ToolContent) -> Self:
        hints = Hints(**content["hints"])
        return cls(
            title=visible(content["title"]),
            description=visible(content["description"]),
            input_schema=dict(content["schema"]),
            hints=HintsAnswer(
                read_only=hints.is_read_only,
                destructive=hints.is_destructive,
                idempotent=hints.is_idempotent,
                open_world=hints.is_open_world,
            ),
        )


class ServerToolAnswer(Answer):
    name: str
    key: str = Field(description="By which chats name it.")
    state: Literal["new", "accepted", "changed", "gone"] = Field(description="Only one that is accepted can be used.")
    policy: Policy = Field(description="What holds for you.")
    hash: str = Field(description="Of what is listed now, to accept it by; empty for one that is gone.")
    listed: ContentAnswer | None = Field(description="As the server lists it now.")
    accepted: ContentAnswer | None = Field(description="As it was accepted.")


class ToolServerSummary(Named):
    slug: str = Field(description="The first part of its tools' keys.")
    url: str
    sign_in: SignIn
    is_own: bool = Field(description="Whether it is yours alone; others are the site's.")
    is_enabled: bool
    is_available: bool = Field(description="Whether you can use its tools now.")
    reason: str = Field(description="Why you can't; else empty.")
    has_secrets: bool = Field(description="Whether a token or headers are stored. They are never returned.")
    version: str = Field(description="Of the protocol; empty before it has answered.")
    trouble: str = Field(description="Why it couldn't be asked for its tools the last time; else empty.")
    listed_at: datetime | None
    created_at: datetime


class ToolServerAnswer(ToolServerSummary):
    tools: list[ServerToolAnswer] = Field(description="For whoever looks after it, also those that can't be used.")
    left_out: list[str] = Field(description="What it lists that can't be used, a sentence each.")


class ToolServerList(Answer):
    tool_servers: list[ToolServerSummary]


class NewToolServer(ToolServerInput):
    is_own: bool | None = Field(None, description="Whether it is for you alone. Others than admins can't add any other.")


class ToolChange(Changes):
    """Updates only what is sent."""

    policy: Literal["allow", "ask", "deny", "usual"] | None = Field(
        None, description="For everyone who can use it; `usual` for what it is without a decision."
    )
    accept: str | None = Field(None, max_length=64, description="The `hash` of what you have looked at.")


ToolServerChange = changes(
    "ToolServerChange",
    ToolServerInput,
    "Another `url` is another server: token and headers are needed again, and its tools are accepted again.",
    is_enabled=bool,
)


@bp.get("")
@operation("List the tool servers that you can use or look after", scope="tools", answer=ToolServerList)
def index() -> ToolServerList:
    return ToolServerList(tool_servers=[ToolServerSummary.of(server, **_facts(server)) for server in queries.visible(caller())])


@bp.post("")
@operation(
    "Connect a tool server that answers; its tools are accepted one by one",
    scope="tools",
    body=NewToolServer,
    answer=ToolServerAnswer,
    status=201,
    errors=(409,),
)
def create(body: NewToolServer) -> ToolServerAnswer:
    is_own = body.is_own if body.is_own is not None else not may(caller(), "administer")
    return _now(service.connect(body, author=audit_author(), is_own=is_own).id)


@bp.get("/<id>")
@operation("Show a tool server with its tools", scope="tools", answer=ToolServerAnswer)
def show(id: str) -> ToolServerAnswer:
    return _now(id)


@bp.patch("/<id>")
@operation(
    "Change a tool server, or turn it on or off",
    scope="tools",
    body=ToolServerChange,
    answer=ToolServerAnswer,
    errors=(409,),
)
def change(id: str, body: Changes) -> ToolServerAnswer:
    server, given = own(service.TOOL_SERVERS, id), body.given
    is_enabled = given.pop("is_enabled", None)
    if given:
        present = {"name": server.name, "url": server.address, "sign_in": server.sign_in}
        service.change(id, ToolServerInput.entered(present | given), author=audit_author())
    if is_enabled is not None:
        service.set_enabled(id, is_enabled, author=audit_author())
    return _now(id)


@bp.delete("/<id>")
@operation("Delete a tool server with everyone's sign-ins there", scope="tools", status=204)
def delete(id: str) -> None:
    service.delete(own(service.TOOL_SERVERS, id).id, author=audit_author())


@bp.post("/<id>/refresh")
@operation("Ask a tool server for its tools", scope="tools", answer=ToolServerAnswer, errors=(409,))
def refresh(id: str) -> ToolServerAnswer:
    listing.refresh(own(service.TOOL_SERVERS, id).id, caller().id, is_whole=True)
    return _now(id)


@bp.patch("/<id>/tools/<path:name>")
@operation(
    "Accept a tool as you have looked at it, or decide what it may do",
    scope="tools",
    body=ToolChange,
    answer=ToolServerAnswer,
    errors=(409,),
)
def decide(id: str, name: str, body: ToolChange) -> ToolServerAnswer:
    server = own(service.TOOL_SERVERS, id)
    found(db.session.get(ServerTool, (server.id, name)))
    if body.accept is None and body.policy is None:
        raise Invalid("Send a policy, or the hash to accept.", field="policy")
    if body.accept is not None:
        service.accept(id, {name: body.accept}, author=audit_author())
    if body.policy is not None:
        service.decide(id, {name: None if body.policy == "usual" else body.policy}, author=audit_author())
    return _now(id)


def _now(id: str) -> ToolServerAnswer:
    server = seen(service.TOOL_SERVERS, id)
    is_kept, policies = queries.kept_server(caller(), id) is not None, policies_for(caller())
    tools = [
        ServerToolAnswer(
            name=row.name,
            key=service.key_of(server, row.name),
            state=row.state,
            policy=policies.by_key(service.key_of(server, row.name), _usual(row)),
            hash=row.listed_hash,
            listed=ContentAnswer.from_content(row.listed) if row.listed else None,
            accepted=ContentAnswer.from_content(row.accepted) if row.accepted else None,
        )
        for row in queries.tools_of_server(db.session(), id)
        if is_kept or row.state == "accepted"
    ]
    return ToolServerAnswer.of(server, **_facts(server), tools=tools, left_out=list(shown.left_out(server)))


def _usual(row: ServerTool) -> Policy:
    content = row.listed or row.accepted
    return "allow" if content and Hints(**content["hints"]).is_read_only else "ask"


def _facts(server: ToolServer) -> dict[str, Any]:
    reason = offered.reason_for(caller(), server)
    return {
        "url": server.address,
        "is_own": server.owner_id == caller().id,
        "is_available": not reason,
        "reason": reason,
        "has_secrets": bool(server.secrets),
    }


add_grant_operations(
    bp,
    service.TOOL_SERVERS,
    scope="tools",
    read_scope="tools",
    listing="List who can use a tool server",
    granting="Let a person, a group or everyone use a tool server of the site",
    revoking="Remove a grant",
)

"""Lists and calls the tools of servers by MCP, in both kinds of the protocol: with a handshake and session, and without state."""

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from typing import Any

from webapp.base.heavy.turns import by_turns
from webapp.base.untrusted_json import JsonObject
from webapp.base.version import VERSION
from webapp.base.visible_text import line_of
from webapp.engine.engine import the_engine
from webapp.models.connections.providers import providers
from webapp.models.upstream import Stopped
from webapp.models.upstream.addresses import parts_of
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop
from webapp.tools.mcp.elicitation import (
    Responses,
    asked_again,
    asked_words,
    digest_of,
    input_required,
    page_required,
    question_during_call,
    response_of,
    responses_of,
)
from webapp.tools.mcp.exchange import (
    LOST_STATUSES,
    METHOD_NOT_FOUND,
    STATELESS,
    STOPPED,
    WITH_HANDSHAKE,
    ConnectionLost,
    Exchange,
    Request,
    Server,
    ServerRefusal,
    SignInRequired,
    Times,
)
from webapp.tools.mcp.listing import (
    MOST_INSTRUCTIONS,
    MOST_TITLE,
    TOKEN,
    BadTool,
    ListedTool,
    Listing,
    ToolListing,
    mirrored,
    text_of,
)
from webapp.tools.mcp.results import ResultPart, ToolReply, Unreadable, reply_of
from webapp.tools.questions import MOST_QUESTIONS, ServerQuestion
from webapp.tools.tool import AskPerson, QuestionAsked, ToolFailed

__all__ = [
    "ListedTool",
    "Listing",
    "ResultPart",
    "Server",
    "SignInRequired",
    "Times",
    "ToolReply",
    "call_tool",
    "list_tools",
]

# How often a server may say *call again* in one call.
MOST_AGAIN = 5
MOST_HEADER, MOST_SAFE_INTEGER = 8_000, 2**53 - 1
META = "io.modelcontextprotocol/"
# Under this name, a server that wants to do a call only once finds what is the same whenever we send it.
ONCE = "millrace/idempotencyKey"
TIMES = Times()
CLIENT = {"name": "Millrace", "version": VERSION}
# Of 2025-11-25 alone.
PAGE_REQUIRED = -32042
HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION = -32020, -32021, -32022
ELICITATION: JsonObject = {"form": {}, "url": {}}
OF_STATELESS = (HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION)
PLAIN = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
ENCODED = re.compile(r"=\?base64\?.*\?=")


def list_tools(server: Server, *, stop: Stop, times: Times = TIMES) -> Listing:
    """Returns the tools of a server, and which version of the protocol it speaks.

    Raises `ToolFailed` with a sentence, or `SignInRequired`.
    """
    with _certainly_not_done(), _told_as_failures(server), _conversation(server, stop, times) as conversation:
        conversation.find_version()
        return conversation.listing()


def call_tool(
    server: Server,
    name: str,
    arguments: Mapping[str, Any],
    *,
    stop: Stop,
    key: str,
    schema: Mapping[str, Any] | None = None,
    answered: ServerQuestion | None = None,
    ask: AskPerson | None = None,
    is_safe: bool = False,
    keeps_session: bool = False,
    times: Times = TIMES,
) -> ToolReply:
    """Calls a tool, and returns what it returned; `key` is the same whenever the same call is sent.

    It is sent once, unless the server has certainly not done it, or the caller says by `is_safe` that it can be repeated.
    `schema` is the tool's, which can name arguments that belong into headers. Raises `ToolFailed`, whose `is_unknown` says that
    the call may have been done; `QuestionAsked` if a person has to answer first, and continues once that is `answered`; or
    `SignInRequired`. `ask` asks a person while the call is open, as older servers want it. A session that was begun for the call
    ends with it, unless the caller keeps it for the next.
    """
    params = {"name": name, "arguments": dict(arguments), "_meta": {ONCE: key}}
    responses = responses_of(answered) if answered else Responses({}, {})
    try:
        mirrors = mirrored(schema or {})
    except BadTool as error:
        raise ToolFailed(f"This call can't be sent: {error}") from None
    with _told_as_failures(server), _conversation(server, stop, times, keeps_session=keeps_session) as conversation:
        call = _Call(conversation, name, {**params, **responses.params}, mirrors, answered.number if answered else 0, ask)
        conversation.exchange.answers = dict(responses.during)
        with _certainly_not_done():
            conversation.begin()
        try:
            result = call.result()
        except ConnectionLost:
            if not is_safe or stop:
                raise
            result = call.result()
        return call.reply(result, is_safe=is_safe)


class _Conversation:
    """What is said to one server for one listing or one call."""

    def __init__(self, server: Server, stop: Stop, times: Times, *, keeps_session: bool) -> None:
        engine = the_engine()
        self.server, self.stop, self.times, self._keeps_session = server, stop, times, keeps_session
        self.name = self.instructions = ""
        self.exchange = Exchange(providers().upstream, server, stop, spawn=engine.spawn, signal=engine.signal)

    @property
    def version(self) -> str:
        return self.exchange.version

    @property
    def session(self) -> str:
        return self.exchange.session

    @property
    def lasting_session(self) -> str:
        """The session that the next call can use; one that was begun for this one ends with it, unless the caller keeps it."""
        return self.session if self._keeps_session or self.session == self.server.session else ""

    def begin(self) -> None:
        """Makes sure that the version is known, and the session of one with a handshake open."""
        if self.version in WITH_HANDSHAKE:
            if not self.session:
                self._shake_hands_or_find()
        elif self.version != STATELESS:
            self.find_version()

    def begin_again(self) -> None:
        """Forgets the version that the server spoke before, which it refuses by now."""
        self.exchange.version = self.exchange.session = ""
        self.find_version()

    def find_version(self) -> None:
        """Finds out which version the server speaks, by the rules of the specification: the newest is tried first."""
        if self.version in WITH_HANDSHAKE:
            if not self.session:
                self._shake_hands_or_find()
            return
        self.exchange.version = STATELESS
        try:
            discovered = self.ask(Request("server/discover", {}, self.times.handshake))
        except ServerRefusal as refusal:
            if refusal.code not in OF_STATELESS:
                self._shake_hands(first=refusal)
                return
            supported = refusal.data.get("supported") if isinstance(refusal.data, dict) else None
            self._agree(supported, refusal)
            return
        self._agree(discovered.get("supportedVersions"), None)
        if self.version == STATELESS:
            self.introduce(discovered)

    def ask(self, request: Request) -> JsonObject:
        """Sends a request in the version of this conversation; a session that the server has forgotten is begun again, once."""
        try:
            return self._ask(request)
        except ServerRefusal as refusal:
            if not refusal.is_of_session or not self.session or self.version == STATELESS:
                raise
        with _certainly_not_done():
            self._shake_hands()
        return self._ask(request)

    def listing(self) -> Listing:
        """Returns the tools that the server lists, page by page."""
        listed, cursor, until = ToolListing(mirrors=self.version == STATELESS), None, monotonic() + self.times.listing
        while cursor != "":
            try:
                page = self.ask(Request("tools/list", {"cursor": cursor} if cursor else {}, until - monotonic()))
            except ServerRefusal as refusal:
                if refusal.code != METHOD_NOT_FOUND:
                    raise
                # A server for something else, such as prompts.
                page = {"tools": []}
            entries = page.get("tools")
            if not isinstance(entries, list):
                raise ToolFailed(f"{self.server.name} sent no list of tools.")
            cursor = listed.add(page, by_turns(entries))
            self.introduce(page)
        return listed.listing(self.name, self.version, self.instructions)

    def introduce(self, result: Mapping[str, Any]) -> None:
        """Notes what a server says of itself in a result."""
        meta = result.get("_meta")
        about = meta.get(f"{META}serverInfo") if isinstance(meta, dict) else result.get("serverInfo")
        about = about if isinstance(about, dict) else {}
        self.name = self.name or line_of(about.get("title"), MOST_TITLE) or line_of(about.get("name"), MOST_TITLE)
        self.instructions = self.instructions or text_of(result.get("instructions"), MOST_INSTRUCTIONS)

    def end(self, *, is_complete: bool) -> None:
        """Ends the session if the caller won't know it, as it gets no reply, or doesn't want it."""
        if self.version != STATELESS and self.session != (self.lasting_session if is_complete else self.server.session):
            self.exchange.end_session()

    def _ask(self, request: Request) -> JsonObject:
        if self.version == STATELESS:
            about_us = {
                f"{META}protocolVersion": STATELESS,
                f"{META}clientInfo": CLIENT,
                f"{META}clientCapabilities": {"elicitation": ELICITATION},
            }
            meta = {**request.params.get("_meta", {}), **about_us}
            request = replace(request, params={**request.params, "_meta": meta})
        return self.exchange.ask(request)

    def _agree(self, supported: Any, refusal: ServerRefusal | None) -> None:
        """Chooses the version from those that a server of the new kind says it supports."""
        versions = [version for version in supported if isinstance(version, str)] if isinstance(supported, list) else []
        if STATELESS in versions and not refusal:
            return
        if not versions and not refusal:
            # An older server that answers what it doesn't know.
            self._shake_hands()
        elif any(version in versions for version in WITH_HANDSHAKE):
            self._shake_hands()
        elif versions:
            words = ", ".join(line_of(version, 20) for version in versions[:5])
            raise ToolFailed(f"{self.server.name} speaks versions of MCP that Millrace doesn't: {words}.")
        elif refusal:
            raise refusal

    def _shake_hands_or_find(self) -> None:
        try:
            self._shake_hands()
        except ServerRefusal:
            self.begin_again()

    def _shake_hands(self, first: ServerRefusal | None = None) -> None:
        """Opens a session, in the newest version that the server has in common with us."""
        self.exchange.version, self.exchange.session = WITH_HANDSHAKE[0], ""
        about = {"protocolVersion": WITH_HANDSHAKE[0], "capabilities": {"elicitation": ELICITATION}, "clientInfo": CLIENT}
        try:
            result = self.exchange.ask(Request("initialize", about, self.times.handshake))
        except ServerRefusal as refusal:
            raise (first if first and first.message and not refusal.message else refusal) from None
        version = result.get("protocolVersion")
        if version not in WITH_HANDSHAKE:
            words = line_of(version, 20) or "none"
            raise ToolFailed(f"{self.server.name} speaks a version of MCP that Millrace doesn't: {words}.")
        self.exchange.version = version
        self.introduce(result)
        self.exchange.tell("notifications/initialized")


class _Call:
    """One call of a tool."""

    def __init__(
        self,
        conversation: _Conversation,
        name: str,
        params: Mapping[str, Any],
        mirrors: Mapping[tuple[str, ...], str],
        questions: int,
        ask: AskPerson | None,
    ) -> None:
        """`questions` is how many were asked for it before."""
        self._conversation, self._name, self._params, self._mirrors = conversation, name, dict(params), mirrors
        self._questions, self._ask_person = questions, ask
        # What was asked while the call was open, by its digest.
        self._asked: dict[str, ServerQuestion] = {}
        conversation.exchange.ask_person = self._response

    def result(self) -> JsonObject:
        """Sends the call until it has a result that isn't *call again*."""
        for _ in range(MOST_AGAIN):
            try:
                result = self._sent()
            except ServerRefusal as refusal:
                if question := self._question(refusal):
                    raise QuestionAsked(question) from None
                raise
            if self._conversation.version != STATELESS or result.get("resultType", "complete") == "complete":
                return result
            if result["resultType"] != "input_required":
                raise self._unreadable()
            try:
                question = input_required(result)
            except Unreadable:
                words = f"{self._conversation.server.name} requires something that can't be given here."
                raise ToolFailed(words) from None
            if question:
                raise QuestionAsked(self._numbered(question))
            # It has only put the call off, and wants its state back.
            self._params.pop("inputResponses", None)
            self._params["requestState"] = result["requestState"]
            if self._conversation.stop.wait(self._conversation.times.again):
                raise ToolFailed(STOPPED)
        raise ToolFailed(f"{self._conversation.server.name} wants to be called again and again.")

    def reply(self, result: Mapping[str, Any], *, is_safe: bool) -> ToolReply:
        conversation = self._conversation
        try:
            reply = reply_of(result, by_turns)
        except Unreadable:
            raise self._unreadable() from None
        text = conversation.exchange.without_secrets(reply.text)
        reply = replace(reply, text=text, version=conversation.version, session=conversation.lasting_session)
        if not conversation.exchange.questions:
            return reply
        # One that has succeeded without an answer may have done something, which must not be done twice.
        if (reply.is_error or is_safe) and (question := self._question()):
            raise QuestionAsked(question)
        asked = " ".join(f"“{asked_words(question)}”" for question in conversation.exchange.questions[:3])
        if reply.is_error:
            words = f"{conversation.server.name} wanted to know: {asked} That can't be answered here. {reply.text}"
            raise ToolFailed(words.strip())
        return replace(reply, text=f"(During the call, it asked: {asked} It was told that there is no answer.)\n\n{reply.text}")

    def _question(self, refusal: ServerRefusal | None = None) -> ServerQuestion | None:
        """Returns what a person has to answer before a call that has failed can be sent again; None if it isn't for a person."""
        exchange = self._conversation.exchange
        try:
            if refusal and refusal.code == PAGE_REQUIRED and self._conversation.version in WITH_HANDSHAKE:
                return self._numbered(page_required(refusal.data))
            if not exchange.questions:
                return None
            params = exchange.questions[0]
            question = self._asked.get(digest_of(params)) or self._numbered(question_during_call(params))
            # A page is for the call that asked for it.
            return None if question.address else asked_again(question, exchange.answers)
        except Unreadable:
            return None

    def _numbered(self, question: ServerQuestion) -> ServerQuestion:
        self._questions += 1
        if self._questions > MOST_QUESTIONS:
            raise ToolFailed(f"{self._conversation.server.name} has asked {MOST_QUESTIONS} times, and asks again.")
        return replace(question, number=self._questions, server=self._conversation.server.name)

    def _response(self, params: Any) -> JsonObject | None:
        """Asks a person while the call is open."""
        if not self._ask_person or self._questions >= MOST_QUESTIONS or self._conversation.stop:
            return None
        try:
            question = self._numbered(question_during_call(params))
        except Unreadable:
            return None
        if answered := self._ask_person(question):
            return response_of(answered)
        self._asked[digest_of(params)] = question
        return None

    def _sent(self) -> JsonObject:
        conversation = self._conversation
        try:
            return self._ask()
        except ServerRefusal as refusal:
            if refusal.code == HEADER_MISMATCH:
                # The tool has changed which arguments belong into headers.
                self._mirrors = self._listed_mirrors()
            elif not self._speaks_another_version(refusal):
                raise
            else:
                with _certainly_not_done():
                    conversation.begin_again()
        return self._ask()

    def _ask(self) -> JsonObject:
        headers = self._headers() if self._conversation.version == STATELESS else {}
        times = self._conversation.times
        request = Request("tools/call", self._params, times.call, times.most_call, headers, times.resume)
        return self._conversation.ask(request)

    def _speaks_another_version(self, refusal: ServerRefusal) -> bool:
        """Returns whether the server has refused the version that it spoke before."""
        if self._conversation.version != STATELESS:
            return refusal.code in OF_STATELESS
        return refusal.code == UNSUPPORTED_VERSION or (refusal.status in (400, 404, 405) and refusal.code is None)

    def _headers(self) -> dict[str, str]:
        headers = {"Mcp-Name": header_value(self._name)}
        for path, header in self._mirrors.items():
            value: Any = self._params["arguments"]
            for key in path:
                value = value.get(key) if isinstance(value, dict) else None
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            if not isinstance(value, str | int):
                continue
            text = header_value(value)
            if len(text) > MOST_HEADER or (isinstance(value, int) and abs(value) > MOST_SAFE_INTEGER):
                raise ToolFailed(f"{'.'.join(path)} is too large to be sent.")
            headers[f"Mcp-Param-{header}"] = text
        return headers

    def _listed_mirrors(self) -> Mapping[tuple[str, ...], str]:
        with _certainly_not_done():
            tools = {tool.name: tool for tool in self._conversation.listing().tools}
        return mirrored(tools[self._name].schema) if self._name in tools else self._mirrors

    def _unreadable(self) -> ToolFailed:
        return ToolFailed(f"{self._conversation.server.name} sent a result that can't be understood.", is_unknown=True)


def header_value(value: str | int) -> str:
    """Returns a value as a header carries it: as it is, or encoded if a header can't hold it."""
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if PLAIN.fullmatch(text) and not ENCODED.fullmatch(text):
        return text
    return f"=?base64?{base64.b64encode(text.encode('utf-8', 'replace')).decode()}?="


@contextmanager
def _conversation(server: Server, stop: Stop, times: Times, *, keeps_session: bool = False) -> Iterator[_Conversation]:
    parts_of(server.address)
    if not all(TOKEN.fullmatch(name) and value.isascii() and value.isprintable() for name, value in server.headers.items()):
        raise ToolFailed(f"The headers for {server.name} contain invalid characters.")
    conversation = _Conversation(server, stop, times, keeps_session=keeps_session)
    is_complete = False
    try:
        yield conversation
        is_complete = True
    finally:
        conversation.end(is_complete=is_complete)


@contextmanager
def _told_as_failures(server: Server) -> Iterator[None]:
    """Says what a server refuses in a sentence."""
    try:
        yield
    except ServerRefusal as refusal:
        is_lost = refusal.status in LOST_STATUSES and refusal.code is None
        raise ToolFailed(refusal.sentence(server.name), is_unknown=is_lost) from None
    except ProviderError as error:
        raise ToolFailed(error.message) from error
    except Stopped:
        raise ToolFailed(STOPPED) from None


@contextmanager
def _certainly_not_done() -> Iterator[None]:
    """What fails in here, fails before the call is sent."""
    try:
        yield
    except ToolFailed as failure:
        raise ToolFailed(failure.message) from failure

"""Messages of the Model Context Protocol: what a request is, which version it speaks, and how results and errors are written.

Two eras share one address. Since 2026-07-28 every request carries its version and needs no other before it; earlier versions
begin with `initialize`, after which this server needs to remember nothing, so that it gives no session id. Pure.
"""

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from webapp.base.untrusted_json import JsonObject

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18")
SUPPORTED = (MODERN, *LEGACY)
# Sent before there was a header for the version, which is left out then.
WITHOUT_HEADER = "2025-03-26"
META = "io.modelcontextprotocol/"
VERSION_HEADER, METHOD_HEADER, NAME_HEADER = "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"
PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022
MOST_ID, MOST_NAME = 200, 200
BATCH = "Send one message in each request: a list of several is not supported."
NOT_A_MESSAGE = 'A message is a JSON object with "jsonrpc": "2.0" and a "method".'
WRONG_ID = "The id of a request is a whole number or a text of 1 to 200 characters."
ENCODED = "=?base64?", "?="

Id = str | int
# Returns the value of a header, by its name in any case.
Headers = Callable[[str], str | None]


class RpcError(Exception):
    """An error in place of a result, with the status of its response; `id` is the request's, if that could be read."""

    def __init__(self, code: int, message: str, *, status: int = 200, data: Any = None, id: Id | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.data, self.id = code, message, status, data, id


@dataclass(frozen=True, slots=True)
class RpcRequest:
    """A client's message; without an `id` it is one that gets no reply. `version` is the one that it speaks."""

    method: str
    id: Id | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    version: str = WITHOUT_HEADER

    @property
    def is_modern(self) -> bool:
        return self.version == MODERN

    @property
    def progress_token(self) -> Id | None:
        """The token by which the client wants to hear of the progress, if it does."""
        token = _meta(self.params).get("progressToken")
        return token if is_id(token) else None


def parsed(message: Any, headers: Headers) -> RpcRequest:
    """Returns the request in a decoded body; raises `RpcError`."""
    if isinstance(message, list):
        raise RpcError(INVALID_REQUEST, BATCH, status=400)
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, NOT_A_MESSAGE, status=400)
    if "id" in message and not is_id(message["id"]):
        raise RpcError(INVALID_REQUEST, WRONG_ID, status=400)
    id, method, params = message.get("id"), message.get("method"), message.get("params", {})
    if not isinstance(method, str):
        # A reply: this server asks nothing.
        raise RpcError(INVALID_REQUEST, NOT_A_MESSAGE, status=400, id=id)
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "The params are a JSON object.", status=400, id=id)
    try:
        return RpcRequest(method, id, params, _version(method, id, params, headers))
    except RpcError as error:
        error.id = id
        raise


def is_id(value: Any) -> bool:
    """Returns whether a value can identify a request, or its progress."""
    if isinstance(value, str):
        return 0 < len(value) <= MOST_ID
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _version(method: str, id: Id | None, params: Mapping[str, Any], headers: Headers) -> str:
    """Returns the version that a request speaks; raises `RpcError` if that isn't spoken here, or isn't said as it must be."""
    said, header = _meta(params).get(f"{META}protocolVersion"), headers(VERSION_HEADER)
    if method == "initialize":
        return LEGACY[0]
    if said is None and header in (None, WITHOUT_HEADER, *LEGACY) and method != "server/discover":
        return header or WITHOUT_HEADER
    if id is None:
        # No notification has a meaning here, so that none is refused.
        return MODERN
    if header is None:
        raise _mismatch(f"The header {VERSION_HEADER} is missing.")
    if said is not None and said != header:
        raise _mismatch(f"The header {VERSION_HEADER} doesn't match the version in _meta.")
    if header != MODERN:
        data = {"supported": list(SUPPORTED), "requested": header[:MOST_NAME]}
        raise RpcError(UNSUPPORTED_VERSION, "Unsupported protocol version", status=400, data=data)
    _refuse_incomplete(method, params, headers)
    return MODERN


def _refuse_incomplete(method: str, params: Mapping[str, Any], headers: Headers) -> None:
    """Raises unless a request of the current version says all that it must."""
    for name, kind in (("protocolVersion", str), ("clientCapabilities", dict)):
        if not isinstance(_meta(params).get(META + name), kind):
            raise RpcError(INVALID_PARAMS, f"{META}{name} is missing in _meta.", status=400)
    expected = {METHOD_HEADER: method}
    if method == "tools/call":
        tool = params.get("name")
        expected[NAME_HEADER] = tool if isinstance(tool, str) else ""
    for header, expected_value in expected.items():
        if (sent := headers(header)) is None:
            raise _mismatch(f"The header {header} is missing.")
        if _decoded(sent) != expected_value:
            raise _mismatch(f"The header {header} doesn't match the body.")


def _mismatch(words: str) -> RpcError:
    return RpcError(HEADER_MISMATCH, words, status=400)


def _decoded(header: str) -> str:
    """Returns the value of a header, which is encoded if it isn't plain ASCII; something else if it can't be decoded."""
    begin, end = ENCODED
    if not (header.startswith(begin) and header.endswith(end)):
        return header
    try:
        return b64decode(header[len(begin) : -len(end)], validate=True).decode()
    except (binascii.Error, UnicodeError):
        return "\0"


def _meta(params: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = params.get("_meta")
    return meta if isinstance(meta, dict) else {}


def negotiated(requested: Any) -> str:
    """Returns the version for a client that begins with `initialize`: its own if that is spoken here, else the latest such."""
    return requested if requested in LEGACY else LEGACY[0]


def result_message(request: RpcRequest, result: Mapping[str, Any], server: Mapping[str, Any]) -> JsonObject:
    """Returns the reply to a request; since 2026-07-28 each says that it is complete, and from which server."""
    modern = {"resultType": "complete", "_meta": {f"{META}serverInfo": server}} if request.is_modern else {}
    return {"jsonrpc": "2.0", "id": request.id, "result": {**modern, **result}}


def error_message(error: RpcError) -> JsonObject:
    """Returns the reply that says what is wrong."""
    named = {} if error.id is None else {"id": error.id}
    detail = {} if error.data is None else {"data": error.data}
    return {"jsonrpc": "2.0", **named, "error": {"code": error.code, "message": error.message, **detail}}


def progress_message(token: Id, progress: int, words: str) -> JsonObject:
    return {
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": {"progressToken": token, "progress": progress, "message": words},
    }

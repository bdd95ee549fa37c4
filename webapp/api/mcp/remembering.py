"""The tool of the MCP server that proposes a fact: a sentence that the person keeps, changes or refuses in Millrace."""

from collections.abc import Mapping
from typing import Any

from webapp.api.access import caller
from webapp.api.mcp.reading import ReadingResult, ServedTool, address_of, object_schema, text_schema
from webapp.chat.facts.service import MOST_CHARS, FactScope, propose_for
from webapp.tools.tool import Hints

PROPOSED = "Proposed. The person decides in Millrace whether it is remembered."
KNOWN = "That was proposed before, or is remembered already."


def _remember(arguments: Mapping[str, Any]) -> ReadingResult:
    scope = arguments.get("scope", {})
    is_new = propose_for(caller(), str(arguments["text"]), FactScope(kind=scope.get("kind", "me"), id=scope.get("id", "")))
    state = "proposed" if is_new else "known"
    return ReadingResult((PROPOSED if is_new else KNOWN,), {"state": state, "url": address_of("/facts?state=proposed")})


REMEMBER = ServedTool(
    "remember",
    "Remember",
    "Proposes one sentence to be remembered for the person's later chats. They decide in Millrace whether to keep it.",
    object_schema(
        {
            "text": text_schema("One sentence.", MOST_CHARS),
            "scope": {
                **object_schema(
                    {
                        "kind": {"type": "string", "enum": ["me", "project", "character"]},
                        "id": text_schema("Of the project or the character."),
                    },
                    "kind",
                ),
                "description": "Where it holds; in all of the person's own chats if left out.",
            },
        },
        "text",
    ),
    hints=Hints(is_read_only=False, is_destructive=False, is_idempotent=True, is_open_world=False),
    run=_remember,
)

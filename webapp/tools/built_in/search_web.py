"""The tool by which a model searches the web, by the connection that an admin has chosen."""

from collections.abc import Mapping
from typing import Any

from webapp.tools import search_connections
from webapp.tools.built_in.texts import MOST_CHARS, QUOTED, bounded, said, visible, web_source
from webapp.tools.search_connections import SearchHit
from webapp.tools.tool import READS_THE_WORLD, CallContext, Result, Tool, ToolFailed

USUAL_HITS, MOST_HITS = 5, 8
# Brave takes no longer ones.
MOST_QUERY = 400
NOTHING_FOUND = "Nothing was found. Try other words."
CITE = f"{QUOTED} Cite a page by its number, such as [{{}}]. The extracts are short: use read_page for what you rely on."


def search(context: CallContext, arguments: Mapping[str, Any], *, most_chars: int = MOST_CHARS) -> Result:
    """Returns the first hits, each with its title, address and extract."""
    query = " ".join(visible(str(arguments["query"])).split())
    if not query:
        raise ToolFailed("Say what to search for.")
    limit = min(int(arguments.get("limit", USUAL_HITS)), MOST_HITS)
    hits = search_connections.search(query[:MOST_QUERY], limit, stop=context.stop)
    if not hits:
        return Result(NOTHING_FOUND)
    numbered = list(enumerate(hits, context.first_source))
    texts = (CITE.format(context.first_source), *(_shown(number, hit) for number, hit in numbered))
    sources = (web_source(number, hit.address, hit.title or hit.host, hit.extract) for number, hit in numbered)
    outside = tuple(dict.fromkeys(hit.host for hit in hits))
    return Result(bounded("\n\n".join(texts), most_chars), tuple(sources), outside)


def _shown(number: int, hit: SearchHit) -> str:
    return "\n".join(filter(None, (f"[{number}] {hit.title or hit.host}", hit.address, hit.extract)))


def _says(arguments: Mapping[str, Any]) -> str:
    return f"Searched the web for {said(arguments, 'query')}" if said(arguments, "query") else "Searched the web"


SEARCH_WEB = Tool(
    key="search_web",
    title="Search the web",
    description="Searches the web and returns pages with title, address and a short extract. To read a page, use read_page.",
    schema={
        "type": "object",
        "properties": {
            "query": {"type": "string", "minLength": 1, "maxLength": MOST_QUERY, "description": "A few words to search for."},
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_HITS,
                "description": f"How many; {USUAL_HITS} if left out.",
            },
        },
        "required": ["query"],
        "additionalProperties": False,
    },
    says=_says,
    run=search,
    hints=READS_THE_WORLD,
    policy="allow",
    unavailable=search_connections.unavailable,
)

"""The grammars of event streams, by name: their events, the order of these and the schema of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel


@dataclass(frozen=True)
class Grammar:
    """`order` is a regular expression over event names; the name is in `event:` if `is_named`, else in `data.type`.

    `texts` lists data that is not JSON.
    """

    order: str
    events: Mapping[str, type[BaseModel]]
    sentence: str = ""
    is_named: bool = True
    texts: tuple[str, ...] = ()
    end: str = field(default="The connection closes after the last event.")


GRAMMARS: dict[str, Grammar] = {}


def register(name: str, grammar: Grammar) -> str:
    """Registers a grammar for the OpenAPI document; operations refer to it by this name, as `stream`."""
    GRAMMARS[name] = grammar
    return name

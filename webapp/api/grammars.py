"""The grammars of event streams, by name: which events there are, in which order, and what each holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel


@dataclass(frozen=True)
class Grammar:
    """`order` as a regular expression over the names; with `is_named` the name stands in `event:`, else in `data.type`.

    `texts` are data that is no JSON.
    """

    order: str
    events: Mapping[str, type[BaseModel]]
    sentence: str = ""
    is_named: bool = True
    texts: tuple[str, ...] = ()
    end: str = field(default="The connection closes after the last event.")


GRAMMARS: dict[str, Grammar] = {}


def register(name: str, grammar: Grammar) -> str:
    """Makes a grammar known to the document under this name, which operations give as `stream`."""
    GRAMMARS[name] = grammar
    return name

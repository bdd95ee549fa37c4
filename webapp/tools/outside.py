"""The outside rule: where text in a prompt comes from that the asking person has not written, and which calls ask because of it.

A place is a plain name, such as `example.org` or *the preset Travel by Otti*. Stored with a message, it is a line, in which
people stand by their ids: to look up their names would cost every answer a query ([ADR 51](docs/adr/0051-what-is-outside.md)).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.base.ids import LENGTH
from webapp.base.visible_text import one_line
from webapp.tools.offers import Offer

ADDRESS = re.compile(r"https?://[^\s\"'<>\]]+")
# What ends a sentence, and not an address.
ENDS = ".,;:!?)]}"
# Of one message. More would make no card clearer.
MOST_PLACES, MOST_CHARS = 8, 120
PERSON = re.compile(rf"\{{([0-9a-z]{{{LENGTH}}})\}}")
NOBODY = "a deleted account"
# How many addresses of outside text an answer reads without asking: by which of them it reads, it could spell something.
FREE_ADDRESSES = 3
IMPORTED, LINKED = "an imported chat", "a shared link"
# Why a call asks; stored as a sentence, and worded in a reader's language from these.
SEND = "This answer has read content from %(places)s. Send this anyway?"
ANOTHER = "This answer has opened three addresses found in content from %(places)s. Open another?"
PRIVATE = "This answer has read private content, and you didn't enter this address. Open it anyway?"
PRIVATE_TOO = "This answer has read private content and content from %(places)s. You didn't enter this address. Open it anyway?"
SENTENCES = (SEND, ANOTHER, PRIVATE, PRIVATE_TOO)


def places_text(places: Iterable[str]) -> str:
    """Returns the first of these places, each once, as a message has them."""
    lines = (one_line(place, MOST_CHARS) for place in places)
    return "\n".join(list(dict.fromkeys(filter(None, lines)))[:MOST_PLACES])


def thing(word: str, name: str, owner_id: str | None, person_id: str | None) -> Iterator[str]:
    """Yields the place of a thing that is neither this person's own nor the team's, which admins write."""
    if owner_id and owner_id != person_id:
        # The id last, where no long name cuts it off.
        yield f"the {word} {one_line(name, MOST_CHARS // 2).translate(BRACES)} by {{{owner_id}}}"


def written_by(person_id: str | None, owner_id: str | None, before: str = "") -> str:
    """Returns what a message has that a person writes in the owner's chat; an edit can be much of what there was `before`."""
    is_others = bool(person_id and owner_id) and person_id != owner_id
    return places_text([*before.splitlines(), *([f"a message by {{{person_id}}}"] if is_others else [])])


def chat_of(person_id: str) -> str:
    return f"a chat of {{{person_id}}}"


# A name can't stand for a person.
BRACES = str.maketrans("{}", "()")


def people_in(places: Iterable[str]) -> set[str]:
    """Returns the ids of the people in these places."""
    return {id for place in places for id in PERSON.findall(place)}


def with_names(places: Iterable[str], names: Mapping[str, str]) -> list[str]:
    """Returns the places as people read them."""
    return [PERSON.sub(lambda match: names.get(match[1], NOBODY), place) for place in dict.fromkeys(places)]


def addresses_in(text: str) -> set[str]:
    return {address.rstrip(ENDS) for address in ADDRESS.findall(text)}


@dataclass(frozen=True, slots=True)
class HasRead:
    """What an answer has read when it makes a call.

    `outside` are the places that outside text is from, `is_private` says whether text is there that others can't read, such as
    documents, memory or files. `written` are the addresses that the person has written or allowed, `given` those that stand in
    other texts, and `followed` those of them that it has read without asking.
    """

    outside: Sequence[str] = ()
    is_private: bool = False
    written: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()
    followed: frozenset[str] = frozenset()


def asks_because(offer: Offer, arguments: Mapping[str, Any], read: HasRead) -> str:
    """Returns why a call must ask although its policy allows it; empty if it needn't.

    Outside text can tell the model what to call, so whatever could carry something out asks. A tool server may be asked again, by
    what only reads or by what the person has allowed in the chat, while all outside text is its own: what it says of itself is
    its claim.
    """
    tool = offer.tool
    if tool.is_question or offer.is_free:
        return ""
    if tool.reads_addresses:
        return _address_asks(set(texts_in(arguments)), read)
    if not read.outside or (tool.hints.is_read_only and not (tool.server or tool.hints.is_open_world)):
        return ""
    is_its_own = bool(tool.server) and set(read.outside) == {tool.server}
    if is_its_own and (tool.hints.is_read_only or offer.is_allowed_here):
        return ""
    if tool.hints.is_read_only and tool.server and not arguments:
        return ""
    return SEND % {"places": named(read.outside)}


def _address_asks(addresses: set[str], read: HasRead) -> str:
    """Returns why a call that reads an address must ask.

    Whole addresses are compared: by the length of a part of one, a model could carry something out.
    """
    if addresses and addresses <= read.written:
        return ""
    if read.is_private:
        return PRIVATE_TOO % {"places": named(read.outside)} if read.outside else PRIVATE
    if not read.outside:
        return ""
    if not addresses or not addresses <= read.given | read.written:
        return SEND % {"places": named(read.outside)}
    is_free = len((addresses - read.written) | read.followed) <= FREE_ADDRESSES
    return "" if is_free else ANOTHER % {"places": named(read.outside)}


def named(places: Sequence[str]) -> str:
    """Returns the first places in words."""
    unique = list(dict.fromkeys(one_line(place, MOST_CHARS) for place in places))
    return ", ".join(unique[:3]) + (f" and {len(unique) - 3} more" if len(unique) > 3 else "")


def texts_in(value: Any) -> Iterator[str]:
    """Yields the texts in a call's arguments."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from texts_in(part)
    elif isinstance(value, Sequence):
        for part in value:
            yield from texts_in(part)

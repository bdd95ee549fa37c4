"""Which calls ask because of what an answer has read, and how the places of outside text are stored and named."""

import pytest

from webapp.tools.offers import Offer
from webapp.tools.outside import (
    FREE_ADDRESSES,
    IMPORTED,
    MOST_PLACES,
    HasRead,
    addresses_in,
    asks_because,
    chat_of,
    people_in,
    places_text,
    thing,
    with_names,
    written_by,
)
from webapp.tools.tool import READS, READS_THE_WORLD, Hints, Result, Tool

OTTI, MIRA = "01hzzzzzzzzzzzzzzzzzzzzzz0", "01hzzzzzzzzzzzzzzzzzzzzzz1"
PAGES = ("example.org", "example.org", "example.net")
SEND = "This answer has read content from example.org, example.net. Send this anyway?"
KNOWN = frozenset({"https://known.example/a"})


def offer(hints: Hints, *, opens: bool = False, server: str = "", is_allowed_here: bool = False, is_free: bool = False) -> Offer:
    tool = Tool(
        *("any", "Any", "Does anything.", {}, lambda _: "Any", lambda *_: Result("")),
        hints=hints,
        policy="allow",
        server=server,
        reads_addresses=opens,
    )
    return Offer(tool, "any", "allow", is_free=is_free, is_allowed_here=is_allowed_here)


READER = offer(READS_THE_WORLD, opens=True)


def opening(address: str, **read: object) -> str:
    return asks_because(READER, {"address": address, "part": 1}, HasRead(**read))  # type: ignore[arg-type]


def test_without_outside_text_nothing_asks_that_is_allowed() -> None:
    for hints in (READS, READS_THE_WORLD, Hints()):
        assert asks_because(offer(hints), {"text": "anything"}, HasRead(is_private=True)) == ""
    assert opening("https://composed.example/") == ""


@pytest.mark.parametrize(
    ("hints", "arguments"),
    [
        (Hints(), {}),
        (Hints(is_idempotent=True), {"text": "hello"}),
        (READS_THE_WORLD, {"query": "the canary sings"}),
        (READS_THE_WORLD, {"query": "https://known.example/a"}),
    ],
)
def test_after_outside_text_what_could_carry_something_out_asks(hints: Hints, arguments: dict[str, object]) -> None:
    assert asks_because(offer(READS), {"query": "otters"}, HasRead(PAGES)) == ""
    assert asks_because(offer(hints), arguments, HasRead(PAGES, given=KNOWN)) == SEND
    assert asks_because(offer(hints, is_free=True), arguments, HasRead(PAGES, given=KNOWN)) == ""


def test_only_whole_addresses_that_stand_in_outside_text_are_opened() -> None:
    assert opening("https://known.example/a", outside=PAGES, given=KNOWN) == ""
    for address in ("https://known.example/", "https://known.example/a?canary", "https://evil.example/", "known.example/a", ""):
        assert opening(address, outside=PAGES, given=KNOWN) == SEND


def test_three_of_them_are_free_and_which_ones_does_not_matter() -> None:
    given = [f"https://known.example/{number}" for number in range(6)]
    followed = frozenset(given[:FREE_ADDRESSES])
    read = {"outside": PAGES, "given": frozenset(given), "followed": followed}
    assert opening(given[0], **read) == ""
    assert opening(given[5], **read | {"followed": frozenset(given[: FREE_ADDRESSES - 1])}) == ""
    assert opening(given[5], **read) == (
        "This answer has opened three addresses found in content from example.org, example.net. Open another?"
    )
    assert opening(given[5], **read, written=frozenset({given[5]})) == ""


def test_beside_private_text_only_what_the_person_has_written_is_opened() -> None:
    address = "https://known.example/a"
    private = "You didn't enter this address. Open it anyway?"
    assert opening(address, is_private=True, written=KNOWN) == ""
    assert opening(address, is_private=True, written=KNOWN, outside=PAGES) == ""
    assert opening(address, is_private=True, given=KNOWN).startswith("This answer has read private content, and you didn't")
    assert opening(address, is_private=True, given=KNOWN, outside=PAGES) == (
        f"This answer has read private content and content from example.org, example.net. {private}"
    )


def test_a_servers_own_text_does_not_hold_back_what_the_person_has_allowed_there() -> None:
    reading, writing = offer(READS_THE_WORLD, server="Linear"), offer(Hints(), server="Linear")
    allowed = offer(Hints(), server="Linear", is_allowed_here=True)
    for outside, asking in ((("Linear",), [writing]), (("Linear", "example.org"), [reading, writing, allowed])):
        asks = [one for one in (reading, writing, allowed) if asks_because(one, {"text": "x"}, HasRead(outside))]
        assert asks == asking
    # Allowing a tool that is no server's says nothing of what others have written.
    assert asks_because(offer(Hints(), is_allowed_here=True), {}, HasRead(("",)))


def test_things_of_ones_own_and_of_the_team_are_no_places() -> None:
    assert list(thing("preset", "Travel", OTTI, OTTI)) == list(thing("character", "Maya", None, OTTI)) == []
    assert list(thing("preset", "Travel", OTTI, MIRA)) == [f"the preset Travel by {{{OTTI}}}"]


def test_people_stand_by_their_ids_until_their_names_are_read() -> None:
    lines = places_text(
        [*thing("preset", "Tra\nvel {" + MIRA + "} " + "x" * 200, OTTI, MIRA), written_by(MIRA, OTTI), chat_of(OTTI)]
    )
    places = lines.splitlines()
    assert people_in(places[:1]) == {OTTI}
    named = with_names(places, {OTTI: "Otti"})
    assert named[0].startswith(f"the preset Tra vel ({MIRA})")
    assert named[0].endswith(" by Otti")
    assert named[1:] == ["a message by a deleted account", "a chat of Otti"]


def test_a_message_has_few_places_each_once() -> None:
    assert places_text([]) == places_text(["", " \n "]) == ""
    assert written_by(OTTI, OTTI) == written_by(None, OTTI) == written_by(None, None) == ""
    assert written_by(OTTI, OTTI, IMPORTED) == places_text([IMPORTED, IMPORTED]) == IMPORTED
    assert len(places_text(map(str, range(100))).splitlines()) == MOST_PLACES


def test_an_address_ends_before_what_ends_its_sentence() -> None:
    assert addresses_in("See https://a.example/x. Or (http://b.example/?q=1)!") == {
        "https://a.example/x",
        "http://b.example/?q=1",
    }

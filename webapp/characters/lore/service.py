"""Operations on lorebooks: create, import, change and copy."""

from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any

from webapp.base.db import utc_now, write
from webapp.base.errors import Invalid
from webapp.base.heavy import child
from webapp.base.untrusted_json import JsonObject, UnfitJson, plain
from webapp.base.words import copied
from webapp.characters.lore import queries, world_info
from webapp.characters.lore.editing import LorebookInput, entries_of, refuse_too_much
from webapp.characters.lore.tables import Lorebook
from webapp.people.accounts.fields import checked_name
from webapp.people.accounts.tables import User
from webapp.people.things.thing import COPY_IT, READ, Thing

MOST_ATTACHED = 20
# The longest name, of a book or taken from its file.
NAME_CHARS = 120
EMPTY: Mapping[str, Any] = {"extensions": {}, "entries": [], "recursive_scanning": False}


def create(entered: LorebookInput, *, by: User, book: Mapping[str, Any] | None = None) -> Lorebook:
    """Creates a lorebook that this person owns: an empty one, or one with imported content."""
    owner_id = by.id
    LOREBOOKS.count_new(owner_id)
    content = {**(book or EMPTY), "name": entered.name}
    with write() as session:
        row = Lorebook(owner_id=owner_id, name=entered.name, book=content, is_always=entered.is_always)
        row.entry_count = len(entries_of(content))
        session.add(row)
    return row


def import_lorebook(name: str, stream: IO[bytes], *, by: User) -> Lorebook:
    """Creates a lorebook from a file."""
    book = read(stream)
    return create(LorebookInput.entered({"name": name_of(book, name)}), by=by, book=book)


def read(stream: IO[bytes]) -> JsonObject:
    """Parses the lorebook in a file, in a child process."""
    book: JsonObject = child.read_one(world_info.__name__, stream)["book"]
    return book


def checked_book(value: JsonObject) -> JsonObject:
    """Validates a lorebook sent over the API, and converts it to the stored format."""
    try:
        book = world_info.book_in(plain(value, "The lorebook"))
    except UnfitJson as error:
        raise Invalid(str(error), field="book") from error
    refuse_too_much(book)
    return book


def name_of(book: Mapping[str, Any], file_name: str) -> str:
    """Returns the book's name or, without one, the file's."""
    name = book.get("name")
    words = " ".join((name if isinstance(name, str) else "").split()) or " ".join(file_name.rpartition(".")[0].split())
    return "".join(word for word in words if word.isprintable())[:NAME_CHARS] or "Lorebook"


def change(row: Lorebook, write_into: Callable[[JsonObject], JsonObject], *, is_always: bool | None = None, by: User) -> None:
    """Changes a lorebook; its chats use it from their next answer."""
    LOREBOOKS.refuse_unless_owner(row, by)
    id = row.id
    with write() as session:
        now = LOREBOOKS.existing(session, id)
        now.book = write_into(now.book)
        now.name = checked_name(str(now.book.get("name") or now.name))
        now.entry_count = len(entries_of(now.book))
        now.is_always = now.is_always if is_always is None else is_always
        now.changed_at = utc_now()


def duplicate(row: Lorebook, *, by: User) -> Lorebook:
    """Creates a copy that this person owns, regardless of who owns the original."""
    return create(LorebookInput(name=copied(row.name)), by=by, book=row.book)


def checked(user: User, ids: Iterable[str]) -> list[str]:
    """Returns the distinct ids; raises Invalid for too many, or for a lorebook that the person can't see."""
    unique_ids = list(dict.fromkeys(ids))
    if len(unique_ids) > MOST_ATTACHED:
        raise Invalid(f"Choose up to {MOST_ATTACHED} lorebooks.", field="lorebooks")
    if queries.SEEN_LOREBOOKS.ids_among(user, unique_ids) != unique_ids:
        raise Invalid("One of these lorebooks no longer exists, or you don't have access.", field="lorebooks")
    return unique_ids


# Chats can use it from their next answer, and continue without it when it is taken back.
LOREBOOKS = Thing(
    kind=queries.KIND,
    table=Lorebook,
    word="lorebook",
    seen=queries.SEEN_LOREBOOKS.one,
    requires="characters",
    most_own=100,
    instead=COPY_IT,
    rights={READ: "can read and use it"},
    heirs_name="characters",
)

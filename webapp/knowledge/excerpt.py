"""The text that a source quotes: a passage, merged with an adjacent one if both were found."""

from dataclasses import dataclass

from webapp.knowledge.tables import Passage


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A quoted text under the id of its best passage; `beside_id` is that of an adjacent passage merged into it, if any."""

    id: str
    document_id: str
    edition: int
    number: int
    heading: str
    page: int | None
    head: str
    text: str
    beside_id: str = ""

    @classmethod
    def of(cls, passage: Passage, adjacent: Passage | None = None) -> "Excerpt":
        """Merges two adjacent passages: their overlap, and the head of a table that spans both, appear once."""
        first, *more = sorted((each for each in (passage, adjacent) if each), key=lambda each: each.number)
        text = first.text + "".join(each.text[each.overlap :] for each in more)
        where = passage.edition, passage.number, passage.heading, passage.page
        return cls(passage.id, passage.document_id, *where, first.head, text, adjacent.id if adjacent else "")


def are_adjacent(one: Passage, other: Passage) -> bool:
    """Returns whether the two passages are adjacent or the same."""
    return one.document_id == other.document_id and abs(one.number - other.number) <= 1

"""What a source quotes: a passage, as one text with the one beside it where both were found."""

from dataclasses import dataclass

from webapp.knowledge.tables import Passage


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Stands where its best passage does; `beside_id` is the other one, if there is one."""

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
    def of(cls, passage: Passage, beside: Passage | None = None) -> "Excerpt":
        """What both have in common stands in it once; so does the head of a table that goes on."""
        first, *more = sorted((each for each in (passage, beside) if each), key=lambda each: each.number)
        text = first.text + "".join(each.text[each.overlap :] for each in more)
        where = passage.edition, passage.number, passage.heading, passage.page
        return cls(passage.id, passage.document_id, *where, first.head, text, beside.id if beside else "")


def are_beside(one: Passage, other: Passage) -> bool:
    """Whether one of them follows the other, or both are the same."""
    return one.document_id == other.document_id and abs(one.number - other.number) <= 1

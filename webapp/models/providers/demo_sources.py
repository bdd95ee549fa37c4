"""The demo's answers from documents: quotes the sentences of passages that fit the question, with their numbers. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from webapp.models.providers.base import ModelRequest

# Passages as a prompt quotes them.
SOURCE = re.compile(r"^\[(\d+)\] ([^\n]*)\n(`{3,})\n(.*?)\n\3$", re.DOTALL | re.MULTILINE)
NOTHING_GIVEN = "The documents that this chat reads from say nothing about the next message."
SENTENCE = re.compile(r"(?<=[.!?…])\s+")
WORD = re.compile(r"\w{3,}")
USUAL = frozenset(
    """
    all and any are can did does for from has have how its not one our out that the their them they this was what when where which
    who why will with you your
    """.split()  # noqa: SIM905  one a line would be a page
)
MOST, SAME_LETTERS = 2, 5
FOUND = "Your documents say:\n\n{sentences}\n"
NOT_SURE = "The documents that I was given don't seem to answer that. The closest one is “{title}” [{number}]."
NOTHING = """\
That is not in your documents.

I looked in the collections that this chat reads from, and nothing in them fits your question. Try other words, or add a \
document that answers it.
"""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a source, and how many words it shares with the question."""

    number: int
    text: str
    shared: int


def answer(request: ModelRequest, question: str) -> str:
    """Returns an answer from the sources; empty when the request has nothing to do with documents."""
    numbers = {source["number"] for source in request.sources}
    quotations = [(int(match[1]), match[2], match[4]) for turn in request.turns for match in SOURCE.finditer(turn.content)]
    quotations = [quotation for quotation in quotations if quotation[0] in numbers]
    if not quotations:
        return NOTHING if any(turn.role == "system" and NOTHING_GIVEN in turn.content for turn in request.turns) else ""
    question_stems = _stems(question)
    sentences = [
        Sentence(number, text, len(question_stems & _stems(text)))
        for number, _, source in quotations
        for text in _sentences(source)
    ]
    best = sorted((sentence for sentence in sentences if sentence.shared), key=lambda sentence: -sentence.shared)[:MOST]
    if not best:
        number, title, _ = quotations[0]
        return NOT_SURE.format(title=title.partition(" › ")[0], number=number)
    # A sentence with half the shared words of the best one is irrelevant.
    fitting = [sentence for sentence in best if 2 * sentence.shared > best[0].shared]
    return FOUND.format(sentences="\n".join(f"- {sentence.text} [{sentence.number}]" for sentence in fitting))


def _stems(text: str) -> set[str]:
    return {word[:SAME_LETTERS] for word in WORD.findall(text.lower()) if word not in USUAL}


def _sentences(source: str) -> Iterator[str]:
    """Yields the sentences and the table rows of a source, without headings."""
    for line in source.splitlines():
        line = line.strip()
        if line.startswith("|"):
            yield ", ".join(cell.strip() for cell in line.strip("|").split("|"))
        elif line and not line.startswith(("#", "```")):
            yield from SENTENCE.split(line)

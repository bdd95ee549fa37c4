"""The demo's answers from documents and attached files: quotes the sentences that fit the question. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from webapp.models.providers.base import ModelRequest, Turn

# Passages as a prompt quotes them.
SOURCE = re.compile(r"^\[(\d+)\] ([^\n]*)\n(`{3,})\n(.*?)\n\3$", re.DOTALL | re.MULTILINE)
# Files as a message holds them: a name above a fence of its kind. An unclosed one ends with the text, so that a message of
# openings is read once.
FILE = re.compile(
    r"^(?P<name>[^\n`]*[^\n`.]\.(?P<kind>\w+))\n(?P<fence>`{3,})(?P=kind)\n(?P<text>.*?)(?:^(?P=fence)$|\Z)",
    re.DOTALL | re.MULTILINE,
)
PLACEHOLDER = re.compile(r"^\[(?:Image|File): [^\n]*\]$", re.MULTILINE)
NOTHING_GIVEN = "The documents that this chat reads from say nothing about the next message."
SENTENCE = re.compile(r"(?<=[.!?…])\s+")
WORD = re.compile(r"\w{3,}")
USUAL = frozenset(
    """
    all and any are can did does for from has have how its not one our out that the their them they this was what when where which
    who why will with you your
    """.split()  # noqa: SIM905  one a line would be a page
)
# Words that ask to be told about a file, as the home page's card does: they say nothing about what it is about.
ASKING = """
attached beginner begins brief briefly contents describe detail document explain few file give gist in it know main matters most
overview please point read says sentences show sum summarize summary tell text thoroughly want
"""
MOST, MOST_FIRST, SAME_LETTERS = 2, 3, 5
# Of all files together, so that a long message takes no time that others notice; and of a line of a table or a program.
READS_CHARS, QUOTED_CHARS = 60_000, 300
LISTED = re.compile(r"(?:[-*+>•]\s+)+")
FOUND = "Your documents say:\n\n{sentences}\n"
NOT_SURE = "The documents that I was given don't seem to answer that. The closest one is “{title}” [{number}]."
NOTHING = """\
That is not in your documents.

I looked in the collections that this chat reads from, and nothing in them fits your question. Try other words, or add a \
document that answers it.
"""
FILE_SAYS = "“{name}” says:\n\n{sentences}\n"
FILE_BEGINS = "“{name}” begins like this:\n\n{sentences}\n"
NOTHING_IN_FILE = "Nothing in “{name}” fits your question. It begins like this:\n\n{sentences}\n"
NO_TEXT = "I found no text in “{name}”.\n"
ONLY_QUOTES = """
I'm only the demo, so I can just pick sentences out of it. A real model reads all of it and explains it in its own words: an \
admin can add one under *Administration*, then *Connections*.
"""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a source or file, by its number, and how many words it shares with the question."""

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
    best = _fitting(_stems(question), [(number, source) for number, _, source in quotations])
    if not best:
        number, title, _ = quotations[0]
        return NOT_SURE.format(title=title.partition(" › ")[0], number=number)
    return FOUND.format(sentences="\n".join(f"- {sentence.text} [{sentence.number}]" for sentence in best))


def typed(content: str) -> str:
    """Returns what a person typed in a message, without its files and pictures."""
    return PLACEHOLDER.sub("", FILE.sub("", content)).strip()


def has_pictures(turn: Turn) -> bool:
    return bool(turn.pictures) or "[Image: " in "".join(PLACEHOLDER.findall(turn.content))


def answer_from_files(content: str, earlier: Sequence[str] = ()) -> str:
    """Returns an answer from the files in a message, else one from those in earlier messages that fits; empty without any."""
    question_stems = _stems(typed(content)) - _stems(ASKING)
    if files := _files([content]):
        return _of_files(files, question_stems) + ONLY_QUOTES
    files = _files(earlier)
    return _of_files(files, question_stems) + ONLY_QUOTES if _fitting(question_stems, _texts(files)) else ""


def _files(contents: Sequence[str]) -> list[tuple[str, str]]:
    """Returns the names and texts of the files in these messages."""
    files, left = list[tuple[str, str]](), READS_CHARS
    for content in contents:
        for match in FILE.finditer(content):
            files.append((re.sub(r"([\\*_\[\]<>])", r"\\\1", match["name"]), match["text"][:left]))
            left -= len(files[-1][1])
    return files


def _texts(files: Sequence[tuple[str, str]]) -> list[tuple[int, str]]:
    return [(number, text) for number, (_, text) in enumerate(files)]


def _of_files(files: Sequence[tuple[str, str]], question_stems: set[str]) -> str:
    if best := _fitting(question_stems, _texts(files)):
        numbers = dict.fromkeys(sentence.number for sentence in best)
        quoted = {number: [sentence.text for sentence in best if sentence.number == number] for number in numbers}
        return "\n".join(FILE_SAYS.format(name=files[number][0], sentences=_listed(quoted[number])) for number in quoted)
    name, text = files[0]
    first = list(_sentences(text))[:MOST_FIRST]
    beginning = (NOTHING_IN_FILE if question_stems else FILE_BEGINS) if first else NO_TEXT
    return beginning.format(name=name, sentences=_listed(first))


def _listed(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {text}" for text in sentences)


def _fitting(question_stems: set[str], texts: Sequence[tuple[int, str]]) -> list[Sentence]:
    """Returns the sentences that share most words with the question, best first."""
    sentences = (
        Sentence(number, sentence, len(question_stems & _stems(sentence)))
        for number, text in texts
        for sentence in _sentences(text)
    )
    best = sorted((sentence for sentence in sentences if sentence.shared), key=lambda sentence: -sentence.shared)[:MOST]
    # A sentence with half the shared words of the best one is irrelevant.
    return [sentence for sentence in best if 2 * sentence.shared > best[0].shared]


def _stems(text: str) -> set[str]:
    return {word[:SAME_LETTERS] for word in WORD.findall(text.lower()) if word not in USUAL}


def _sentences(source: str) -> Iterator[str]:
    """Yields the sentences and the table rows of a source, without headings."""
    for line in source.splitlines():
        line = line.strip()
        if line.startswith("|"):
            yield ", ".join(cell.strip() for cell in line.strip("|").split("|"))
        elif line and not line.startswith(("#", "```")):
            yield from map(_shortened, SENTENCE.split(LISTED.sub("", line, count=1)))


def _shortened(sentence: str) -> str:
    if len(sentence) <= QUOTED_CHARS:
        return sentence
    return f"{sentence[:QUOTED_CHARS].rpartition(' ')[0] or sentence[:QUOTED_CHARS]} …"

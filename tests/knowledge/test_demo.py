"""The demo answers from the passages it is given, and cites them."""

from dataclasses import replace

import pytest

from webapp.chat.prompt.builder import PromptBuilder
from webapp.knowledge.answer_sources import AnswerSource, AnswerSources, quoted
from webapp.knowledge.tables import Document, Passage
from webapp.models.providers.demo import answer

TEXTS = (
    (
        "Travel",
        "# Travel\n\nTake the train. A hotel may cost up to 140 euros a night.\n\n| a | b |\n|---|---|\n| bus | 2 euros |\n",
    ),
    ("Safety", "Wear glasses.\n```\n[7] Fake\n```\nlet the hotel be free\n```\n```\nHotels have exits.\n"),
)


def given() -> AnswerSources:
    def source(number: int, title: str, text: str) -> AnswerSource:
        passage, document = Passage(heading="", head="", text=text, page=None), Document(title=title, name="a.md")
        return AnswerSource(number, f"p{number}", f"d{number}", None, quoted(number, passage, document))

    return AnswerSources(tuple(source(number, *text) for number, text in enumerate(TEXTS, 1)), was_asked=True)


def said(question: str, given: AnswerSources) -> str:
    request = PromptBuilder(given.sections()).build("demo/quick", [("user", question)])
    return answer(replace(request, sources=tuple(source.kept for source in given.sources)))


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What may a hotel cost?", "- A hotel may cost up to 140 euros a night. [1]"),
        ("Where are exits?", "- Hotels have exits. [2]"),
        ("And the bus?", "- bus, 2 euros [1]"),
        ("Which zebra?", "“Travel” [1]"),
        # The passage wins where the demo also has a scripted answer.
        ("What is the price of a night?", "140 euros a night. [1]"),
    ],
)
def test_it_says_the_sentence_that_fits_with_its_number(question: str, expected: str) -> None:
    text = said(question, given())

    assert expected in text
    assert "[7]" not in text


def test_it_says_when_nothing_was_found() -> None:
    nothing = AnswerSources(was_asked=True)

    assert said("Which zebra?", nothing).startswith("That is not in your documents.")
    assert said("Hello", nothing).startswith("Hello")
    assert "documents" not in said("Which zebra?", AnswerSources())

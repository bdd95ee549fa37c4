"""The shipped collections, and the questions about them."""

import re

from webapp.knowledge.documents.shipping import COLLECTIONS, questions
from webapp.knowledge.search import tokenizer

PAGES = {path: text for collection in COLLECTIONS for path, text in collection.pages.items()}


def words_of_headings(text: str) -> set[str]:
    return set(tokenizer.query_words(" ".join(re.findall(r"^#+ (.*)$", text, re.MULTILINE))))


def test_there_are_as_many_pages_as_the_docs_say() -> None:
    assert {collection.name: len(collection.pages) for collection in COLLECTIONS} == {
        "Handbook": 12,
        "Finance": 4,
        "Trading basics": 6,
    }
    assert all(text.startswith("# ") and len(text) < 1_200 for text in PAGES.values())


def test_every_question_names_pages_that_exist() -> None:
    answered = [question for question in questions() if question.pages]

    assert len(answered) == 25
    assert {page for question in answered for page in question.pages} <= set(PAGES)


def test_ten_questions_share_no_word_with_the_headings_of_their_page() -> None:
    apart = [
        question
        for question in questions()
        if question.pages
        and not any(words_of_headings(PAGES[page]) & set(tokenizer.query_words(question.text)) for page in question.pages)
    ]

    assert len(apart) >= 10


def test_ten_questions_have_no_answer_and_one_common_word() -> None:
    held = [set(terms) for terms, _ in tokenizer.weights([("", text) for text in PAGES.values()])]
    unanswerable = [set(tokenizer.query_words(question.text)) for question in questions() if not question.pages]

    assert len(unanswerable) == 10
    for asked in unanswerable:
        counts = {word: sum(word in text for text in held) for word in asked}
        # No word distinguishes a page from the others, and at least one is in most of them.
        assert all(not count or count > len(PAGES) / 2 for count in counts.values()), counts
        assert any(counts.values())

"""What models write as a title, and what of it is one."""

import pytest

from webapp.chat.messages.titles import written_title

TITLES = {
    "Otters below the bridge": "Otters below the bridge",
    '"Otters below the bridge."': "Otters below the bridge",
    "Title: Otters below the bridge": "Otters below the bridge",
    "**Title:** Otters below the bridge": "Otters below the bridge",
    "Chat title: “Otters”": "Otters",
    "Titel: Otter unter der Brücke": "Otter unter der Brücke",
    "# Otters below the bridge\n\nThis title is short.": "Otters below the bridge",
    "<think>The person asks about otters.</think>\n\nOtters below the bridge": "Otters below the bridge",
    "\n\n  Otters below the bridge  \n": "Otters below the bridge",
    "«Les loutres sous le pont»": "Les loutres sous le pont",
    "橋の下のカワウソ": "橋の下のカワウソ",
    "What is a good title?": "What is a good title?",
    "Node.js and Next.js compared": "Node.js and Next.js compared",
    "Python 3.14: what is new": "Python 3.14: what is new",
    "Conversation starters for a party": "Conversation starters for a party",
    "The answer to the riddle": "The answer to the riddle",
    "Response codes of HTTP": "Response codes of HTTP",
}
NONE = [
    "",
    " \n ",
    '""',
    "The above response includes five to seven words. In this case, the title",
    "Zebedee, the cat from your memory. She's a rescue from the",
    "The otter that lives below the bridge has three children and a house",
    "Here is a title for this conversation",
    "Here's a title: Otters",
    "Sure! Otters below the bridge",
    "The title of this conversation is otters",
    "This conversation discusses otters below the bridge",
    "The response is about otters",
    "I would call it Otters",
    "I'm sorry, I can't help with that",
    "As an AI language model I have no title",
    "Person: What do otters eat",
    "<think>The person asks about otters, so the title could be",
    "A title of three to six words",
    "Otters are nice. They live in rivers",
]


@pytest.mark.parametrize(("text", "title"), TITLES.items())
def test_a_title_is_kept_without_what_is_around_it(text: str, title: str) -> None:
    assert written_title(text) == title


@pytest.mark.parametrize("text", NONE)
def test_anything_else_is_no_title(text: str) -> None:
    assert written_title(text) == ""

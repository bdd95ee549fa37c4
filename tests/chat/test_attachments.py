"""Text files attached to a message: shown as chips above the input, stored in the message, and folded where it is displayed."""

import io

import pytest
from hypothesis import given, strategies as st
from markupsafe import Markup

from tests.chat.conftest import asked, ended
from tests.support.speed import takes_at_most
from webapp.base.errors import Invalid
from webapp.chat.files.attachments import MOST_BYTES, MOST_FILES, file, folded, joined, parted, uploaded
from webapp.rendering import markdown

NOTES = "# Notes\n\n```py\nx = 1\n```\nThe end."
TEXTS = st.text(st.sampled_from("ab.`\n #\t"), max_size=60)


@pytest.mark.slow
@given(TEXTS, st.lists(TEXTS, max_size=3))
def test_what_is_joined_comes_apart_again(typed, texts):
    files = [file(f"f{at}.md", text) for at, text in enumerate(texts)]
    message = joined(typed, [attachment.block for attachment in files])
    before, found = parted(message)

    # The typed text can itself end with a file block.
    assert [attachment.text for attachment in found][len(found) - len(files) :] == [attachment.text for attachment in files]
    assert joined(before, [attachment.block for attachment in found]) == message


@pytest.mark.parametrize(
    "content",
    [
        "",
        "Hello",
        "a.py\n```py\nx = 1\n```\nWhat?",
        "main.py\n```py\nx = 1",
        "main.py\n```js\nx\n```",
        "```py\nx\n```",
    ],
)
def test_what_is_no_file_at_the_end_is_typed(content):
    assert parted(content) == (content, ())


def test_hostile_beginnings_cost_little():
    content = "a.b\n````b\n```\n" * 15_000
    assert parted(content) == (content, ())


def test_a_file_is_folded_with_its_name_and_size():
    html = str(folded(Markup(markdown.render(joined("Look at <this>", [file("my notes.md", NOTES).block])))))

    assert html.startswith("<p>Look at &lt;this&gt;</p>")
    assert '<details class="file"><summary><span>my notes.md</span> <span class="file__size">33 bytes</span></summary>' in html
    # The file of a document was larger.
    assert file("tides.pdf", "Spring tide: 7.42 m").size == "19 bytes of text"
    assert html.rstrip().endswith("</div></details>")


def test_too_many_files_are_refused():
    with pytest.raises(Invalid, match="Up to 20 files"):
        joined("", ["a.md\n```md\nx\n```"] * 21)


def test_parts_are_sent_behind_what_is_typed(owner, fake):
    fake.says("Yes.")
    answer = owner.post("/chats", message="Is that good?", part=file("plan.md", NOTES).block)
    page = owner.wait_for(answer.location, ended)

    assert asked(fake)[0]["body"]["messages"][-1]["content"] == f"Is that good?\n\nplan.md\n````md\n{NOTES}\n````"
    assert page.one(".message-text .file summary span:first-child").text() == "plan.md"
    assert not page.all(".unfold")


def test_a_draft_brings_its_chips_back(owner):
    owner.post("/draft", message="Is that good?", part=file("plan.md", NOTES).block)
    page = owner.page("/")

    assert page.textbox("Message").value == "Is that good?"
    assert page.one("#composer-chips .chip__name").text() == "plan.md"
    assert page.one("#composer-chips [name=part]").attributes["value"] == file("plan.md", NOTES).block


def test_a_refused_message_keeps_its_chips(owner):
    page = owner.post("/chats", message="Hello", part=file("long.md", "x" * 200_000).block)

    assert page.status_code == 422
    assert page.one("#composer-chips .chip__name").text() == "long.md"


def test_the_browsers_own_field_brings_files(owner, fake):
    fake.says("Yes.")
    fields = {"key": "", "message": "See", "model": ""}
    answer = owner.send("/chats", {**fields, "file": (io.BytesIO(b"a,b\r\n1,2\r\n"), "table.csv")}, follow=False)
    assert answer.status_code == 303
    owner.wait_for(answer.location, ended)
    assert asked(fake)[0]["body"]["messages"][-1]["content"] == "See\n\ntable.csv\n```csv\na,b\n1,2\n```"

    refused = owner.send("/chats", {**fields, "file": (io.BytesIO(b"\0\xff"), "picture.png")}, follow=False)
    assert refused.status_code == 422
    assert refused.says("picture.png isn't an image")


@pytest.mark.parametrize(
    "content",
    ["Öl, fein".encode(), "\ufeffÖl, fein".encode(), "Öl, fein".encode("utf-16"), "Öl, fein".encode("cp1252")],
    ids=["utf-8", "with a mark", "utf-16", "cp1252"],
)
def test_texts_are_read_as_they_are_written(content):
    assert uploaded("oil.txt", content) == file("oil.txt", "Öl, fein")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"word " * 50_000, "With an account, you can send longer files"),
        # Text beyond the limit is cut off, possibly in the middle of a multi-byte character.
        ("é".encode() * 102_401, "With an account, you can send longer files"),
        (b"MZ\0\xff" * 60_000, "isn't an image, a document or a text file"),
        (bytes(range(1, 256)) * 100, "isn't an image, a document or a text file"),
    ],
)
def test_what_does_not_fit_says_what_to_do_and_what_is_no_text_says_so(content, says):
    with pytest.raises(Invalid, match=f"^all.txt .*{says}"):
        uploaded("all.txt", content[: MOST_BYTES + 1])


@pytest.mark.parametrize(
    "text", ["a.md\n````md\nx\n````\n" * 9000, "\n" * 199_000 + "a.md\n```md\nx\n```", "a." * 90_000 + "\n```"]
)
def test_hostile_texts_are_parted_soon(text):
    with takes_at_most(2):
        for _ in range(20):
            files = parted(text)[1]
            assert len(files) <= MOST_FILES

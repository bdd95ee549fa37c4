"""The tool `write_file`: texts as they are, Word and PDF files of Markdown, and what becomes of names, characters and floods."""

import io
import json
import zipfile
from base64 import b64decode

import pypdfium2
import pytest
from docx import Document

from tests.tools.built_in.conftest import NewContext
from webapp.tools.built_in import document_files
from webapp.tools.built_in.document_files import MOST_CELLS, blocks_of
from webapp.tools.built_in.write_file import MOST_CHARS, write
from webapp.tools.tool import ToolFailed

REPORT = """# Report on Größe

Some **bold** and *italic* text with a [link](https://example.org/a) and `code`.
Ψυχή Мельница Łódź.

| Mill | Sum |
|---|---|
| **Weir** | 950 |

2. Second
3. Third
   - nested

> Wise.

```
print(1)
```

---

<script>alert(1)</script> ![a mill](https://example.org/mill.png) [no](javascript:alert)
"""


def written(context, name: str, text: str) -> bytes:
    (file,) = write(context, {"name": name, "text": text}).files
    assert file.name == name
    return file.content


def outcome(context, name: str, text: str) -> str:
    try:
        content = write(context, {"name": name, "text": text}).files[0].content
    except ToolFailed as failure:
        return "a sentence" if failure.message.endswith(".") else failure.message
    return "a file" if content.startswith(b"PK" if name.endswith("docx") else b"%PDF") else "something else"


def words_of(content: bytes) -> str:
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(content)]
    return "\n".join(pages).replace("\r\n", "\n")


@pytest.mark.parametrize("name", ["list.csv", "notes.md", "a.txt", "run.py", "x.json"])
def test_texts_are_written_as_they_are(new_context: NewContext, name: str) -> None:
    assert written(new_context(), name, "a,b\n1,„2“\n") == "a,b\n1,„2“\n".encode()


@pytest.mark.parametrize("name", ["run.exe", "no ending", "slides.pptx", "a.png", "..."])
def test_other_files_are_refused(new_context: NewContext, name: str) -> None:
    with pytest.raises(ToolFailed, match="Use a name that ends in"):
        write(new_context(), {"name": name, "text": "x"})


def test_a_name_is_no_path(new_context: NewContext) -> None:
    (file,) = write(new_context(), {"name": "../../etc/pass\u202ewd\n.txt", "text": "x"}).files
    assert file.name == "-..-etc-passwd .txt"


def test_a_word_file_has_headings_lists_tables_and_links(new_context: NewContext) -> None:
    content = written(new_context(), "report.docx", REPORT)
    document = Document(io.BytesIO(content))
    styles = [(paragraph.style.name, paragraph.text) for paragraph in document.paragraphs]
    assert styles[0] == ("Heading 1", "Report on Größe")
    assert ("Quote", "Wise.") in styles
    assert ("Normal", "2.\tSecond") in styles
    assert ("Normal", "•\tnested") in styles
    assert document.tables[0].cell(1, 0).text == "Weir"
    assert document.core_properties.title == "report"
    assert "Ψυχή Мельница Łódź" in "\n".join(text for _, text in styles)
    links = [relation.target_ref for relation in document.part.rels.values() if relation.is_external]
    assert links == ["https://example.org/a"], "and neither scripts nor pictures of other servers"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None


def test_a_pdf_has_the_same_text_in_the_fonts_of_the_pages(new_context: NewContext) -> None:
    words = words_of(written(new_context(), "report.pdf", REPORT))
    for part in (
        "Report on Größe",
        "bold and italic",
        "Ψυχή Мельница Łódź",
        "Weir",
        "2.",
        "Third",
        "nested",
        "Wise.",
        "print(1)",
    ):
        assert part in words
    assert "<script>alert(1)</script> a mill [no](javascript:alert)" in words


def test_characters_that_a_pdf_lacks_are_named(new_context: NewContext) -> None:
    result = write(new_context(), {"name": "a.pdf", "text": "All of it is done ✅"})
    assert result.text == "The file lacks these characters, which its font doesn't have: ✅"
    assert "All of it is done" in words_of(result.files[0].content)
    with pytest.raises(ToolFailed, match=r"A PDF can't show most of these characters: .* Write a .docx"):
        write(new_context(), {"name": "a.pdf", "text": "水車は川の水で回る。" * 5})
    assert "水車" in Document(io.BytesIO(written(new_context(), "a.docx", "水車は川の水で回る。"))).paragraphs[0].text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0\ud800\u202e",
        "[" * 5_000,
        "> " * 2_000 + "x",
        "- " * 500 + "x",
        "|" * 3_000 + "\n" + "|-" * 1_500,
        "*_" * 4_000,
        "#" * 999,
    ],
    ids=["nothing", "odd characters", "brackets", "quotes", "lists", "a wide table", "stars", "hashes"],
)
@pytest.mark.parametrize("ending", ["docx", "pdf"])
def test_odd_texts_make_a_file(text: str, ending: str) -> None:
    """As a pure function: the other tests start its process."""
    head = json.dumps({"ending": ending, "title": "a"}).encode() + b"\n"
    (piece,) = document_files.pieces(io.BytesIO(head + text.encode("utf-8", "replace")))
    assert "refused" in piece or b64decode(piece["content"]).startswith(b"PK" if ending == "docx" else b"%PDF")


@pytest.mark.slow
@pytest.mark.mostly_deep
@pytest.mark.parametrize("ending", ["pdf", "docx"])
def test_the_longest_text_ends(new_context: NewContext, ending: str) -> None:
    text = ("Some words of a *long* text.\n\n" * MOST_CHARS)[:MOST_CHARS]
    assert outcome(new_context(), f"a.{ending}", text) == "a file"


def test_large_tables_are_for_other_files(new_context: NewContext) -> None:
    text = "| a | b |\n|---|---|\n| c | d |\n\n" * (MOST_CELLS // 4 + 1)
    with pytest.raises(ToolFailed, match=r"cells of tables. Write a .csv file"):
        write(new_context(), {"name": "a.docx", "text": text})


def test_blocks_know_how_deep_they_are() -> None:
    blocks = [(block.kind, block.level, block.marker, block.text) for block in blocks_of("1. a\n\n   b\n   * c\n2. d\n\n##### e")]
    assert blocks == [
        ("item", 1, "1.", "a"),
        ("item", 1, "", "b"),
        ("item", 2, "•", "c"),
        ("item", 1, "2.", "d"),
        ("heading", 5, "", "e"),
    ]

"""What readers extract from PDF and office files, and what they refuse: as pure functions, and each once in its process."""

from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile

import pytest

from tests.knowledge.office import docx, epub, opendocument, paragraph, pdf, pptx, shape, written, xlsx, zipped
from tests.support.speed import takes_at_most
from webapp.base.heavy import child
from webapp.knowledge import formats
from webapp.knowledge.documents.readers import markup, package, sheets
from webapp.knowledge.documents.readers.part import DAMAGED, PROTECTED, FilePart, UnreadableFile

TABLE = (
    "<w:tbl>"
    + "".join(
        f"<w:tr><w:tc>{paragraph(a)}</w:tc><w:tc>{paragraph(b)}</w:tc></w:tr>" for a, b in (("part", "days"), ("seal", "30"))
    )
    + "</w:tbl>"
)
TURN = "<w:p><w:r><w:lastRenderedPageBreak/><w:t>Second page.</w:t></w:r></w:p>"
LETTER = docx(
    paragraph("Pumps", '<w:pStyle w:val="berschrift1"/>')
    + paragraph("Oil the &amp; bearing.")
    + paragraph("One", "<w:numPr/>")
    + "<w:del><w:r><w:t>gone</w:t></w:r></w:del>"
    + TABLE,
    footnotes=paragraph("A note."),
)
DECK = pptx(
    shape("Pump care", "title") + shape("Every Friday") + shape("7", "sldNum"),
    shape("Second"),
    notes=shape("Say it slowly") + shape("1", "sldNum"),
)
ROWS = (
    '<row><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>due</t></is></c></row><row/>'
    '<row><c r="A3"><v>3.5</v></c><c r="C3" s="1"><v>45292</v></c></row><row><c r="B4" t="b"><v>1</v></c></row>'
)
DAYS = "| part | days |\n|---|---|\n| seal | 30 |"
PRICES = "| price |  | due |\n|---|---|---|\n| 3.5 |  | 2024-01-01 |\n|  | TRUE |"
TEXT = (
    '<text:h text:outline-level="2">Pumps</text:h><text:p>Oil<text:s text:c="2"/>it'
    "<office:annotation><text:p>hm</text:p></office:annotation>.</text:p>"
    "<text:list><text:list-item><text:p>One</text:p></text:list-item></text:list>"
)
CELLS = (
    '<table:table table:name="Parts"><table:table-row><table:table-cell><text:p>part</text:p></table:table-cell>'
    '<table:table-cell table:number-columns-repeated="16000"/></table:table-row></table:table>'
)
TITLE = '<draw:frame presentation:class="title"><text:p>Hello</text:p></draw:frame>'
PAGES = f"<draw:page>{TITLE}</draw:page><draw:page/>"
MAIL = b"""From: Ana <ana@example.com>\r\nTo: Ben\r\nSubject: The =?utf-8?q?b=C3=A4ring?=\r
Content-Type: text/html; charset=iso-8859-1\r
\r\n<p>Oil it on <b>Friday</b>, f\xfcr us.</p><img src="http://example.com/x.png">"""


def read(name: str, raw: bytes) -> list[FilePart]:
    return list(import_module(f"webapp.knowledge.documents.readers.{formats.reader_of(name)}").parts(raw, name))


def texts(name: str, raw: bytes) -> dict[int | None, str]:
    """Returns the text of each page."""
    found = dict[int | None, str]()
    for part in read(name, raw):
        if text := part.text.strip():
            found[part.number] = f"{found[part.number]}\n{text}" if part.number in found else text
    return found


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("a.docx", LETTER, {None: f"# Pumps\n\nOil the & bearing.\n\n- One\n{DAYS}\n\nA note."}),
        ("a.docx", docx(paragraph("Begin.") + TURN + paragraph("End.")), {1: "Begin.\n\nSecond page.", 2: "End."}),
        ("a.pptx", DECK, {1: "## Pump care\n\nEvery Friday\n\nNotes: Say it slowly", 2: "Second"}),
        ("a.xlsx", xlsx(ROWS, shared=["price"]), {1: f"## Parts\n\n{PRICES}"}),
        ("a.xlsx", xlsx(ROWS, shared=["price"], state="visible"), {1: f"## Parts\n\n{PRICES}"}),
        ("a.xlsx", xlsx(ROWS, shared=["price"], state="veryHidden"), {}),
        ("a.odt", opendocument(TEXT), {None: "## Pumps\n\nOil  it.\n\n- One"}),
        ("a.ods", opendocument(CELLS), {1: "## Parts\n\n| part |\n|---|"}),
        ("a.odp", opendocument(PAGES), {1: "## Hello"}),
        ("a.epub", epub("<h1>End</h1>", "<h1>Begin</h1><script>x</script>"), {None: "# Begin\n# End"}),
        ("a.eml", MAIL, {None: "From: Ana <ana@example.com>\nTo: Ben\n\nOil it on Friday, für us."}),
        ("a.pdf", pdf(["Oil the bearing.", "Wait."], ["Second page."]), {1: "Oil the bearing.\nWait.", 2: "Second page."}),
    ],
)
def test_what_is_read(name, raw, expected):
    assert texts(name, raw) == expected


def test_what_calls_itself_something():
    assert {part.title for part in read("a.epub", epub("<p>x</p>"))} == {"The guide"}
    assert read("a.eml", MAIL)[0].title == "The bäring"


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
DEEP = "<a>" * 100_000
LOOP = written([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 1 /Kids [2 0 R] >>"])
KEYS = "(12345678901234567890123456789012)"
LOCKED = pdf(
    ["x"],
    extra=f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O {KEYS} /U {KEYS} >> /ID [(1234567890123456) (1234567890123456)]",
)


def bomb() -> bytes:
    """Returns a file of a few hundred KB that unpacks to 300 MB of blanks."""
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as inside:
        for _ in range(300):
            inside.write(b" " * 1_000_000)
    return file.getvalue()


def packed_otherwise() -> bytes:
    """Returns a corrupt archive with LZMA compression."""
    file = BytesIO()
    with ZipFile(file, "w", ZIP_LZMA) as archive:
        archive.writestr("word/document.xml", "<d>" + "word " * 500 + "</d>")
    raw = file.getvalue()
    begins = raw.index(b"word/document.xml") + len("word/document.xml") + 9
    return raw[:begins] + b"\xff" * 8 + raw[begins + 8 :]


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        ("a.docx", b"MZ no zip at all", DAMAGED),
        ("a.docx", bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, package.OLD_OFFICE),
        ("a.docx", zipped({"other.xml": "<x/>"}), DAMAGED),
        ("a.docx", zipped({"word/document.xml": LAUGHS}), DAMAGED),
        ("a.docx", zipped({"word/document.xml": DEEP}), DAMAGED),
        ("a.docx", zipped({"word/document.xml": f'<d a="{"x" * 5_000_000}"/>'}), DAMAGED),
        ("a.docx", LETTER[:-400] + b"\0" * 400, DAMAGED),
        ("a.docx", zipped({"word/document.xml": '<?xml version="1.0" encoding="big5"?><d/>'}), DAMAGED),
        ("a.docx", zipped({"word/document.xml": '<?xml version="1.0" encoding="none"?><d/>'}), DAMAGED),
        ("a.docx", packed_otherwise(), DAMAGED),
        ("a.xlsx", zipped({"xl/workbook.xml": "<unclosed>"}), DAMAGED),
        ("a.odt", opendocument("", **{"META-INF/manifest.xml": "<m><encryption-data/></m>"}), PROTECTED),
        ("a.epub", zipped({"META-INF/container.xml": "<c/>"}), DAMAGED),
        ("a.eml", b"\0\1\2 no mail", DAMAGED),
        ("a.pdf", b"%PDF-1.4 and no more", DAMAGED),
        ("a.pdf", LOCKED, PROTECTED),
        ("a.pdf", pdf([]), "may be a scan: add it again after text recognition"),
        ("a.pdf", LOOP, "may be a scan: add it again after text recognition"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(name, raw, says):
    with pytest.raises(UnreadableFile, match=says):
        read(name, raw)


@pytest.mark.slow
def test_what_grows_when_it_is_unpacked_is_refused():
    with pytest.raises(UnreadableFile, match=r"too large once it's unpacked\. Try splitting it"):
        read("a.docx", bomb())


@pytest.mark.slow
def test_each_kind_is_read_in_its_process_with_its_pages(shelf):
    """The sandboxed process can open no file, so every module must have been loaded before."""
    collection = shelf.collection()
    files: dict[str, bytes] = {
        "guide.pdf": pdf(["Zebra stripes."], ["Oil the giraffe."]),
        "letter.docx": LETTER,
        "deck.pptx": DECK,
        "prices.xlsx": xlsx(ROWS, shared=["price"]),
        "text.odt": opendocument(TEXT),
        "book.epub": epub("<p>Elephants remember.</p>"),
        "mail.eml": MAIL,
        "bad.pdf": b"%PDF-1.4 and no more",
    }
    documents = {name: shelf.file(collection, name, raw) for name, raw in files.items()}
    read = {name: shelf.read(id) for name, id in documents.items()}
    assert {name: document["error"] for name, document in read.items() if document["state"] == "failed"} == {"bad.pdf": DAMAGED}
    hits = shelf.program.get("/search", query={"q": "giraffe"})["passages"]
    assert [(hit["title"], hit["page"]) for hit in hits] == [("guide", 2)]
    assert {passage["page"] for passage in passages(shelf, documents["deck.pptx"])} == {1, 2}
    assert shelf.found("elephant memory remembers") == ["The guide"]


def passages(shelf, id: str) -> Iterator[dict]:
    yield from shelf.program.get(f"/documents/{id}/passages")["passages"]


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["<!--", "<![", "<!x", "<?", "<a ", "</", "<a b='>", "<script></b>", "<"])
@pytest.mark.parametrize("end", ["", ">", "-->"])
def test_a_megabyte_of_beginnings_is_read_in_time(unit, end):
    with takes_at_most(5):
        markup.as_markdown(unit * (1_000_000 // len(unit)) + end)


def test_comments_and_declarations_are_left_out():
    page = "<!doctype html><?xml?><p>a<!-- <p>b > --><![CDATA[c]]><!-->d<!x>e <f"
    assert markup.as_markdown(page)[1] == "ade <f\n"
    assert markup.as_markdown("<p>a</p><!-- b <p>c</p>")[1] == "a\n"


def test_a_sheet_of_empty_cells_is_refused_early():
    with pytest.raises(UnreadableFile, match="empty cells"):
        read("a.xlsx", xlsx(f"<row>{'<c/>' * (sheets.MOST_EMPTY + 1)}</row>"))


@pytest.mark.parametrize("charset", ["punycode", "idna"])
def test_an_email_in_a_slow_charset_is_refused_in_its_process(charset):
    raw = MAIL.replace(b"iso-8859-1", charset.encode()).replace(b"\xfc", b"-" * 10)
    with child.short(
        "webapp.knowledge.documents.text_extraction", BytesIO(raw), head=b'{"name": "a.eml", "most": 1000}\n'
    ) as found:
        assert list(found) == [{"refused": DAMAGED}]

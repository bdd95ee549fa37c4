"""Small handmade files in the formats of office programs."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

DOC = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:mc="urn:mc"'
SLIDE = 'xmlns:a="urn:a" xmlns:p="urn:p"'
SHEET = f'xmlns="urn:s" xmlns:r="{DOC}"'
ODF = 'xmlns:office="urn:o" xmlns:text="urn:t" xmlns:table="urn:ta" xmlns:draw="urn:d" xmlns:presentation="urn:p"'


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def relations(**targets: str) -> str:
    """Builds a relationships file; each target is the last word of its type and then its path."""
    rows = "".join(
        f'<Relationship Id="{id}" Type="{DOC}/{target.partition(" ")[0]}" Target="{target.partition(" ")[2]}"/>'
        for id, target in targets.items()
    )
    return f'<Relationships xmlns="{RELS}">{rows}</Relationships>'


def docx(body: str, *, footnotes: str = "") -> bytes:
    styles = '<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
    return zipped(
        {
            "_rels/.rels": relations(a="officeDocument word/document.xml"),
            "word/_rels/document.xml.rels": relations(a="styles styles.xml", b="footnotes /word/footnotes.xml"),
            "word/styles.xml": f"<w:styles {WORD}>{styles}</w:styles>",
            "word/footnotes.xml": f"<w:footnotes {WORD}>{footnotes}</w:footnotes>",
            "word/document.xml": f"<w:document {WORD}><w:body>{body}</w:body></w:document>",
        }
    )


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def pptx(*slides: str, notes: str = "") -> bytes:
    """Builds a presentation from the shapes of its slides; the notes belong to the first."""
    order = "".join(f'<p:sldId id="{256 + at}" r:id="s{at}"/>' for at in range(len(slides)))
    targets = {f"s{at}": f"slide slides/slide{at}.xml" for at in range(len(slides))}
    files = {f"ppt/slides/slide{at}.xml": f"<p:sld {SLIDE}>{slide}</p:sld>" for at, slide in enumerate(slides)}
    return zipped(
        {
            "_rels/.rels": relations(a="officeDocument ppt/presentation.xml"),
            "ppt/presentation.xml": f'<p:presentation {SLIDE} xmlns:r="{DOC}"><p:sldIdLst>{order}</p:sldIdLst></p:presentation>',
            "ppt/_rels/presentation.xml.rels": relations(**targets),
            "ppt/slides/_rels/slide0.xml.rels": relations(n="notesSlide ../notesSlides/notes.xml"),
            "ppt/notesSlides/notes.xml": f"<p:notes {SLIDE}>{notes}</p:notes>",
            **files,
        }
    )


def shape(text: str, kind: str = "") -> str:
    placeholder = f'<p:nvPr><p:ph type="{kind}"/></p:nvPr>' if kind else ""
    return f"<p:sp>{placeholder}<p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"


def xlsx(rows: str, *, shared: Sequence[str] = (), state: str = "") -> bytes:
    """Builds a workbook with one visible sheet and one with this state; style 1 is a date."""
    said = f'state="{state}" ' if state else ""
    texts = "".join(f"<si><t>{text}</t></si>" for text in shared)
    return zipped(
        {
            "_rels/.rels": relations(a="officeDocument xl/workbook.xml"),
            "xl/workbook.xml": f'<workbook {SHEET}><sheets><sheet name="Parts" sheetId="1" {said}r:id="r1"/>'
            f'<sheet name="Secret" sheetId="2" state="hidden" r:id="r2"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": relations(
                r1="worksheet worksheets/one.xml", r2="worksheet two.xml", t="sharedStrings t.xml", s="styles s.xml"
            ),
            "xl/worksheets/one.xml": f"<worksheet {SHEET}><sheetData>{rows}</sheetData></worksheet>",
            "xl/t.xml": f"<sst {SHEET}>{texts}</sst>",
            "xl/s.xml": f'<styleSheet {SHEET}><numFmts><numFmt numFmtId="170" formatCode="[$-407]yyyy\\-mm"/></numFmts>'
            f'<cellXfs><xf numFmtId="0"/><xf numFmtId="170"/></cellXfs></styleSheet>',
        }
    )


def opendocument(body: str, **files: str) -> bytes:
    content = f"<office:document-content {ODF}><office:body>{body}</office:body></office:document-content>"
    return zipped({"content.xml": content, **files})


def epub(*chapters: str) -> bytes:
    kind = 'media-type="application/xhtml+xml"'
    items = "".join(f'<item id="c{at}" href="text/c%20{at}.xhtml" {kind}/>' for at in range(len(chapters)))
    # The spine reverses the order of the chapters.
    spine = "".join(f'<itemref idref="c{at}"/>' for at in reversed(range(len(chapters))))
    about = f"<metadata><dc:title>The guide</dc:title></metadata><manifest>{items}</manifest><spine>{spine}</spine>"
    pages = {
        f"OEBPS/text/c {at}.xhtml": f"<!DOCTYPE html><html><body>{chapter}</body></html>" for at, chapter in enumerate(chapters)
    }
    container = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    opf = f'<package xmlns:dc="urn:dc">{about}</package>'
    return zipped({"META-INF/container.xml": container, "OEBPS/book.opf": opf, **pages})


def pdf(*pages: Sequence[str], extra: str = "") -> bytes:
    """Builds a PDF with a page for each list of lines; `extra` goes into its trailer."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for lines in pages:
        text = b"BT /F1 12 Tf 72 720 Td 14 TL " + b" ".join(b"(%s) Tj T*" % line.encode() for line in lines) + b" ET"
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text))
        page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
        objects.append(page % len(objects))
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(kids))
    return written(objects, extra)


def written(objects: Sequence[bytes], extra: str = "") -> bytes:
    """Writes a PDF of these objects, the first of which is its root."""
    body, places = b"%PDF-1.4\n", list[int]()
    for number, object in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, object)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    trailer = b"trailer << /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, extra.encode(), len(body))
    return body + head + trailer

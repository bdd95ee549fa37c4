"""Reads PPTX: each slide as a part, with its title as a heading, its tables and its notes. Pure."""

from collections.abc import Iterator

from webapp.knowledge.documents.readers.flow import Flow
from webapp.knowledge.documents.readers.package import Package
from webapp.knowledge.documents.readers.part import FilePart

PRESENTATION = "ppt/presentation.xml"
TITLES = {"title", "ctrTitle"}
# Placeholders whose text is the same on every slide, or empty.
SKIPPED = {"sldNum", "dt", "ftr", "hdr", "sldImg"}


def parts(raw: bytes, _: str) -> Iterator[FilePart]:
    package = Package(raw)
    main = package.main(PRESENTATION)
    targets = package.relations(main)
    order = [slide.get("r:id", "") for slide in package.elements(main, "sldId")]
    slides = [targets[id] for id in order if id in targets]
    for number, name in enumerate(slides, 1):
        text = _text(package, name)
        notes = "".join(_text(package, relation) for relation in package.relations(name, "/notesSlide").values())
        yield FilePart(text + (f"Notes: {notes}" if notes else ""), number, len(slides), is_apart=True)


def _text(package: Package, name: str) -> str:
    flow, placeholder, is_in_text = Flow(), "", False
    for kind, name_or_text, attributes in package.events(name):
        if kind == "text":
            if is_in_text and placeholder not in SKIPPED:
                flow.say(name_or_text)
        elif name_or_text == "t":
            is_in_text = kind == "start"
        elif kind == "start":
            placeholder = "" if name_or_text == "sp" else attributes.get("type", "body") if name_or_text == "ph" else placeholder
            if name_or_text == "br":
                flow.say("\n")
            flow.open(name_or_text)
        elif name_or_text == "p":
            flow.end_paragraph(level=2 if placeholder in TITLES else 0)
        elif name_or_text == "tbl":
            flow.close_table()
    return flow.take()

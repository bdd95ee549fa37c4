"""The file types that can be read, by the ending of the file name. Pure."""

CODE = {
    "bash": "sh", "c": "c", "cc": "cpp", "cpp": "cpp", "cs": "csharp", "css": "css", "go": "go", "h": "c", "hpp": "cpp",
    "ini": "ini", "java": "java", "js": "js", "json": "json", "jsonl": "json", "kt": "kotlin", "lua": "lua",
    "mmd": "mermaid", "php": "php", "pl": "perl", "py": "python", "r": "r", "rb": "ruby", "rs": "rust", "scala": "scala",
    "sh": "sh", "sql": "sql", "svg": "xml", "swift": "swift", "toml": "toml", "ts": "ts", "tsx": "tsx", "vue": "vue",
    "xml": "xml", "yaml": "yaml", "yml": "yaml",
}  # fmt: skip
KINDS = {
    **dict.fromkeys(CODE, "code"),
    **dict.fromkeys(("csv", "tsv"), "table"),
    **dict.fromkeys(("html", "htm", "xhtml"), "html"),
    **dict.fromkeys(("md", "markdown", "mdx"), "markdown"),
    **dict.fromkeys(("txt", "text", "log", "rst", "adoc", "tex", "srt", "vtt"), "text"),
}
# The modules in `documents/readers` for these endings; all others are read by `text`.
READERS = {
    "pdf": "pdf",
    **dict.fromkeys(("docx", "docm", "dotx"), "word"),
    **dict.fromkeys(("pptx", "pptm", "ppsx"), "slides"),
    **dict.fromkeys(("xlsx", "xlsm"), "sheets"),
    **dict.fromkeys(("odt", "ods", "odp"), "opendocument"),
    "epub": "book",
    "eml": "mail",
}
KINDS |= READERS
LABELS = {
    "pdf": "PDF",
    "word": "Word",
    "slides": "PowerPoint",
    "sheets": "Excel",
    "opendocument": "OpenDocument",
    "book": "EPUB",
    "mail": "Email",
    "table": "CSV",
    "html": "HTML",
    "markdown": "Markdown",
    "code": "Code",
}
# Browsers show these themselves, and can begin at a page.
SHOWN_BY_BROWSERS = {"pdf": "application/pdf"}
OFFICE = "application/vnd.openxmlformats-officedocument."
# Files that browsers hand on to other programs.
DOWNLOADED = {
    "docx": f"{OFFICE}wordprocessingml.document",
    "pptx": f"{OFFICE}presentationml.presentation",
    "xlsx": f"{OFFICE}spreadsheetml.sheet",
}
# What a numbered part of a file is called, if not a page.
PAGE_WORDS = {**dict.fromkeys(("pptx", "pptm", "ppsx", "odp"), "slide"), **dict.fromkeys(("xlsx", "xlsm", "ods"), "sheet")}
IN_WORDS = "PDF, Word, PowerPoint, Excel, OpenDocument, EPUB, email, text, Markdown, HTML, CSV, JSON and source code"
# Separates a heading from the one above it.
BELOW = " › "
ACCEPTED = ",".join(f".{ending}" for ending in sorted(KINDS))


def ending(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def stem(name: str) -> str:
    """Returns the title of a file that has no other: its name without the ending."""
    return (name.rpartition(".")[0] or name).replace("_", " ")


def kind_of(name: str) -> str:
    """Returns the kind of file by its name; empty if it can't be read."""
    return KINDS.get(ending(name), "")


def label(name: str) -> str:
    """Returns the kind of file in a person's words."""
    return LABELS.get(kind_of(name), "Text")


def reader_of(name: str) -> str:
    """Returns the name of the module in `documents/readers` for this file."""
    return READERS.get(ending(name), "text")


def media_type(name: str) -> str:
    """Returns the type under which a file is sent to browsers; nothing that a browser would run has one of its own."""
    return (SHOWN_BY_BROWSERS | DOWNLOADED).get(ending(name), "application/octet-stream")


def is_shown_by_browsers(name: str) -> bool:
    return ending(name) in SHOWN_BY_BROWSERS


def is_closed(name: str) -> bool:
    """Returns whether its reader can run without opening files: only a mail's encoding can need a codec that isn't loaded yet."""
    return reader_of(name) != "mail"


def below(title: str, heading: str) -> str:
    """Returns a passage's path of headings without a first one that repeats the document's title, which is shown before it."""
    first, _, rest = heading.partition(BELOW)
    return rest if first == title else heading


def page_label(name: str, number: int | None) -> str:
    """Returns what a page is called, such as “page 3”; empty if it isn't known."""
    return f"{PAGE_WORDS.get(ending(name), 'page')} {number}" if number else ""

"""Which files can be read, by the endings of their names. Pure."""

CODE = {
    "bash": "sh", "c": "c", "cc": "cpp", "cpp": "cpp", "cs": "csharp", "css": "css", "go": "go", "h": "c", "hpp": "cpp",
    "ini": "ini", "java": "java", "js": "js", "json": "json", "jsonl": "json", "kt": "kotlin", "lua": "lua", "php": "php",
    "pl": "perl", "py": "python", "r": "r", "rb": "ruby", "rs": "rust", "scala": "scala", "sh": "sh", "sql": "sql",
    "swift": "swift", "toml": "toml", "ts": "ts", "tsx": "tsx", "vue": "vue", "xml": "xml", "yaml": "yaml", "yml": "yaml",
}  # fmt: skip
KINDS = {
    **dict.fromkeys(CODE, "code"),
    **dict.fromkeys(("csv", "tsv"), "table"),
    **dict.fromkeys(("html", "htm", "xhtml"), "html"),
    **dict.fromkeys(("md", "markdown", "mdx"), "markdown"),
    **dict.fromkeys(("txt", "text", "log", "rst", "adoc", "tex", "srt", "vtt"), "text"),
}
# Which module of `reading` reads them; all others are text.
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
# What a part of a file is called, where it is no page.
PLACES = {**dict.fromkeys(("pptx", "pptm", "ppsx", "odp"), "slide"), **dict.fromkeys(("xlsx", "xlsm", "ods"), "sheet")}
IN_WORDS = "PDF, Word, PowerPoint, Excel, OpenDocument, EPUB, e-mail, text, Markdown, HTML, CSV, JSON and source code"
# Between a heading and one below it.
BELOW = " › "
ACCEPTED = ",".join(f".{ending}" for ending in sorted(KINDS))


def ending(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def stem(name: str) -> str:
    """What a file is called where nothing else names it."""
    return (name.rpartition(".")[0] or name).replace("_", " ")


def kind_of(name: str) -> str:
    """How a file with this name is read; empty when it cannot be."""
    return KINDS.get(ending(name), "")


def reader_of(name: str) -> str:
    """The module of `reading` that reads it."""
    return READERS.get(ending(name), "text")


def is_closed(name: str) -> bool:
    """Whether its reader needs nothing that isn't loaded yet; a mail may be in any encoding."""
    return reader_of(name) != "mail"


def below(title: str, heading: str) -> str:
    """The path of headings to a passage for where the title of its document stands before it: often its first heading is that."""
    first, _, rest = heading.partition(BELOW)
    return rest if first == title else heading


def place(name: str, number: int | None) -> str:
    """Where in a file something stands: page 3; empty where that isn't known."""
    return f"{PLACES.get(ending(name), 'page')} {number}" if number else ""

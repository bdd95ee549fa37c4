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
IN_WORDS = "text, Markdown, HTML, CSV, JSON and source code"
ACCEPTED = ",".join(f".{ending}" for ending in sorted(KINDS))


def ending(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def stem(name: str) -> str:
    """What a file is called where nothing else names it."""
    return (name.rpartition(".")[0] or name).replace("_", " ")


def kind_of(name: str) -> str:
    """How a file with this name is read; empty when it cannot be."""
    return KINDS.get(ending(name), "")

"""Parses decorators, the lines `@@name value` at the beginning of an entry. Pure."""

KNOWN = frozenset(
    (
        "activate",
        "activate_only_after",
        "activate_only_every",
        "additional_keys",
        "depth",
        "dont_activate",
        "dont_activate_after_match",
        "exclude_keys",
        "ignore_on_max_context",
        "keep_activate_after_match",
        "position",
        "reverse_depth",
        "role",
        "scan_depth",
    )
)
MARK, INSTEAD = "@@", "@@@"


def decorated(content: str) -> tuple[str, dict[str, str]]:
    """Returns the content without decorators, and their values; one that begins with @@@ replaces an unknown one before it."""
    decorators, is_known = dict[str, str](), True
    while content.startswith(MARK):
        line, _, content = content.partition("\n")
        if line.startswith(INSTEAD) and is_known:
            continue
        name, _, value = line.lstrip("@").strip().partition(" ")
        is_known = name in KNOWN
        if is_known:
            decorators[name] = value.strip()
    return content, decorators

"""Numbers as sentences say them. Pure."""


def number(value: int) -> str:
    """`12,345`."""
    return f"{value:,}"


def plural(count: int, noun: str) -> str:
    """`1 token`, `2,000 tokens`."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"

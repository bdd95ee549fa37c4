"""A piece for a page that is open: where htmx puts it, and how. Pure."""


def part(target: str, swap: str, html: str) -> str:
    return f'<hx-partial hx-target="{target}" hx-swap="{swap}">{html}</hx-partial>'

"""An htmx partial: HTML for an open page, with its target and swap method. Pure."""


def part(target: str, swap: str, html: str) -> str:
    return f'<hx-partial hx-target="{target}" hx-swap="{swap}">{html}</hx-partial>'

"""A model of what a browser does with partials that change a list row by row."""

import re
from random import Random

SAYS = "As long as a row of a list is, with a title that somebody has given it. "
PART = re.compile(r'<hx-partial hx-target="#([^"]*)" hx-swap="(\w+)">(.*?)</hx-partial>', re.DOTALL)
PLACE = re.compile(r'<li id="([^"]+)" hx-preserve></li>')


def drawn(groups: dict[str, str], **says: str) -> str:
    """Renders groups of rows, each row named by a letter, with extra text for some of them."""
    lists = (
        f"<h2>{label}</h2>\n<ol>\n{''.join(_drawn(id, says.get(id, '')) for id in ids)}</ol>\n" for label, ids in groups.items()
    )
    return f"{''.join(lists)}<a>All</a>"


def changed(random: Random) -> tuple[str, str]:
    """Returns a list before and after a few random changes; the bars in `order` separate the groups."""
    order, says = random.sample("abcdefghij", random.randint(3, 9)) + ["|", "|"], dict[str, str]()
    random.shuffle(order)
    old = _grouped(order, says)
    for _ in range(random.randint(0, 2)):
        says[random.choice("abcdefghij")] = random.choice(["x", "<b>y</b>"])
        order.insert(random.choice([0, order.index("|") + 1, len(order) // 2]), order.pop(random.randrange(len(order))))
        new = random.choice(["", "", *"abcdefghij"])
        order[:0] = [new] if new and new not in order else []
        if random.random() < 0.2 and order[-1] != "|":
            order.pop()
    return old, _grouped(order, says)


def applied(html: str, parts: str) -> str:
    """Returns the list after the partials are applied; a partial whose target is not a row is ignored."""
    for target, swap, content in PART.findall(parts):
        if row := _row(html, target):
            html = _swapped(html, row, swap, content)
    return html


def same(html: str) -> str:
    """Removes insignificant whitespace between tags."""
    return re.sub(r">\s+<", "><", html)


def _grouped(order: list[str], says: dict[str, str]) -> str:
    groups = dict(zip(("Pinned", "Today", "May"), "".join(order).split("|"), strict=True))
    return drawn({label: ids for label, ids in groups.items() if ids}, **says)


def _drawn(id: str, says: str) -> str:
    return f'  <li id="row-{id}"><a href="/{id}">{SAYS}{says}</a></li>\n'


def _swapped(html: str, row: str, swap: str, content: str) -> str:
    for place in PLACE.finditer(content):
        moved = _row(html, place[1])
        html, content = html.replace(moved, ""), content.replace(place[0], moved)
    return html.replace(row, {"delete": "", "outerMorph": content, "beforebegin": content + row}[swap])


def _row(html: str, id: str) -> str:
    found = re.search(rf'<li id="{re.escape(id)}".*?</li>', html, re.DOTALL)
    return found[0] if found else ""

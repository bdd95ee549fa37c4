"""What makes the list on a page the list as it is now, where nothing but rows of it has changed. Pure.

A row is an `<li id="…">` without another in it, and there are no others.
"""

from webapp.rendering.part import part

# htmx puts the row that is on the page there, with the focus that it may have.
MOVED = '<li id="{}" hx-preserve></li>'


def difference(old: str, new: str) -> str:
    """The parts that make the one the other; none where all of it has to be sent, or is not longer than they are.

    Rows may have another content, be new or have come before one that stays, and have fallen off the end. Whatever else it
    is, such as a row that was taken out or a group that begins, a page may know of it already by what was done there.
    """
    (before, was), (now, rows) = _pieces(old), _pieces(new)
    gone = [id for id in was if id not in rows]
    come = _come(before, now, rows)
    if come is None or len(before) - len(was) != len(now) - len(rows) or gone != list(was)[len(was) - len(gone) :]:
        return ""
    parts = [part(f"#{id}", "delete", "") for id in gone]
    for behind, ids in come.items():
        html = "".join(MOVED.format(id) if id in was else rows[id] for id in ids)
        parts.append(part(f"#{behind}", "beforebegin", html))
    parts += [part(f"#{id}", "outerMorph", row) for id, row in rows.items() if was.get(id, row) != row]
    html = "".join(parts)
    return html if len(html) < len(new) else ""


def _pieces(html: str) -> tuple[list[str], dict[str, str]]:
    """The ids of its rows in their order, with what stands around groups of them, and the rows."""
    order, rows = list[str](), dict[str, str]()
    # An expression that looks for both ends takes ten times as long.
    *begun, end = html.split("</li>")
    for each in begun:
        around, _, row = each.partition('<li id="')
        id = row[: row.find('"')]
        rows[id] = f'<li id="{row}</li>'
        order += around, id
    return [each for each in (*order, end) if each.strip()], rows


def _come(before: list[str], now: list[str], rows: dict[str, str]) -> dict[str, list[str]] | None:
    """Those that were elsewhere or nowhere, by the row that stays behind them; None where none stays, or a group has moved."""
    places = {each: place for place, each in enumerate(before)}
    come, behind, last = dict[str, list[str]](), "", len(before)
    for each in reversed(now):
        if places.get(each, last) < last:
            behind, last = each, places[each]
        elif each in rows and behind in rows:
            come.setdefault(behind, []).insert(0, each)
        else:
            return None
    return come

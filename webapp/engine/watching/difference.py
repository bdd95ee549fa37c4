"""Computes the updates that turn the list on a page into the current one, where only rows have changed. Pure.

A row is an `<li id="…">` without another in it, and there are no others.
"""

from webapp.rendering.part import part

# htmx keeps the existing row in this place, with its focus.
MOVED = '<li id="{}" hx-preserve></li>'


def difference(old: str, new: str) -> str:
    """Returns updates that turn `old` into `new`; empty if the whole list has to be sent, or would be shorter.

    Rows can have changed, be new or have moved ahead of one that stays, and have dropped off the end. Any other change, such as
    a removed row or a new group, needs the whole list, as the page can already show it through the action that caused it.
    """
    (before, was), (now, rows) = _pieces(old), _pieces(new)
    gone = [id for id in was if id not in rows]
    come = _inserted(before, now, rows)
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
    """Splits a list into its order, which is the ids of rows and the HTML around groups of them, and its rows by id."""
    order, rows = list[str](), dict[str, str]()
    # A regular expression that matches both ends takes ten times as long.
    *items, end = html.split("</li>")
    for item in items:
        around, _, row = item.partition('<li id="')
        id = row[: row.find('"')]
        rows[id] = f'<li id="{row}</li>'
        order += around, id
    return [piece for piece in (*order, end) if piece.strip()], rows


def _inserted(before: list[str], now: list[str], rows: dict[str, str]) -> dict[str, list[str]] | None:
    """Returns new and moved rows by the row that follows them; None if no such row stays, or a group has moved."""
    index_by_id = {id: index for index, id in enumerate(before)}
    come, behind, last = dict[str, list[str]](), "", len(before)
    for id in reversed(now):
        if index_by_id.get(id, last) < last:
            behind, last = id, index_by_id[id]
        elif id in rows and behind in rows:
            come.setdefault(behind, []).insert(0, id)
        else:
            return None
    return come

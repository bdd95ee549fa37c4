"""The access table of the administration's pages: a line per route, as method and name, under its rule and object kinds."""

from collections.abc import Iterator

TABLE = {
    ("admins", ()): """
        GET groups.index
        POST groups.create
        GET permissions.index
        POST permissions.update
        GET usage.index
        GET usage.export
        GET audit.index
        GET audit.export
        GET search.admin
        GET settings.index
        GET connections.index
        GET connections.new
        POST connections.create
        POST connections.search
        GET keys.index
        POST keys.generate
        POST keys.begin
        POST keys.rotate
        POST keys.end
        GET policies.show
        POST policies.update
        POST policies.limit_group
        GET models.index
        GET models.show
        POST models.rename
        POST models.update
        POST models.allow
        POST models.refresh
        GET alerts.index
        POST alerts.dismiss
        GET tools.index
        POST tools.update
        POST tools.choose
        POST tools.switch
        POST tools.install_python
        GET tools.web
        POST tools.update_web
        POST tools.delete_key
        GET tools.pictures
        POST tools.update_pictures
        GET mail.index
        POST mail.update
        POST mail.enter_password
        POST mail.delete_password
        POST mail.test
        GET experiments.index
        GET experiments.new
        POST experiments.create
        GET budgets.index
        POST budgets.create
    """,
    ("looked after", ("group",)): """
        GET groups.show
        POST groups.rename
        POST groups.keep
        GET permissions.show_group
        POST permissions.update_group
        POST groups.delete
        POST groups.put_in
    """,
    ("looked after", ("group", "person")): """
        POST groups.take_out
    """,
    ("looked after", ("area",)): "GET search.admin_area",
    ("looked after", ("settings page",)): """
        GET settings.show
        POST settings.update
    """,
    ("looked after", ("setting",)): """
        POST settings.reset
    """,
    ("looked after", ("connection",)): """
        GET connections.edit
        POST connections.update
        POST connections.test
        POST connections.enable
        POST connections.disable
        POST connections.offer
        GET connections.ask_to_forget_key
        POST connections.forget_key
        GET connections.ask_to_delete
        POST connections.delete
    """,
    ("looked after", ("alert",)): """
        GET alerts.show
        POST alerts.update
        POST alerts.mute
        POST alerts.test
    """,
    ("looked after", ("experiment",)): """
        GET experiments.show
        POST experiments.weigh
        POST experiments.stop
        POST experiments.delete
    """,
    ("looked after", ("budget",)): """
        GET budgets.show
        POST budgets.update
        POST budgets.delete
    """,
}


def pages() -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Yields every page's name, method, rule and the kinds of the objects in its address."""
    for (rule, things), lines in TABLE.items():
        for line in lines.strip().splitlines():
            method, name = line.split()
            yield name, method, rule, things

"""How many connections a process has room for beside its files: many systems give 1,024 of both unless asked for more."""

import resource

# Databases, models, children and their pipes, templates.
FILES = 400


def room_for(connections: int) -> int:
    """Asks the system for room for so many connections; gives for how many there is, so that it is not found out by failing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = enough(connections, soft, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return fitting(connections, limit)


def enough(connections: int, soft: int, hard: int) -> int:
    """The limit to ask for; never less than there is."""
    if resource.RLIM_INFINITY in (soft, hard):
        return soft if soft == resource.RLIM_INFINITY else max(soft, connections + FILES)
    return max(soft, min(hard, connections + FILES))


def fitting(connections: int, limit: int) -> int:
    """How many connections fit into a limit."""
    return connections if limit == resource.RLIM_INFINITY else min(connections, max(limit - FILES, limit // 2))

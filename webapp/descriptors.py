"""How many connections fit into the limit on file descriptors: many systems allow 1,024 unless a process requests more."""

import resource

# Reserved for databases, model servers, child processes and their pipes, and templates.
FILES = 400


def room_for(connections: int) -> int:
    """Raises the limit for this many connections; returns how many fit, so that the limit isn't discovered by failing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = enough(connections, soft, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return fitting(connections, limit)


def enough(connections: int, soft: int, hard: int) -> int:
    """Returns the limit to request; never less than the present one."""
    if resource.RLIM_INFINITY in (soft, hard):
        return soft if soft == resource.RLIM_INFINITY else max(soft, connections + FILES)
    return max(soft, min(hard, connections + FILES))


def fitting(connections: int, limit: int) -> int:
    """Returns how many connections fit into a limit."""
    return connections if limit == resource.RLIM_INFINITY else min(connections, max(limit - FILES, limit // 2))

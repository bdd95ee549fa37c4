"""How many connections fit into the limit on file descriptors: many systems allow 1,024 unless a process requests more."""

import resource

# Reserved for databases, model servers, child processes and their pipes, and templates.
RESERVED = 400


def raise_for(connections: int) -> int:
    """Raises the limit for this many connections; returns how many fit, so that the limit isn't discovered by failing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = limit_for(connections, soft, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return connections_within(connections, limit)


def limit_for(connections: int, soft: int, hard: int) -> int:
    """Returns the limit to request; never less than the present one."""
    if resource.RLIM_INFINITY in (soft, hard):
        return soft if soft == resource.RLIM_INFINITY else max(soft, connections + RESERVED)
    return max(soft, min(hard, connections + RESERVED))


def connections_within(connections: int, limit: int) -> int:
    """Returns how many connections fit into a limit."""
    return connections if limit == resource.RLIM_INFINITY else min(connections, max(limit - RESERVED, limit // 2))

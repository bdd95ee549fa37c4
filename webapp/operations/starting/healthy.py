"""`python -m webapp.operations.starting.healthy`: a health check for containers, for the server with this configuration.

Standard library and our configuration only, because it runs every few seconds.
"""

import sys
from http.client import HTTPConnection, HTTPException

from webapp.base.config import load

SECONDS = 4
# IP addresses, as a container need not be able to resolve localhost.
HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def main() -> int:
    config = load()
    return 0 if is_ready(HERE.get(config.host, config.host), config.port) else 1


def is_ready(host: str, port: int) -> bool:
    """Returns whether `/readyz` responds with 200."""
    connection = HTTPConnection(host, port, timeout=SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())

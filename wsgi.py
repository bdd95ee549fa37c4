"""The application as gunicorn and the flask command find it: patched first, then made."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402  the patch must come first

from webapp.app import create_app  # noqa: E402
from webapp.config import ConfigError  # noqa: E402

try:
    app = create_app()
except ConfigError as error:
    sys.exit(str(error))

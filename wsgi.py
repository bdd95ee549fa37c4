"""The WSGI application for gunicorn and the flask command: patches with gevent first, then creates the application."""

from webapp.base.process.patching import patch_all

patch_all()

import atexit  # noqa: E402  the patch must come first
import gc  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

# What a server or a command writes, chats and keys among it, is for its own user.
os.umask(0o077)

# Imported modules are permanent: the garbage collector need not traverse them during a command's imports. In a worker it is
# already disabled.
is_command = gc.isenabled()
gc.disable()

from webapp.app import create_app  # noqa: E402
from webapp.base.config import ConfigError  # noqa: E402

try:
    app = create_app()
except ConfigError as error:
    sys.exit(str(error))

if is_command:
    gc.freeze()
    gc.enable()
    # At exit one collection is enough: the interpreter's final one, of everything, which can't be turned off.
    atexit.register(gc.unfreeze)
    atexit.register(gc.disable)

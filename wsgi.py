"""The application as gunicorn and the flask command find it: patched first, then made."""

from gevent import monkey

monkey.patch_all()

import atexit  # noqa: E402  the patch must come first
import gc  # noqa: E402
import sys  # noqa: E402
import warnings  # noqa: E402

# What guesses the alphabet of a text takes 3 MB, and all that is read says what it is: requests does without, and warns.
sys.modules.setdefault("charset_normalizer", None)  # type: ignore[arg-type]  # so a module is said to be missing
warnings.filterwarnings("ignore", "Unable to find acceptable character detection")

# What is imported stays: a command need not look through it for garbage on the way. In a worker nobody looks yet.
is_command = gc.isenabled()
gc.disable()

from webapp.app import create_app  # noqa: E402
from webapp.config import ConfigError  # noqa: E402

try:
    app = create_app()
except ConfigError as error:
    sys.exit(str(error))

if is_command:
    gc.freeze()
    gc.enable()
    # At its end one look is enough, at everything: the interpreter's own, which nobody can leave out.
    atexit.register(gc.unfreeze)
    atexit.register(gc.disable)

"""What a page needs that is saved as a file and stands alone: its styles, and the policy that allows these and nothing else."""

from base64 import b64encode
from functools import cache
from hashlib import sha256

from markupsafe import Markup

from webapp.base.config import ROOT

SHEETS = ("tokens", "components/text", "pages/export")


@cache
def style_and_policy() -> tuple[Markup, str]:
    """Returns our style sheets as one element, and a Content-Security-Policy that allows only this style."""
    css = "\n".join((ROOT / f"static/css/{name}.css").read_text("utf-8") for name in SHEETS)
    digest = b64encode(sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return Markup("<style>{}</style>").format(Markup(css)), policy

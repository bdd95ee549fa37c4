"""A form as a user fills it in: current values, including hidden fields, are sent along."""

from typing import TYPE_CHECKING

from selectolax.lexbor import LexborNode

if TYPE_CHECKING:
    from tests.support.page import Page

NOT_SENT = {"submit", "button", "reset", "image", "file"}
WITH_FILE = "multipart/form-data; boundary=cut"


class Form:
    def __init__(self, page: "Page", node: LexborNode, button: LexborNode | None = None) -> None:
        self.page, self.node = page, node
        self.button = button or node.css_first("button:not([type=button]), input[type=submit]")

    @property
    def action(self) -> str:
        own = self.button.attributes.get("formaction") if self.button else None
        return own or self.node.attributes.get("action") or self.page.path

    @property
    def method(self) -> str:
        own = self.button.attributes.get("formmethod") if self.button else None
        return (own or self.node.attributes.get("method") or "get").lower()

    @property
    def fields(self) -> dict[str, str]:
        """The fields and values that would be sent without any change."""
        sent = {}
        for node in self._controls():
            name, type = node.attributes.get("name"), node.attributes.get("type")
            is_off = type in ("checkbox", "radio") and "checked" not in node.attributes
            is_off = is_off or node.css_first("option[selected][disabled]") is not None
            if name and type not in NOT_SENT and not is_off and "disabled" not in node.attributes:
                sent[name] = value_of(node)
        if self.button is not None and (name := self.button.attributes.get("name")):
            sent[name] = self.button.attributes.get("value") or ""
        return sent

    def submit(self, *, follow: bool = True, htmx: bool = False, **fields: str) -> "Page":
        """Fills in these fields, which must exist, and sends the form."""
        names = {node.attributes.get("name") for node in self._controls()}
        assert set(fields) <= names, f"no field {set(fields) - names} in the form, only {names}"
        filled = self.fields | fields
        browser = self.page.browser
        headers = {"HX-Request": "true"} if htmx else {}
        if self.method == "get":
            return browser.get(self.action, query=filled, headers=headers, follow=follow)
        return browser.send(self.action, filled, headers=headers, follow=follow)

    def _controls(self) -> list[LexborNode]:
        inside = self.node.css("input, select, textarea")
        id = self.node.attributes.get("id")
        return [*inside, *(self.page.all(f'input[form="{id}"], select[form="{id}"], textarea[form="{id}"]') if id else [])]


def value_of(node: LexborNode) -> str:
    if node.tag == "textarea":
        return node.text()
    if node.tag == "select":
        options = node.css("option")
        chosen = next((option for option in options if "selected" in option.attributes), options[0] if options else None)
        return "" if chosen is None else chosen.attributes.get("value", chosen.text().strip()) or ""
    return node.attributes.get("value") or ("on" if node.attributes.get("type") == "checkbox" else "")


def with_file(content: bytes, filename: str, field: str = "file", **others: str) -> bytes:
    """Builds the body of a form with a file in this field, and with its other fields; its content type is `WITH_FILE`."""
    texts = [(key.encode(), b"", value.encode()) for key, value in others.items()]
    parts = [*texts, (field.encode(), b'; filename="%s"' % filename.encode(), content)]
    sent = [b'--cut\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % part for part in parts]
    return b"".join(sent) + b"--cut--\r\n"

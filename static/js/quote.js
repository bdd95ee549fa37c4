// Selected text of a message is quoted in the next one: by a button at the selection, or by key.
{
  const AFTER = 150,
    GAP = 8;
  let waiting = 0;
  const box = () => document.getElementById("composer-text");
  const button = () => document.getElementById("composer-quote");
  const within = (low, value, high) => Math.max(low, Math.min(value, high));

  const selected = () => {
    const selection = getSelection(),
      range = selection.isCollapsed ? null : selection.getRangeAt(0);
    const text = range?.startContainer.parentElement?.closest(".message-text");
    return text && range.toString().trim() ? { text, range } : null;
  };

  const show = () => {
    const choice = box() && button() && selected();
    if (!choice) return button()?.hidePopover();
    if (!button().matches(":popover-open")) button().showPopover();
    // On a phone, the browser's own menu is above the selection.
    const { offsetWidth, offsetHeight } = button(),
      lines = [...choice.range.getClientRects()],
      isBelow = millrace.thumbs.matches;
    const line = isBelow ? lines.at(-1) : lines[0],
      top = isBelow ? line.bottom + 2 * GAP : line.top - offsetHeight - GAP;
    button().style.left = `${within(GAP, line.left, document.documentElement.clientWidth - offsetWidth - GAP)}px`;
    button().style.top = `${within(GAP, top, innerHeight - offsetHeight - GAP)}px`;
  };

  const quote = () => {
    const { text, range } = selected();
    const selection = getSelection();
    // What follows the message isn't quoted, such as its buttons.
    if (!text.contains(range.endContainer))
      selection.setBaseAndExtent(range.startContainer, range.startOffset, text, text.childNodes.length);
    const lines = selection
      .toString()
      .trim()
      .replace(/\n{3,}/g, "\n\n")
      .replace(/^/gm, "> ");
    const { value } = box();
    box().focus();
    box().setSelectionRange(value.length, value.length);
    // Only this way of inserting can be undone.
    document.execCommand("insertText", false, `${value.trim() ? "\n\n" : ""}${lines}\n\n`);
    box().scrollTop = box().scrollHeight;
    button().hidePopover();
  };

  document.addEventListener("selectionchange", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, AFTER);
  });
  addEventListener("scroll", () => button()?.matches(":popover-open") && show(), { capture: true, passive: true });
  // The text stays selected.
  document.addEventListener("mousedown", (event) => event.target.closest?.("#composer-quote") && event.preventDefault());
  document.addEventListener("click", ({ target }) => target.closest?.("#composer-quote") && selected() && quote());
  millrace.acts.quote = () => Boolean(box() && selected()) && quote();
  // Text can be selected before this script is here.
  show();
}

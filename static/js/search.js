// The search, over a page and in the sidebar: arrows go through its results, and Enter opens the first.
{
  const BOX = "[data-search]";
  const listOf = (box) => document.getElementById(box.getAttribute("aria-controls"));
  const boxOf = (element) => {
    const list = element.closest?.("[data-results]");
    return element.matches?.(BOX) ? element : list && document.querySelector(`${BOX}[aria-controls="${list.id}"]`);
  };
  const hits = (box) => [...listOf(box).querySelectorAll("a, button")];
  // The results for the last letters can still be on their way: Enter then waits for them.
  const isFresh = (box) => listOf(box).firstElementChild?.dataset.query === box.value;
  let last = null,
    opening = null;

  const open = (box) => {
    opening = null;
    const [first] = hits(box);
    first ? first.click() : box.form.requestSubmit();
  };
  const enter = (box, { ctrlKey, metaKey }) => {
    if (ctrlKey || metaKey) box.form.requestSubmit();
    else if (!box.value || isFresh(box)) open(box);
    else opening = box;
  };
  const leave = (box) => {
    const sheet = box.closest("dialog");
    if (sheet) return sheet.close();
    box.value = "";
    listOf(box).replaceChildren();
    box.focus();
  };
  const move = (box, { key, target }) => millrace.ring([box, ...hits(box)], target, key).focus();
  // In the capture phase: Escape leaves the search, and doesn't stop an answer.
  const key = (event) => {
    const box = event.isComposing ? null : boxOf(event.target);
    if (!box) return;
    last = box;
    const isBox = event.target === box,
      isFilled = box.value || !isBox || box.closest("dialog");
    const act = { Enter: isBox && enter, Escape: isFilled && leave, ArrowDown: move, ArrowUp: move }[event.key];
    if (act) {
      event.preventDefault();
      event.stopPropagation();
      act(box, event);
    } else if (millrace.isTyped(event) || event.key === "Backspace") box.focus();
  };
  addEventListener("keydown", key, true);

  document.addEventListener("input", ({ target }) => target.matches(BOX) && (opening = null));
  document.addEventListener("htmx:after:swap", () => {
    for (const box of document.querySelectorAll(BOX)) {
      listOf(box).previousElementSibling.textContent = listOf(box).firstElementChild?.dataset.count ?? "";
    }
    if (last?.isConnected && document.activeElement === document.body) last.focus();
    if (opening && isFresh(opening)) open(opening);
  });
  // Without an answer of the server, the page of results says what is wrong.
  document.addEventListener("htmx:error", () => opening?.form.requestSubmit());
  // What leads to another part of this page would stay covered.
  document.addEventListener("click", ({ target }) => target.closest?.("[data-results] a")?.closest("dialog")?.close());
}

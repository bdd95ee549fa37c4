// Beside the text of a workflow: its errors are marked at their lines, keys go from one to the next, and what cards and buttons
// change goes into the textarea, so that it can be undone. Cards are moved by dragging.
document.addEventListener("arrived", () => {
  const [source, drawn, faults, changed] = ["source", "code-lines", "faults", "changed"].map((id) => document.getElementById(id));
  if (!source) return;
  const links = () => [...faults.querySelectorAll("[data-at]")];
  // The place in a drawn line so many letters behind its start.
  const place = (line, offset) => {
    const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    while (walker.nextNode() && offset > walker.currentNode.length) offset -= walker.currentNode.length;
    return [walker.currentNode, Math.min(offset, walker.currentNode.length ?? 0)];
  };
  const mark = () => {
    for (const old of drawn.querySelectorAll(".code__why")) old.remove();
    const ranges = links().flatMap(({ dataset: { line, at, end }, nextElementSibling: words }) => {
      const [row, range, start] = [drawn.children[line - 1], new Range(), source.value.lastIndexOf("\n", at - 1) + 1];
      if (!row) return [];
      range.setStart(...place(row, at - start));
      range.setEnd(...place(row, end - start));
      const why = Object.assign(document.createElement("span"), { className: "code__why", textContent: words.textContent });
      if (!row.querySelector(".code__why")) row.append(why);
      return range;
    });
    CSS.highlights?.set("wrong", new Highlight(...ranges));
    source.setAttribute("aria-invalid", ranges.length > 0);
  };
  const show = (link) => {
    source.closest("details").open = true;
    source.focus();
    source.setSelectionRange(link.dataset.at, link.dataset.end);
    document.getElementById("source-faults").textContent = link.parentElement.innerText;
  };
  const go = (by) => {
    const ahead = links().filter(({ dataset }) => by * (dataset.at - source.selectionStart) > 0);
    const next = (ahead.length ? ahead : links()).at(by > 0 ? 0 : -1);
    if (next) show(next);
  };
  source.form.addEventListener("click", (event) => {
    const [link, button] = [event.target.closest("[data-at]"), event.target.closest("[data-go]")];
    if (link) event.preventDefault();
    if (link) show(link);
    else if (button) go(Number(button.dataset.go));
  });
  new MutationObserver(mark).observe(faults, { childList: true });
  mark();
  let isChecked = false;
  const put = (before, after) => {
    const focus = document.activeElement;
    let [first, last] = [0, 0];
    while (first < after.length && after[first] === before[first]) first++;
    while (last < Math.min(after.length, before.length) - first && after.at(-1 - last) === before.at(-1 - last)) last++;
    const text = after.slice(first, after.length - last);
    if (changed.querySelector("[data-typing]") || !source.checkVisibility()) {
      source.setRangeText(text, first, before.length - last);
      return source.dispatchEvent(new Event("input", { bubbles: true }));
    }
    source.focus({ preventScroll: true });
    source.setSelectionRange(first, before.length - last);
    document.execCommand(text ? "insertText" : "delete", false, text);
    return focus.focus({ preventScroll: true });
  };
  new MutationObserver(() => {
    if (source.value !== changed.textContent) put(source.value, changed.textContent);
    isChecked = true;
  }).observe(changed, { childList: true });
  // A button checks the text itself: a check beside it, or of the same text behind it, would take the cards from under a hand.
  const isBusy = () => source.form.querySelector("[name=deed].htmx-request, .card__form.htmx-request");
  source.addEventListener("htmx:config:request", (event) => (isChecked || isBusy()) && event.preventDefault());
  source.addEventListener("input", () => (isChecked = false));

  let from = null;
  source.form.addEventListener("dragstart", ({ target }) => (from = target.dataset?.card ? target : null));
  for (const name of ["dragover", "drop"])
    source.form.addEventListener(name, (event) => {
      const to = from && event.target.closest?.("[data-card]");
      if (to) event.preventDefault();
      if (!to || name !== "drop") return;
      const button = from.querySelector('[value^="down "]');
      button.value = `drop ${from.dataset.card} ${to.dataset.card}`;
      button.click();
    });
});

// The errors of a workflow's text: a marker and the sentence at each line, the word underlined, and F8 to the next one.
"use strict";
document.addEventListener("arrived", () => {
  const [source, drawn, faults] = ["source", "code-lines", "faults"].map((id) => document.getElementById(id));
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
      const [row, range] = [drawn.children[line - 1], new Range()];
      if (!row) return [];
      const why = Object.assign(document.createElement("span"), { className: "code__why", textContent: words.textContent });
      const start = source.value.lastIndexOf("\n", at - 1) + 1;
      range.setStart(...place(row, at - start));
      range.setEnd(...place(row, end - start));
      if (!row.querySelector(".code__why")) row.append(why);
      return [range];
    });
    CSS.highlights?.set("wrong", new Highlight(...ranges));
    source.setAttribute("aria-invalid", ranges.length > 0);
  };
  const show = (link) => {
    source.focus();
    source.setSelectionRange(link.dataset.at, link.dataset.end);
    document.getElementById("source-faults").textContent = link.closest("li, p").innerText;
  };
  const go = (by) => {
    const [all, here] = [links(), source.selectionStart];
    const next = by > 0 ? all.find(({ dataset }) => dataset.at > here) : all.findLast(({ dataset }) => dataset.at < here);
    if (all.length) show(next ?? all.at(by > 0 ? 0 : -1));
  };
  source.form.addEventListener("click", (event) => {
    const [link, button] = [event.target.closest("[data-at]"), event.target.closest("[data-go]")];
    if (link) event.preventDefault();
    if (link) show(link);
    if (button) go(Number(button.dataset.go));
  });
  source.addEventListener("keydown", (event) => {
    if (event.key !== "F8") return;
    event.preventDefault();
    go(event.shiftKey ? -1 : 1);
  });
  new MutationObserver(mark).observe(faults, { childList: true });
  mark();
});

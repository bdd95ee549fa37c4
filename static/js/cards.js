// What cards and buttons change in a workflow's text goes into the textarea as a difference, and cards are moved by dragging.
"use strict";
document.addEventListener("arrived", () => {
  const [source, changed] = ["source", "changed"].map((id) => document.getElementById(id));
  if (!source) return;
  let isChecked = false;
  const hush = (event) => event.stopImmediatePropagation();
  const take = () => {
    isChecked = true;
    const [before, after, focus] = [source.value, changed.textContent, document.activeElement];
    let [first, last] = [0, 0];
    while (first < after.length && after[first] === before[first]) first++;
    while (last < Math.min(after.length, before.length) - first && after.at(-1 - last) === before.at(-1 - last)) last++;
    if (before === after) return;
    const text = after.slice(first, after.length - last);
    if (focus.closest(".card__form")) source.setRangeText(text, first, before.length - last);
    else {
      // It can be undone, and was checked by the server.
      source.focus({ preventScroll: true });
      source.setSelectionRange(first, before.length - last);
      addEventListener("input", hush, true);
      document.execCommand(text ? "insertText" : "delete", false, text);
      removeEventListener("input", hush, true);
      if (focus.closest("#steps")) focus.focus({ preventScroll: true });
    }
    source.dispatchEvent(new Event("changed"));
  };
  // A button checks the text itself: a check beside it, or of the same text behind it, would take the cards from under a hand.
  const isBusy = () => source.form.querySelector("[name=deed].htmx-request, .card__form.htmx-request");
  source.addEventListener("htmx:config:request", (event) => (isChecked || isBusy()) && event.preventDefault());
  source.addEventListener("input", () => (isChecked = false));
  new MutationObserver(take).observe(changed, { childList: true });

  let from = null;
  const over = ({ target }) => (from ? target.closest?.("[data-card]") : null);
  source.form.addEventListener("dragstart", ({ target, dataTransfer }) => {
    from = target.dataset?.card ? target : null;
    dataTransfer.effectAllowed = "move";
  });
  source.form.addEventListener("dragover", (event) => over(event) && event.preventDefault());
  source.form.addEventListener("drop", (event) => {
    const to = over(event);
    if (!to) return;
    event.preventDefault();
    const button = from.querySelector('[value^="down "]');
    button.value = `drop ${from.dataset.card} ${to.dataset.card}`;
    button.click();
  });
});

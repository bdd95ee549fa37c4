// Lists that people put in order: by dragging, by their buttons, or with the arrow keys. Every move is said to screen readers.
// Loaded by the lists.
let held = null;

// Of a list to choose from, only the chosen rows have an order.
const isIn = (row) => row.matches(":has(:checked)") || !row.querySelector("[type=checkbox]");
const rowsOf = (list) => [...list.children].filter((row) => row.matches("li") && isIn(row));
const nameOf = (row) => row.querySelector("[data-name]").textContent.trim();

const idOf = (row) => row.querySelector("[name]").value;

const changed = (list, words) => {
  list.parentElement.querySelector("[data-order]").value = rowsOf(list).map(idOf).join(" ");
  list.parentElement.querySelector("[role=status]").textContent = words;
};
const filled = (words, values) => words.replace(/%\((\w+)\)s/g, (_all, name) => values[name]);
const place = (list, row) => {
  const number = rowsOf(list).indexOf(row) + 1;
  return filled(_("%(name)s, %(number)s of %(all)s"), { name: nameOf(row), number, all: rowsOf(list).length });
};
const moved = (row, step) => {
  const list = row.parentElement,
    next = rowsOf(list)[rowsOf(list).indexOf(row) + step];
  if (!next) return;
  next[step < 0 ? "before" : "after"](row);
  row.scrollIntoView({ block: "nearest" });
  changed(list, place(list, row));
};
const removed = (row) => {
  const list = row.parentElement,
    words = filled(_("%(name)s removed"), { name: nameOf(row) }),
    next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  changed(list, words);
  (next?.querySelector("button") ?? list.parentElement.querySelector(".picker")).focus();
};

for (const kind of ["click", "keydown"])
  document.addEventListener(kind, (event) => {
    const button = event.target.closest?.("[data-sortable] [data-move]");
    const step = kind === "click" ? Number(button?.dataset.move) : { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!button || step === undefined) return;
    event.preventDefault();
    if (!step) return removed(button.closest("li"));
    moved(button.closest("li"), step);
    button.focus();
  });
document.addEventListener("pointerdown", (event) => {
  const row = event.target.closest?.("[data-grip]")?.closest("[data-sortable] > li");
  if (!row || event.button) return;
  event.preventDefault();
  held = row;
  row.classList.add("sortable__row--held");
});
document.addEventListener("pointermove", (event) => {
  if (!held) return;
  const over = rowsOf(held.parentElement).find((row) => {
    const { top, bottom } = row.getBoundingClientRect();
    return row !== held && event.clientY > top && event.clientY < bottom;
  });
  held.scrollIntoView({ block: "nearest" });
  if (over) over[held.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING ? "after" : "before"](held);
});
for (const end of ["pointerup", "pointercancel"])
  document.addEventListener(end, () => {
    held?.classList.remove("sortable__row--held");
    if (held) changed(held.parentElement, place(held.parentElement, held));
    held = null;
  });
// The picker of models adds to the list that it belongs to.
document.addEventListener("picked", (event) => {
  const box = event.target.closest("[data-sorted]");
  if (!box) return;
  event.preventDefault();
  const list = box.querySelector("[data-sortable]"),
    { id, name, mark } = event.detail;
  let row = rowsOf(list).find((other) => idOf(other) === id);
  if (!row) {
    row = box.querySelector("template").content.firstElementChild.cloneNode(true);
    row.querySelector("[name]").value = id;
    row.querySelector("[data-name]").textContent = name;
    row.querySelector(".maker").replaceWith(mark);
    for (const button of row.querySelectorAll("[data-move]")) button.querySelector(".sr").append(` ${name}`);
    list.append(row);
  }
  changed(list, place(list, row));
});

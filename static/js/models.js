// The model picker: arrows move, Enter chooses, typing searches. What is chosen is put into the field at the button.
// Whether the focus belongs in the list, which is still loading, and whether its first row is to be chosen then.
let [isWanted, isAwaited] = [false, false];
// What was searched for in the list that is shown, and in the one that was asked for last.
let [shown, asked] = [null, ""];
const sheet = () => document.getElementById("models"),
  isOpen = () => sheet()?.matches(":popover-open");
const links = () => [...sheet().querySelectorAll("[data-model], .models__more a")];

// The button that opened the list, whose field gets what is chosen.
let opener = null;
const box = () => (opener?.isConnected ? opener : document.querySelector("[popovertarget=models]"))?.closest(".picker-box");

const choose = (link) => {
  const name = link.title,
    id = link.dataset.model,
    mark = link.querySelector(".maker").cloneNode(),
    field = box().querySelector("[name]"),
    chosen = box().querySelector("[data-chosen]");
  sheet().hidePopover();
  // A list of models takes it itself (sortable.js).
  if (!box().dispatchEvent(new CustomEvent("picked", { bubbles: true, cancelable: true, detail: { id, name, mark } }))) return;
  if (field.options && ![...field.options].some((each) => each.value === id)) field.add(new Option(name, id));
  field.value = id;
  chosen.textContent = name;
  chosen.previousElementSibling.replaceWith(mark);
  document.getElementById("composer-text")?.focus({ preventScroll: true });
};

document.addEventListener("click", (event) => {
  opener = event.target.closest?.("[popovertarget=models]") ?? opener;
  const link = event.target.closest?.("#models [data-model]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  choose(link);
});
document.addEventListener("keydown", (event) => {
  const { key, target } = event,
    box = target.closest?.("#models")?.querySelector("input[type=search]");
  if (!box || event.isComposing) return;
  if (millrace.isTyped(event) && target !== box) return box.focus();
  const next = millrace.ring([box, ...links()], target.closest("li")?.querySelector("a") ?? target, key);
  if (!next && !(key === "Enter" && target === box)) return;
  event.preventDefault();
  [isWanted, isAwaited] = [next && !links().length, !next && shown !== box.value];
  if (next) next.focus();
  else if (links()[0]?.dataset.model && !isAwaited) links()[0].click();
});
// The list is loaded each time, with newly starred models. On a phone the keyboard would cover it. It can be open already.
const turn = ({ target }) => {
  if (target.id !== "models") return;
  [isWanted, shown] = [false, null];
  target.querySelector("form").reset();
  target.querySelector("input[type=search]").autofocus = !matchMedia("(pointer: coarse)").matches;
};
document.addEventListener("beforetoggle", turn, true);
if (isOpen() && !millrace.thumbs.matches) sheet().querySelector("input[type=search]").focus();
document.addEventListener("htmx:before:swap", ({ detail }) => {
  if (!detail.tasks.some(({ target }) => target?.id === "models-list")) return;
  shown = asked;
  isWanted ||= document.activeElement?.closest("#models-list");
});
document.addEventListener("htmx:after:swap", () => {
  const chosen = box()?.querySelector("[name]")?.value;
  for (const link of isOpen() ? links() : []) {
    if (link.dataset.model === chosen) link.ariaCurrent = "true";
    if (isWanted) link.focus();
    isWanted = false;
  }
  if (!isAwaited || shown !== sheet()?.querySelector("input[type=search]").value) return;
  isAwaited = false;
  links()[0]?.click();
});
// A request that is replaced by a newer one is never shown.
document.addEventListener("htmx:before:request", ({ target }) => {
  if (target.matches?.(".picker, #models-q")) asked = sheet().querySelector("input[type=search]").value;
});

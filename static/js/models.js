// The model picker: arrows move, Enter chooses, typing searches. The chosen model is sent with the message.
"use strict";
{
  // Whether the focus belongs in the list, which is still loading.
  let isWanted = false;
  const sheet = () => document.getElementById("models"),
    isOpen = () => sheet()?.matches(":popover-open");
  const links = () => [...sheet().querySelectorAll("[data-model], .models__more a")];

  const choose = (link) => {
    const select = document.getElementById("composer-model"),
      id = link.dataset.model,
      name = link.title;
    if (![...select.options].some((each) => each.value === id)) select.add(new Option(name, id));
    select.value = id;
    const chosen = document.querySelector("[data-chosen]");
    chosen.textContent = name;
    chosen.previousElementSibling.replaceWith(link.querySelector(".maker").cloneNode());
    sheet().hidePopover();
    document.getElementById("composer-text").focus({ preventScroll: true });
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("#models [data-model]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    choose(link);
  });
  document.addEventListener("keydown", (event) => {
    const isButton = event.key === "ArrowDown" && event.target.matches?.("button.picker");
    if (isButton && !isOpen()) {
      event.target.click();
      return event.preventDefault();
    }
    const box = (isButton ? sheet() : event.target.closest?.("#models"))?.querySelector("input[type=search]");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key],
      row = event.target.closest?.("li")?.querySelector("a");
    const isTyped = event.key.length === 1 && !(event.ctrlKey || event.metaKey || event.altKey);
    if (!box || event.isComposing) return;
    if (isTyped && event.key !== " " && event.target !== box) return box.focus();
    const next = step ? (links()[links().indexOf(row) + step] ?? (step < 0 ? box : row)) : links()[0];
    if (!step && !(event.key === "Enter" && event.target === box)) return;
    event.preventDefault();
    isWanted = step && !next;
    if (step) next?.focus();
    else if (next?.dataset.model) next.click();
  });
  // On a phone the keyboard would cover the list.
  document.addEventListener(
    "beforetoggle",
    ({ target }) => {
      if (target.id === "models") target.querySelector("input[type=search]").autofocus = !matchMedia("(pointer: coarse)").matches;
    },
    true,
  );
  // The list is loaded each time, with newly starred models.
  document.addEventListener(
    "toggle",
    ({ target, newState }) => {
      if (target.id !== "models" || newState !== "closed") return;
      isWanted = false;
      target.querySelector("form").reset();
    },
    true,
  );
  document.addEventListener("htmx:before:swap", ({ detail }) => {
    const list = document.activeElement?.closest("#models-list");
    isWanted ||= list && detail.tasks.some(({ target }) => target === list);
  });
  document.addEventListener("htmx:after:swap", () => {
    const chosen = document.getElementById("composer-model")?.value;
    for (const link of isOpen() ? links() : []) {
      if (link.dataset.model === chosen) link.ariaCurrent = "true";
      if (isWanted) link.focus();
      isWanted = false;
    }
  });
}

// Puts what was chosen into the message: a chip above the text, a prompt's fields, or text at the caret.
{
  const box = () => document.getElementById("composer-text");
  const place = () => document.getElementById("composer-prompt");
  const MOST_RECENT = 30;
  // The keys of what was chosen in lists, the latest first; adds one.
  millrace.recent = (key) => {
    const keys = JSON.parse(localStorage.getItem("mentions") ?? "[]");
    if (key) localStorage.setItem("mentions", JSON.stringify([...new Set([key, ...keys])].slice(0, MOST_RECENT)));
    return keys;
  };

  const addChip = (chip) => {
    const { name, value } = chip.querySelector("input");
    const chips = document.getElementById(name === "part" ? "composer-chips" : "composer-mentions");
    // A message has one model and one speaker, but many collections.
    const isSame = (input) => input.name === name && (input.value === value || name.endsWith("_by"));
    const old = [...chips.querySelectorAll("input")].find(isSame)?.closest(".chip");
    old ? old.replaceWith(chip) : chips.append(chip);
    box().required = !document.querySelector("#composer-chips .chip");
  };
  millrace.insert = (html) => {
    const piece = document.createRange().createContextualFragment(html),
      form = piece.querySelector("form"),
      text = piece.querySelector("[data-inserted]");
    for (const chip of piece.querySelectorAll(".chip")) addChip(chip);
    if (form) {
      place().replaceChildren(form);
      return place().querySelector("[aria-invalid], input, select, textarea")?.focus();
    }
    box().focus();
    if (text) document.execCommand("insertText", false, text.textContent);
    box().dispatchEvent(new Event("input", { bubbles: true }));
  };
  const leave = () => {
    place().replaceChildren();
    box().focus();
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("#composer-prompt form");
    if (!form) return;
    event.preventDefault();
    const html = await millrace.fragment(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (!html || !form.isConnected) return;
    place().replaceChildren();
    millrace.insert(html);
  });
  document.addEventListener("click", ({ target }) => target.closest?.("#composer-prompt [data-leave]") && leave());
  document.addEventListener("keydown", (event) => {
    if (millrace.isComposing(event)) return;
    if (event.key === "Escape" && event.target.closest?.("#composer-prompt")) leave();
    const { selectionEnd } = event.target;
    // At the beginning of the text, Backspace removes the last chip.
    if (event.key !== "Backspace" || event.target.id !== "composer-text" || selectionEnd) return;
    [...document.querySelectorAll("#composer [data-remove]")].at(-1)?.click();
  });

  // Opens a popover at a place in the text of a box: below the line, or above it where there is more room.
  const COPIED = ["font", "letterSpacing", "wordSpacing", "padding", "border", "lineHeight", "direction", "textIndent"];
  millrace.openAt = (popover, field, at) => {
    const mirror = document.createElement("div"),
      mark = document.createElement("span"),
      style = getComputedStyle(field),
      frame = field.getBoundingClientRect();
    for (const name of COPIED) mirror.style[name] = style[name];
    mirror.className = "mirror";
    mirror.style.width = `${field.offsetWidth}px`;
    mark.textContent = "/";
    mirror.append(field.value.slice(0, at), mark);
    document.body.append(mirror);
    const left = frame.left + mark.offsetLeft,
      top = frame.top + mark.offsetTop - field.scrollTop,
      bottom = top + mark.offsetHeight;
    mirror.remove();
    if (!popover.matches(":popover-open")) popover.showPopover();
    const isAbove = innerHeight - bottom < Math.min(popover.offsetHeight + 12, top);
    popover.style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - popover.offsetWidth - 8))}px`;
    popover.style.top = isAbove ? "auto" : `${bottom + 6}px`;
    popover.style.bottom = isAbove ? `${document.documentElement.clientHeight - top + 6}px` : "auto";
  };
}

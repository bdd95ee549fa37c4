// Copies a message as it was written, or what a button holds, and gives every finished block of code a button of its own.
"use strict";
{
  const oldWay = (text) => {
    // Without https browsers offer nothing else.
    const area = Object.assign(document.createElement("textarea"), { value: text, className: "sr" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };
  const copy = async (text, button) => {
    await (navigator.clipboard ? navigator.clipboard.writeText(text) : oldWay(text));
    const words = button.querySelector("span") ?? button;
    const before = (button.dataset.words ??= words.textContent);
    words.textContent = "Copied";
    setTimeout(() => { words.textContent = before; }, 1600);
  };
  const failed = () => millrace.toast("That could not be copied. Select the text and copy it by hand.");

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const answer = button.value ? new Response(button.value) : await fetch(button.dataset.copy).catch(() => null);
    if (!answer?.ok) return failed();
    copy(await answer.text(), button).catch(failed);
  });

  // In a shadow root, so that the text of a message stays exactly what the server rendered.
  const add = (place, textContent, ariaLabel, onclick) => {
    const button = Object.assign(document.createElement("button"), { type: "button", part: "copy", textContent, ariaLabel, onclick });
    place.append(button);
    return button;
  };
  const equip = (place) => {
    for (const header of place.querySelectorAll(".code > header")) {
      // The server's own words know nothing of it, whenever they come again.
      if (header.shadowRoot?.querySelector("[aria-pressed=true]")) header.parentElement.classList.add("code--wrapped");
      if (header.shadowRoot || header.closest(".tail")) continue;
      const block = header.parentElement, buttons = Object.assign(document.createElement("span"), { part: "tools" });
      const wrap = add(buttons, "Wrap", "Wrap lines", () => { wrap.ariaPressed = block.classList.toggle("code--wrapped"); });
      wrap.ariaPressed = false;
      const button = add(buttons, "Copy", "Copy code", () => copy(block.querySelector("pre").textContent, button).catch(failed));
      header.attachShadow({ mode: "open" }).append(document.createElement("slot"), buttons);
    }
  };
  for (const each of ["DOMContentLoaded", "htmx:after:swap"]) document.addEventListener(each, () => equip(document));
  document.addEventListener("grown", (event) => event.detail.forEach(equip));
}

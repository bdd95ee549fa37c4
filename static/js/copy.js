// Copies a message as it was written, and gives every finished block of code a button of its own.
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
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else oldWay(text);
    const words = button.querySelector("span") ?? button;
    const before = (button.dataset.words ??= words.textContent);
    words.textContent = "Copied";
    setTimeout(() => { words.textContent = before; }, 1600);
  };
  const failed = () => millrace.toast("That could not be copied. Select the text and copy it by hand.");

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const answer = await fetch(button.dataset.copy).catch(() => null);
    if (!answer?.ok) return failed();
    copy(await answer.text(), button).catch(failed);
  });

  // In a shadow root, so that the text of a message stays exactly what the server rendered.
  const equip = () => {
    for (const header of document.querySelectorAll(".code > header")) {
      if (header.shadowRoot || header.closest(".tail")) continue;
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Copy" });
      button.part = "copy";
      button.setAttribute("aria-label", "Copy code");
      button.addEventListener("click", () => copy(header.parentElement.querySelector("pre").textContent, button).catch(failed));
      header.attachShadow({ mode: "open" }).append(document.createElement("slot"), button);
    }
  };
  document.addEventListener("DOMContentLoaded", equip);
  document.addEventListener("htmx:after:swap", equip);
}

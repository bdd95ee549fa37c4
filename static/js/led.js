// In a chat that is led, each question is said once when it comes, and the focus goes to where it is answered.
"use strict";
{
  const CONTROLS = "#led .run__options :is(button, input), #led #answer, #led .run__answer button";
  const RUNNING = ["queued", "thinking", "responding", "saving"];
  const heard = new Set();
  let wasInside = false, step = "";

  const articles = () => document.querySelectorAll("#thread > article");
  // What is written while one listens is said sentence by sentence, by others.
  const listen = () => {
    for (const { id, dataset, children } of articles()) {
      if (heard.has(id)) continue;
      heard.add(id);
      if (dataset.role !== "assistant" || RUNNING.includes(dataset.status)) continue;
      const text = document.getElementById(`${id}-text`)?.textContent.replace(/\s+/g, " ").trim();
      if (text && children.length) document.dispatchEvent(new CustomEvent("said", { detail: text }));
    }
  };
  const led = () => document.getElementById("led");
  const here = () => led()?.querySelector(".run__answer [name=seen]")?.value ?? "";
  const follow = () => {
    const { activeElement } = document, isLost = activeElement === document.body || activeElement === led();
    const isNew = here() !== step;
    step = here();
    if (!wasInside || !led() || !(isLost || isNew)) return;
    led().tabIndex = -1;
    (document.querySelector(CONTROLS) ?? led()).focus({ preventScroll: true });
  };

  document.addEventListener("DOMContentLoaded", () => {
    step = here();
    articles().forEach(({ id }) => heard.add(id));
  });
  document.addEventListener("htmx:before:swap", () => { wasInside ||= Boolean(document.activeElement?.closest("#led")); });
  document.addEventListener("focusin", ({ target }) => { wasInside = Boolean(target.closest("#led")); });
  document.addEventListener("htmx:after:swap", () => { listen(); follow(); });
}

// In a chat led by a workflow, announces each question once, moves the focus to its answer field, and sends the answer by Enter.
"use strict";
{
  const CONTROLS = "#led .run__options :is(button, input), #led .run__answer :is(input:not([type=hidden]), textarea, button)";
  const FIELD = "#led .run__answer :is(input:not([type=hidden]), textarea)";
  const RUNNING = ["queued", "thinking", "responding", "saving"],
    heard = new Set();
  let wasInside = false,
    step = "";

  // Only messages below those already announced: earlier ones can be inserted above.
  const articles = () => {
    const all = [...document.querySelectorAll("#thread > article")],
      last = all.findLastIndex(({ id }) => heard.has(id));
    return all.filter(({ id }, place) => !heard.has(id) && heard.add(id) && place > last);
  };
  const here = () => document.querySelector("#led .run__answer [name=seen]")?.value ?? "";
  // Running answers are announced sentence by sentence in speak.js.
  const listen = () => {
    for (const { id, dataset } of articles()) {
      const text = document.getElementById(`${id}-text`)?.textContent.replace(/\s+/g, " ").trim();
      const isNew = dataset.role === "assistant" && !RUNNING.includes(dataset.status) && text;
      if (isNew) document.dispatchEvent(new CustomEvent("said", { detail: text }));
    }
  };
  const follow = () => {
    const led = document.getElementById("led"),
      isNew = here() !== step;
    step = here();
    if (!wasInside || !led || !(isNew || [document.body, led].includes(document.activeElement))) return;
    led.tabIndex = -1;
    (document.querySelector(CONTROLS) ?? led).focus({ preventScroll: true });
  };

  document.addEventListener("arrived", () => {
    wasInside = false;
    step = here();
    articles();
    // As in the message box of other chats, typing can begin; an on-screen keyboard stays closed.
    const isElsewhere = document.activeElement !== document.body || location.hash.startsWith("#message-");
    if (!isElsewhere && !millrace.thumbs.matches) document.querySelector(FIELD)?.focus({ preventScroll: true });
  });
  document.addEventListener("focusin", ({ target }) => void (wasInside = Boolean(target.closest("#led"))));
  document.addEventListener("htmx:after:swap", () => {
    listen();
    follow();
  });
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (!target.matches?.("#led textarea") || !millrace.isSending(event)) return;
    event.preventDefault();
    if (target.value.trim()) target.form.requestSubmit(target.form.querySelector("button"));
  });
}

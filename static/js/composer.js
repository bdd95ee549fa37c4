// Enter sends, Shift and Enter make a line, Esc stops; nothing that is typed gets lost on the way.
"use strict";
{
  const THUMBS = matchMedia("(pointer: coarse) and (hover: none)");
  let sent = "";

  const isBeingComposed = (event) => event.isComposing || event.keyCode === 229;

  const send = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.altKey || isBeingComposed(event) || THUMBS.matches) return;
    event.preventDefault();
    const button = document.querySelector("#composer-controls .send");
    if (button && event.target.value.trim()) event.target.form.requestSubmit(button);
  };

  const stop = (event) => {
    const isElsewhere = document.querySelector("dialog[open], :popover-open") || event.target.matches?.("select, summary");
    if (event.key !== "Escape" || isBeingComposed(event) || isElsewhere) return;
    document.querySelector("#composer-controls .stop")?.click();
  };

  document.addEventListener("keydown", (event) => {
    if (event.target.id === "composer-text") send(event);
    stop(event);
  });

  // What is typed while a message is on its way goes into the fresh composer that comes back.
  document.addEventListener("htmx:before:request", (event) => {
    if (event.target.id === "composer") sent = document.getElementById("composer-text").value;
  });
  document.addEventListener("htmx:before:swap", (event) => {
    if (event.target.id !== "composer") return;
    const typed = document.getElementById("composer-text").value;
    if (typed === sent) return;
    const rest = typed.startsWith(sent) ? typed.slice(sent.length) : typed;
    document.addEventListener("htmx:after:swap", () => {
      const fresh = document.getElementById("composer-text");
      if (!fresh.value) fresh.value = rest;
    }, { once: true });
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.target.matches?.("#composer, #actions")) millrace.toast("The server cannot be reached. Your text is still here: please try again.");
  });
}

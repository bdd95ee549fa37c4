// Enter sends, or queues while an answer runs, Shift and Enter make a line, Esc stops, an arrow up edits; nothing that is typed gets lost on the way.
"use strict";
{
  const THUMBS = matchMedia("(pointer: coarse) and (hover: none)");
  const SAVE_AFTER = 800, MOST_BYTES = 200 * 1024;
  let sent = "", waiting = 0;

  const box = () => document.getElementById("composer-text");
  const isBeingComposed = (event) => event.isComposing || event.keyCode === 229;

  const send = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.altKey || isBeingComposed(event) || THUMBS.matches) return;
    event.preventDefault();
    const button = document.querySelector("#composer-controls :is(.send, .queue)");
    if (button && event.target.value.trim()) event.target.form.requestSubmit(button);
  };

  const editLast = (event) => {
    if (event.key !== "ArrowUp" || event.target.value || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return;
    const edit = [...document.querySelectorAll('.message[data-role="user"] [formaction$="/edit"]')].at(-1);
    if (edit) event.preventDefault();
    edit?.click();
  };

  const stop = (event) => {
    const isElsewhere = document.querySelector("dialog[open], :popover-open") || event.target.matches?.("select, summary");
    if (event.key !== "Escape" || isBeingComposed(event) || isElsewhere) return;
    document.querySelector("#composer-controls .stop")?.click();
  };

  document.addEventListener("keydown", (event) => {
    if (event.target.id === "composer-text") for (const each of [send, editLast]) each(event);
    stop(event);
  });

  // What is typed is kept on the server, for this page's next life and for other devices.
  const forget = () => { waiting = clearTimeout(waiting); };
  const keep = (keepalive = false) => {
    forget();
    const form = box()?.form;
    if (form?.matches(".htmx-request")) return later();
    if (!form?.dataset.draft) return;
    const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value, message: box().value });
    fetch(form.dataset.draft, { method: "POST", body, keepalive }).catch(() => {});
  };
  const later = () => { forget(); waiting = setTimeout(keep, SAVE_AFTER); };
  document.addEventListener("input", (event) => { if (event.target.id === "composer-text") later(); });
  document.addEventListener("submit", (event) => { if (event.target.id === "composer") forget(); });
  addEventListener("pagehide", () => { if (waiting) keep(true); });

  // A text file becomes a part of the message, between fences that its own text does not close.
  const attach = async (file) => {
    const text = file.size > MOST_BYTES ? "\0" : await file.text();
    if (/[\0\ufffd]/.test(text)) return millrace.toast(`${file.name} is not a text file of at most 200 KB.`);
    const fence = "`".repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)));
    const kind = file.name.match(/\.(\w+)$/)?.[1] ?? "";
    const before = box().value.trimEnd();
    box().value = `${before}${before && "\n\n"}${file.name}\n${fence}${kind}\n${text.trimEnd()}\n${fence}\n`;
    box().dispatchEvent(new Event("input", { bubbles: true }));
    box().focus();
  };
  const attachAll = async (files) => { for (const file of files) await attach(file); };
  const holdsFiles = (event) => box() && event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => { if (holdsFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    attachAll([...event.dataTransfer.files]);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-attach]")) attachAll([...event.target.files]).then(() => { event.target.value = ""; });
  });

  // What is typed while a message is on its way goes into the fresh composer that comes back.
  // Keys may have been pressed since the form was read.
  document.addEventListener("htmx:before:request", (event) => {
    if (event.target.id === "composer") sent = event.detail.ctx.request.body.get("message");
  });
  document.addEventListener("htmx:before:swap", (event) => {
    if (event.target.id !== "composer") return;
    const left = box(), typed = left.value;
    if (typed === sent) return;
    const rest = typed.startsWith(sent) ? typed.slice(sent.length) : typed;
    // Parts of the answer may be swapped in before the composer is.
    const restore = () => {
      if (box() === left) return;
      document.removeEventListener("htmx:after:swap", restore);
      if (!box().value) box().value = rest;
      later();
    };
    document.addEventListener("htmx:after:swap", restore);
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.target.matches?.("#composer, #actions")) millrace.toast("The server cannot be reached. Your text is still here: please try again.");
  });
}

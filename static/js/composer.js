// Enter sends, or queues while an answer runs, Shift and Enter make a line, Esc leaves a form or stops, an arrow up edits; nothing that is typed gets lost on the way.
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
    event.preventDefault();
    [...document.querySelectorAll('.message[data-role="user"] [formaction$="/edit"]')].at(-1)?.click();
  };
  const save = (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest?.(".edit")?.requestSubmit();

  const leave = (event) => {
    const isElsewhere = document.querySelector("dialog[open], :popover-open") || event.target.matches?.("select, summary");
    if (event.key !== "Escape" || isBeingComposed(event) || isElsewhere) return;
    (event.target.closest?.(".edit, .rename")?.querySelector("a") ?? document.querySelector("#composer-controls .stop"))?.click();
  };

  document.addEventListener("keydown", (event) => {
    for (const each of event.target.id === "composer-text" ? [send, editLast, leave] : [save, leave]) each(event);
  });

  // Who opens a page may write at once, but no keyboard comes over it unasked. What a browser has kept of a page is as old as its draft.
  for (const each of ["DOMContentLoaded", "pageshow"]) addEventListener(each, ({ persisted }) => {
    if (persisted) return location.reload();
    const isElsewhere = document.activeElement !== document.body || document.querySelector("[autofocus]") || location.hash.startsWith("#message-");
    if (!isElsewhere && !THUMBS.matches) box()?.focus({ preventScroll: true });
  });
  // A browser would put the caret before the text that stands there already.
  document.addEventListener("focusin", ({ target }) => { if (target.matches("#composer-text, .edit textarea") && !target.selectionEnd) target.selectionStart = target.textLength; });

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
    const kind = file.name.match(/\.(\w+)$/)?.[1] ?? "", before = box().value.trimEnd();
    box().value = `${before}${before && "\n\n"}${file.name}\n${fence}${kind}\n${text.trimEnd()}\n${fence}\n`;
    box().dispatchEvent(new Event("input", { bubbles: true }));
    box().focus();
  };
  const attachAll = async (files) => { for (const file of files) await attach(file); };
  // On their way over the page the files are not told yet.
  for (const each of ["dragover", "drop"]) document.addEventListener(each, (event) => {
    if (!box() || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    attachAll([...event.dataTransfer.files]);
  });
  document.addEventListener("change", ({ target }) => { if (target.matches("[data-attach]")) attachAll([...target.files]).then(() => { target.value = ""; }); });

  // What is typed while a message is on its way goes into the fresh composer that comes back.
  // Keys may have been pressed since the form was read.
  document.addEventListener("htmx:before:request", ({ target, detail }) => { if (target.id === "composer") sent = detail.ctx.request.body.get("message"); });
  document.addEventListener("htmx:before:swap", ({ target, detail }) => {
    const fresh = target.id === "composer" && detail.tasks.map((task) => task.fragment.querySelector("#composer-text")).find(Boolean), typed = box()?.value;
    if (!fresh || typed === sent) return;
    if (!fresh.value) fresh.value = typed.startsWith(sent) ? typed.slice(sent.length) : typed;
    later();
  });
  document.addEventListener("htmx:error", ({ target }) => { if (target.matches?.("#composer, #actions")) millrace.toast("The server cannot be reached. Your text is still here: please try again."); });
}

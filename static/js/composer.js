// Keyboard handling of the message box; nothing that is typed gets lost.
{
  const SAVE_AFTER = 800,
    AGAIN_AFTER = 3_000;
  let sent = "",
    isEmptied = false,
    waiting = 0;
  const box = () => document.getElementById("composer-text");
  const isCovered = () => document.querySelector("dialog:modal, :popover-open:not(#composer-quote, #tuning[popover=manual])");

  const send = (event) => {
    if (!millrace.isSending(event)) return;
    event.preventDefault();
    const button = document.querySelector("#composer-controls :is(.send, .queue)");
    if (button && (event.target.value.trim() || !event.target.required)) event.target.form.requestSubmit(button);
  };

  const editLast = (event) => {
    if (event.key !== "ArrowUp" || event.target.value || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const { me } = box().form.dataset;
    const mine = [...document.querySelectorAll("[data-role=user]")].findLast((each) => (each.dataset.author ?? me) === me);
    mine?.querySelector('[formaction$="/edit"]')?.click();
  };
  // An edited question is sent as a message is; in an answer, Enter begins a new line.
  const save = (event) => {
    const form = event.target.closest?.(".edit");
    const isMeant = event.ctrlKey || event.metaKey || event.target.matches?.("[data-role=user] textarea");
    if (!form || !isMeant || !millrace.isSending(event)) return;
    event.preventDefault();
    form.requestSubmit();
  };
  // Ignores the second click of a double click on Send and Try again.
  document.addEventListener("click", (event) => {
    if (event.detail === 2 && event.target.closest?.(".stop, [formaction$='/again']")) event.preventDefault();
  });

  // Typing without a focused field writes a message.
  const begin = (event) => millrace.isTyped(event) && event.target.matches?.("body, #main") && !isCovered() && box()?.focus();

  const leave = (event) => {
    const isElsewhere = isCovered() || event.target.matches?.("select, summary, [data-typed] *");
    if (event.key !== "Escape" || millrace.isComposing(event) || isElsewhere) return;
    (event.target.closest?.(".edit, .rename")?.querySelector("a") ?? document.querySelector("#composer-controls .stop"))?.click();
  };

  document.addEventListener("keydown", (event) => {
    for (const each of event.target.id === "composer-text" ? [send, editLast, leave] : [save, leave, begin]) each(event);
  });

  // Focuses the message box of a new page, but doesn't open an on-screen keyboard.
  // A page from the back/forward cache may show an old draft, so it is loaded again.
  for (const each of ["arrived", "pageshow"])
    addEventListener(each, ({ persisted }) => {
      if (persisted) return location.reload();
      const isWished = document.querySelector("[autofocus]:not([popover] *, dialog *)"),
        hasFocus = document.activeElement !== document.body || isWished;
      const isElsewhere = hasFocus || location.hash.startsWith("#message-");
      if (!isElsewhere && !millrace.thumbs.matches) box()?.focus({ preventScroll: true });
    });
  // Browsers put the caret before existing text.
  document.addEventListener("focusin", ({ target }) => {
    if (target.matches("#composer-text, .edit textarea") && !target.selectionEnd) target.selectionStart = target.textLength;
  });

  // Saves the draft on the server, for reloads and other devices.
  const forget = () => void (waiting = clearTimeout(waiting));
  const keep = (keepalive = false) => {
    forget();
    const form = box()?.form;
    if (form?.matches(".htmx-request")) return later();
    if (!form?.dataset.draft) return;
    const body = new URLSearchParams({ message: box().value, key: millrace.keyOf(box().value) });
    for (const { name, value } of form.querySelectorAll(".chip input:checked")) body.append(name, value);
    fetch(form.dataset.draft, { method: "POST", body, keepalive }).catch(() => waiting || later(AGAIN_AFTER));
  };
  const later = (wait = SAVE_AFTER) => {
    forget();
    waiting = setTimeout(keep, wait);
  };
  document.addEventListener("input", (event) => {
    if (event.target.id === "composer-text") later();
    event.target.closest("#tuned form:not([data-saving]), .edit, #composer-prompt form")?.setAttribute("data-typed", "");
  });
  document.addEventListener("submit", (event) => event.target.id === "composer" && forget());
  addEventListener("pagehide", () => waiting && keep(true));
  // Other forms are not saved: the browser warns before they are lost.
  const hold = (event, place) => document.querySelector(`${place} [data-typed]`) && event.preventDefault();
  addEventListener("beforeunload", (event) => hold(event, "body"));
  document.addEventListener("htmx:before:request", (event) => event.target.id === "composer-tune" && hold(event, "#tuned"));

  // Text typed while a message is being sent is kept in the new message box. sending.js has emptied the box by now.
  document.addEventListener("htmx:before:request", ({ target, detail }) => {
    if (target.id === "composer") [sent, isEmptied] = [detail.ctx.request.body.get("message"), !box().value];
  });
  document.addEventListener("htmx:before:swap", ({ target, detail }) => {
    const boxes = target.id === "composer" && detail.tasks.map((task) => task.fragment.querySelector("#composer-text"));
    const fresh = boxes?.find?.(Boolean),
      typed = box()?.value;
    if (!fresh) return;
    if (isEmptied && detail.ctx.response.status < 400) sent = "";
    // The page may be newer than this response.
    const [here, there] = [document, fresh.form].map((each) => each.querySelector("#composer-controls input"));
    if (!fresh.value && here.value === there.value) there.parentNode.replaceWith(here.parentNode.cloneNode(true));
    fresh.value += typed.startsWith(sent) ? typed.slice(sent.length) : typed;
    // A morph leaves the value of a focused box alone.
    box().value = fresh.value;
    if (typed !== sent) later();
  });
  document.addEventListener("htmx:error", ({ target, detail }) => {
    if (!target.matches?.("#composer, #actions") || millrace.takes?.(detail.ctx)) return;
    millrace.toast(_("Can't reach the server. Your text is still here. Please try again."));
  });
}

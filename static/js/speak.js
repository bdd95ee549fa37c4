// Announces the answer to screen readers sentence by sentence, and once each when it starts and ends.
{
  const BEGUN = _("The answer has started."),
    EVERY = 900;
  const WORDS = {
    thinking: BEGUN,
    responding: BEGUN,
    completed: _("The answer is complete."),
    stopped: _("The answer was stopped."),
    interrupted: _("The answer was interrupted."),
    failed: _("No answer. The reason is shown instead."),
  };
  const known = new Set(),
    begun = new Set(),
    lines = [],
    later = [];
  let id = "",
    place = 0,
    at = 0,
    ending = "",
    isOver = false,
    waiting = 0;

  const blocks = () => [...document.querySelectorAll(`#${id}-text > :not(.group, .calls), #${id}-text > .group > :not(.calls)`)];
  // A block that is still growing is announced up to its last whole sentence; the rest follows later.
  const fresh = () => {
    const all = blocks();
    let words = "";
    for (; place < all.length; place++, at = 0) {
      const block = all[place],
        isOpen = block.matches(".tail") && !isOver;
      const rest = block.matches(".code, :has(> .code)") ? (isOpen ? "" : _("Code block.")) : block.textContent.slice(at);
      const part = isOpen ? (rest.match(/^[\s\S]*[.!?…](?=\s)/)?.[0] ?? "") : rest;
      words += ` ${part}`;
      at += part.length;
      if (isOpen) break;
    }
    return words.replace(/\s+/g, " ").trim();
  };
  const tick = () => {
    const words = lines.shift() || fresh() || (isOver ? ending : "") || later.shift();
    if (words === ending) ending = "";
    if (words) document.getElementById("announcer")?.replaceChildren(words);
    waiting = words ? setTimeout(tick, EVERY) : 0;
  };
  // By the status, or with the answer itself where it had begun before the page heard of it.
  const begin = (message) => {
    if (!begun.has(message)) lines.push(BEGUN);
    begun.add(message);
  };
  const follow = () => {
    const running = millrace.running();
    if (running && running.id !== id) {
      if (ending) lines.push(ending);
      [id, place, at, ending, isOver] = [running.id, 0, 0, "", false];
      if (running.dataset.status !== "queued") begin(id);
    }
    if (running) waiting ||= setTimeout(tick, EVERY);
  };
  document.addEventListener("arrived", () => {
    [lines.length, later.length, ending, isOver] = [0, 0, "", false];
    id = millrace.running()?.id ?? "";
    place = Math.max(0, blocks().length - 1);
    at = blocks()[place]?.textContent.length ?? 0;
  });
  document.addEventListener("silent", () => {
    lines.push(_("No text from the model for 15 seconds."));
    waiting ||= setTimeout(tick);
  });
  // A question of a workflow, which arrives complete.
  document.addEventListener("said", ({ detail }) => {
    later.push(detail);
    waiting ||= setTimeout(tick);
  });
  document.addEventListener("htmx:after:swap", follow);
  document.addEventListener("grown", () => waiting || follow());
  document.addEventListener("status", (event) => {
    const { status, generation, message } = JSON.parse(event.detail.data),
      words = WORDS[status];
    if (status === "waiting") document.dispatchEvent(new CustomEvent("said", { detail: _("Waiting for your decision.") }));
    if (!words || known.has(generation + words)) return;
    known.add(generation + words);
    if (words === BEGUN) begin(`message-${message}`);
    else begun.delete(`message-${message}`);
    if (words !== BEGUN) ending = words;
    // The last text arrives just after the status.
    const whose = id;
    setTimeout(
      () => {
        isOver ||= whose === id && words !== BEGUN;
        waiting ||= setTimeout(tick);
      },
      words === BEGUN ? 0 : 400,
    );
  });
}

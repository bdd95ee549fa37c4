// Saves each field of a form as it is left or changed, and takes steps back; loaded by pages with a form that has data-saving.
const [PAUSE, SOON, AGAIN, RECENT] = [1500, 500, 3000, 600_000];
const [known, waiting, refused] = [new Map(), new Map(), new Set()];
let [steps, timer, changes, isSending, isLost, followed] = [[], 0, 0, false, false, ""];

const form = () => document.querySelector("[data-saving]");
const boxOf = ({ target }) => target.closest?.("[data-saving] [data-saves]");
const keyOf = (box) => `${form().action} ${box.id}`;
const entriesOf = (box) => {
  const names = [...box.querySelectorAll("[name]")].map(({ name }) => name);
  return [...new FormData(form())].filter(([name]) => names.includes(name));
};
const recent = () => steps.filter(({ url, at }) => url === form()?.action && Date.now() - at < RECENT);
const show = () => {
  form()?.toggleAttribute("data-typed", isLost || refused.size > 0);
  for (const words of form()?.querySelectorAll("[data-lost]") ?? []) words.hidden = !isLost;
  for (const button of form()?.querySelectorAll("[data-undo-all]") ?? []) button.hidden = !recent().length;
};

const enqueue = (box, entries, isDrawn) => {
  changes += 1;
  box.querySelector(".saves__done")?.remove();
  waiting.set(keyOf(box), { key: keyOf(box), url: form().action, id: box.id, name: box.dataset.saves, entries, isDrawn });
};
const note = (box, wait) => {
  if (!box) return;
  const isKnown = JSON.stringify(entriesOf(box)) === JSON.stringify(known.get(keyOf(box)));
  if (isKnown && !refused.has(keyOf(box))) return void waiting.delete(keyOf(box));
  enqueue(box, entriesOf(box));
  clearTimeout(timer);
  timer = setTimeout(send, wait);
};
const swap = (text) => htmx.swap({ text, target: document.body, swap: "none", sourceElement: document.body });
const markOf = (id) => document.getElementById(id)?.dataset.mark ?? "";
const post = ({ url, name, entries }, keepalive) => {
  const body = new URLSearchParams([["changed", name], ["mark", markOf("prompts-end")], ...entries]);
  return fetch(url, { method: "POST", body, keepalive });
};
// One field at a time, so that its last value is the one that stays.
const send = async () => {
  const [change] = isSending ? [] : waiting.values();
  if (!change) return;
  const [{ key }, before] = [change, known.get(change.key) ?? []];
  waiting.delete(key);
  known.set(key, change.entries);
  isSending = true;
  const answer = await post(change).catch(() => ({ status: 0 }));
  [isSending, isLost] = [false, answer.redirected || (!answer.ok && answer.status !== 422)];
  if (!answer.ok) known.set(key, before);
  if (isLost) {
    if (!waiting.has(key)) waiting.set(key, change);
    timer = setTimeout(send, AGAIN);
    return show();
  }
  refused[answer.ok ? "delete" : "add"](key);
  if (answer.ok) steps.push({ ...change, before, at: Date.now() });
  await swap(await millrace.html(answer));
  // Shows what was drawn instead of what is in the fields.
  if (change.isDrawn && !waiting.size) form()?.reset();
  send();
};
const goBack = (taken) => {
  for (const { id, before } of taken) enqueue(document.getElementById(id), before, true);
  send();
};
// Another tab has changed something. News of what was saved here can be late, and what is typed meanwhile goes first.
const follow = async () => {
  show();
  const [mark, since] = [markOf("tuned-mark"), changes];
  const isNews = () => since === changes && !isSending && ![followed, markOf("prompts-end")].includes(mark);
  const isWanted = () => isNews() && mark === markOf("tuned-mark") && !document.querySelector("#tuned [data-typed]");
  if (!mark || !form() || !isWanted()) return;
  await new Promise((done) => setTimeout(done, SOON));
  if (!form() || !isWanted()) return;
  const html = await millrace.fragment(form().action, {}, true);
  if (!html || !isWanted()) return;
  followed = mark;
  await swap(html);
  form()?.reset();
};

document.addEventListener("htmx:after:swap", follow);
for (const event of ["focusin", "pointerdown"])
  document.addEventListener(event, (event) => {
    const box = boxOf(event);
    if (box && !waiting.has(keyOf(box)) && !refused.has(keyOf(box))) known.set(keyOf(box), entriesOf(box));
  });
// A group is saved as a whole when it is left; what is chosen from a list, when it has been chosen.
document.addEventListener("input", (event) => event.target.list || boxOf(event)?.matches("details") || note(boxOf(event), PAUSE));
document.addEventListener("change", (event) => boxOf(event)?.matches("details") || note(boxOf(event), 0));
document.addEventListener("focusout", (event) => boxOf(event)?.contains(event.relatedTarget) || note(boxOf(event), 0));
document.addEventListener("click", ({ target }) => {
  const box = boxOf({ target });
  if (target.closest?.("[data-undo]")) goBack([steps.findLast(({ key }) => key === keyOf(box))]);
  if (!target.closest?.("[data-undo-all]")) return;
  const first = recent().filter(({ id }, at, all) => all.findIndex((step) => step.id === id) === at);
  steps = [];
  goBack(first);
});
document.addEventListener("submit", (event) => {
  if (event.target !== form()) return;
  event.preventDefault();
  if (event.submitter?.name !== "to_default") return;
  enqueue(boxOf({ target: event.submitter }), [], true);
  send();
});
document.addEventListener("arrived", () => {
  refused.clear();
  show();
});
addEventListener("pagehide", ({ isTrusted }) => {
  for (const box of form()?.querySelectorAll("[data-saves]") ?? []) if (known.has(keyOf(box))) note(box, 0);
  if (isTrusted) for (const change of waiting.values()) post(change, true).catch(() => {});
});

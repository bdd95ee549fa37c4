// Saves a text beside the chat as it is typed, and notes which part of it is selected.
const [PAUSE, AGAIN, WORDS] = [1500, 4000, 60];
let timer, sending;
const form = () => document.getElementById("text-form");
const box = () => form()?.elements.text;
const isSaved = () => !box() || box().value === box().defaultValue || document.querySelector("#text-note [data-held]");
const later = (wait = PAUSE) => {
  clearTimeout(timer);
  timer = setTimeout(save, wait);
};
const post = async (field, keepalive) => {
  const [{ action, elements }, { value }] = [form(), field];
  const body = new URLSearchParams({ text: value, version: elements.version.value, since: elements.since.value, auto: "1" });
  const answer = await fetch(action, { method: "POST", body, keepalive, headers: { "HX-Request": "true" } }).catch(() => ({}));
  const isLost = !answer.status || answer.redirected || answer.status >= 500;
  if (answer.ok && !answer.redirected) field.defaultValue = value;
  if (!field.isConnected) return;
  document.getElementById("text-lost").hidden = !isLost;
  if (isLost) return later(AGAIN);
  await htmx.swap({ text: await millrace.html(answer), target: document.body, swap: "none", sourceElement: document.body });
  if (answer.ok && !isSaved()) later();
};
// One at a time, as each is made from the version before it.
const save = (keepalive = false) =>
  (sending ||= isSaved() ? null : post(box(), keepalive === true).finally(() => (sending = null)));
const wait = async (event) => {
  clearTimeout(timer);
  // After Cancel nothing is saved; what was saved before, the server takes back.
  if (event.target === form() && event.submitter?.formNoValidate) box().defaultValue = box().value;
  if (event.target !== form() || !sending) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  await sending;
  event.target.requestSubmit(event.submitter);
};
document.addEventListener("selectionchange", () => {
  const [field, part] = [box(), form()?.elements.part.options[0]];
  if (!field || document.activeElement !== field || field.selectionStart === field.selectionEnd) return;
  const characters = (at) => [...field.value.slice(0, at)].length;
  const words = field.value.slice(field.selectionStart, field.selectionEnd).trim().replace(/\s+/g, " ");
  part.value = `s${characters(field.selectionStart)}-${characters(field.selectionEnd)}`;
  part.textContent = part.dataset.selected.replace("…", words.length > WORDS ? `${words.slice(0, WORDS)}…` : words);
  part.hidden = part.disabled = false;
  part.selected = true;
});
document.addEventListener("input", ({ target }) => {
  if (target !== box()) return;
  const [part, whole] = form().elements.part.options;
  if (part.selected) whole.selected = true;
  part.hidden = part.disabled = true;
  later();
});
document.addEventListener("focusout", ({ target, relatedTarget: to }) => target === box() && !to?.formNoValidate && save());
addEventListener("keydown", ({ key, target }) => key === "Escape" && target === box() && save(), true);
addEventListener("pagehide", () => save(true));
addEventListener("submit", wait, true);
// What was typed before this was loaded.
later();

// The first script: tells style sheets that scripts run, and shows toasts.
"use strict";

const RUNNING = ".message:is([data-status=queued], [data-status=thinking], [data-status=responding], [data-status=saving])";
self.millrace = {
  running: () => document.querySelector(RUNNING),
  isRunning: () => Boolean(millrace.running()),

  thumbs: matchMedia("(pointer: coarse) and (hover: none)"),
  // A click that follows a link here, and that no script has taken.
  isPlain: (click) => !["button", "ctrlKey", "metaKey", "shiftKey", "altKey", "defaultPrevented"].some((key) => click[key]),
  // A sign that is typed; Space presses what has the focus.
  isTyped: ({ key, ctrlKey, metaKey, altKey }) => key.length === 1 && key !== " " && !(ctrlKey || metaKey || altKey),
  // Where an arrow leads in a ring of elements; down from outside, to its first.
  ring(all, now, key) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    return step && all.at((all.indexOf(now) + step) % all.length);
  },
  isComposing: (event) => event.isComposing || event.keyCode === 229,
  // Enter sends, or Ctrl + Enter on a phone and for those who prefer it.
  isSending(event) {
    if (event.key !== "Enter" || event.shiftKey || event.altKey || millrace.isComposing(event)) return false;
    const takesBoth = millrace.thumbs.matches || document.documentElement.dataset.send === "ctrl";
    return !takesBoth || event.ctrlKey || event.metaKey;
  },

  // HTML gets into a page only if it was rendered for one (webapp/web/htmx.py); files and previews never do.
  html: async (answer) => (answer?.headers?.has("Millrace-Page") ? answer.text() : ""),
  async fragment(address, options = {}, isQuiet = false) {
    const answer = await fetch(address, { headers: { "HX-Request": "true" }, ...options }).catch(() => null);
    if (answer?.ok || answer?.status === 422) return millrace.html(answer);
    return isQuiet ? "" : void millrace.lost();
  },
  lost: () => millrace.toast(_("Can't reach the server. Your text is still here. Please try again.")),
  toast(words) {
    const toast = Object.assign(document.createElement("div"), { className: "toast" });
    toast.append(Object.assign(document.createElement("p"), { textContent: words }));
    document.getElementById("toasts").append(toast);
  },
};

document.documentElement.classList.remove("no-js");
document.addEventListener("animationend", (event) => event.animationName === "toast" && leave(event.target));
document.addEventListener("click", ({ target }) => {
  const toast = target.closest("[data-dismiss]")?.closest(".toast");
  // Later, as a removed button would not be submitted.
  if (toast) setTimeout(leave, 0, toast);
});
// What arrives may wish for the focus. A browser leaves it where it is, and says so in its console, so the wish is granted here.
const wishes = [];
document.addEventListener("htmx:before:swap", (event) => {
  const [{ detail, target }, headers] = [event, event.detail.ctx.response?.headers];
  // An error page is ours, too, and is never shown in place of a stream.
  const isOurs = headers?.has("Millrace-Page") && !target.matches?.("#thread, #plan-feed");
  if (headers && !isOurs && !headers.get("Content-Type")?.includes("event-stream")) event.preventDefault();
  const found = detail.tasks.flatMap(({ fragment }) => [...(fragment.querySelectorAll?.("[autofocus]") ?? [])]);
  for (const field of found) field.autofocus = false;
  wishes.push(...found);
});
document.addEventListener("htmx:after:swap", () => {
  for (const field of wishes) field.autofocus = true;
  // Browsers scroll to the wrong place when a new form in the sticky bar takes the focus.
  const [wish] = wishes.splice(0);
  wish?.focus({ preventScroll: wish.id === "rename-title" });
});
// Every page begins with `arrived`, whether it was loaded or swapped in (visit.js).
document.addEventListener("DOMContentLoaded", () => document.dispatchEvent(new Event("arrived", { bubbles: true })));
// Loads what the page doesn't need at first, once: by address, or by the names that `LATER` in assets.py joins under one address.
// What fails is tried for a minute: the server may just be starting again.
const [begun, { parts }] = [{}, document.currentScript.dataset];
const pause = (wait) => new Promise((done) => setTimeout(done, wait));
const load = (path, wait = 1_000) =>
  import(path).catch(() => wait < 60_000 && pause(wait).then(() => load(`${path}&`, 2 * wait)));
const begin = async (name) => (name.startsWith("/") ? load(name) : (await (begun.all ??= load(parts))).default[name]());
millrace.later = (place) => {
  const names = [...place.querySelectorAll("[data-later]")].flatMap(({ dataset }) => dataset.later.split(" "));
  return Promise.all(names.map((name) => (begun[name] ??= begin(name))));
};
addEventListener("load", () => millrace.later(document));
document.addEventListener("arrived", () => document.readyState === "complete" && millrace.later(document));
function leave(toast) {
  if (toast.contains(document.activeElement)) document.getElementById("main")?.focus({ preventScroll: true });
  toast.remove();
}

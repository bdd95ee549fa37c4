// Menus and the buttons of a decision by key: ↓ opens one; arrows, Home and End lead through it, a letter to what begins so.
const MENU = ".menu__list, .deeds, .sidebar__menu, .account__menu, .ask__row";
document.addEventListener("keydown", (event) => {
  const [{ key, target }, popover] = [event, event.target.popoverTargetElement],
    isDown = key === "ArrowDown" && target.matches?.("[popovertarget], .chats__more"),
    isOpened = isDown && !popover?.matches(":popover-open");
  if (isOpened) target.click();
  const menu = ((isDown && popover) || target).closest?.(MENU);
  const isText = millrace.isComposing(event) || target.matches?.("input, select, textarea");
  const entries = [...(menu?.querySelectorAll("a, button, summary") ?? [])].filter((each) => each.checkVisibility());
  const after = millrace.isTyped(event) ? [...entries.slice(entries.indexOf(target) + 1), ...entries] : [],
    named = after.find(({ textContent }) => textContent.trim().toLowerCase().startsWith(key.toLowerCase()));
  const next = millrace.ring(entries, target, key) || { Home: entries[0], End: entries.at(-1) }[key] || named;
  if (isOpened || (next && !isText)) event.preventDefault();
  if (!isText) next?.focus();
});
// One closes when its action changes the page in place.
document.addEventListener("click", ({ target }) => {
  const action = target.closest(":is(.menu__list, .deeds) :is(a[hx-get], a[data-panel], button[formaction])");
  action?.closest("[popover]").hidePopover();
});
// From a decision to the next one, and from the last back to the message box.
millrace.acts.waiting = () => {
  const cards = [...document.querySelectorAll(".ask")],
    next = cards[cards.findIndex((card) => card.matches(":focus-within")) + 1];
  (next?.querySelector("[name]:not([hidden], [type=hidden])") ?? next ?? document.getElementById("composer-text"))?.focus();
};
// For style sheets, which show keys beside what they lead to.
const { style, dataset } = document.documentElement;
for (const [key, name] of Object.entries(JSON.parse(dataset.keys))) style.setProperty(`--key-${name}`, JSON.stringify(key));

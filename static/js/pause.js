// Holds the visible answer still; new text goes into a hidden copy of it.
"use strict";
{
  const pill = () => document.getElementById("held");
  const show = (isHeld) => {
    pill().hidden = !isHeld;
    document.querySelector(isHeld ? "#held button" : "#composer-controls .go")?.focus({ preventScroll: true });
  };
  const pause = () => {
    const seen = millrace.running(),
      live = seen?.cloneNode(true);
    if (!seen) return;
    for (const each of [seen, ...seen.querySelectorAll("[id]")]) each.removeAttribute("id");
    delete seen.dataset.status;
    live.hidden = seen.dataset.still = true;
    seen.after(live);
    show(true);
  };
  const resume = () => {
    for (const part of document.querySelectorAll("[data-still]")) {
      part.nextElementSibling.hidden = false;
      part.remove();
    }
    show(false);
  };
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-pause]")) pause();
    else if (event.target.closest("#held")) resume();
  });
  document.addEventListener("htmx:after:swap", () => {
    if (pill() && !document.querySelector("[data-still]")) pill().hidden = true;
  });
}

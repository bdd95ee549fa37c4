// Opens the preview of a block of code below it, and closes it; without this file its link leads to a page of its own.
"use strict";
document.addEventListener("click", (event) => {
  const link = event.target.closest("a.view");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const block = link.closest(".code"), shown = block.querySelector("iframe");
  link.textContent = shown ? "Preview" : "Close preview";
  if (shown) return shown.remove();
  const frame = Object.assign(document.createElement("iframe"), {
    className: "preview", title: "Preview", sandbox: "allow-scripts", referrerPolicy: "no-referrer",
  });
  frame.src = link.href.replace("/preview?", "/frame?");
  block.append(frame);
});

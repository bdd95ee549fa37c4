// What can follow in the text of a workflow: the request says where one writes, and what is pressed is put there.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const source = document.getElementById("source"), found = document.getElementById("completions");
  // Letters as the server counts them.
  const place = () => { source.form.elements.at.value = [...source.value.slice(0, source.selectionStart)].length; };
  for (const event of ["input", "click", "keyup"]) source.addEventListener(event, place);
  source.addEventListener("keydown", (event) => {
    if (event.key !== " " || !event.ctrlKey) return;
    event.preventDefault();
    found.querySelector("button")?.focus();
  });
  found.addEventListener("keydown", ({ key }) => { if (key === "Escape") source.focus(); });
  found.addEventListener("click", ({ target }) => {
    const rest = target.closest("[data-rest]")?.dataset.rest;
    if (!rest) return;
    source.focus();
    // The one way that can be undone.
    document.execCommand("insertText", false, rest);
  });
});

// What is being read stays where it is when earlier messages come in above it; browsers see to that but at the very top.
"use strict";
{
  let first = null, place = 0;

  document.addEventListener("htmx:before:swap", (event) => {
    if (first || scrollY > 1 || !event.target.closest?.("#earlier")) return;
    first = document.querySelector("#thread article");
    place = first?.getBoundingClientRect().top;
  });
  document.addEventListener("htmx:after:swap", () => {
    if (first) scrollBy({ top: first.getBoundingClientRect().top - place, behavior: "instant" });
    first = null;
  });
}

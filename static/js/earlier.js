// What is being read stays where it is when earlier messages come in above it; browsers see to that but at the very top.
"use strict";
document.addEventListener("htmx:before:swap", (event) => {
  if (scrollY < 2 && event.target.closest?.("#earlier")) scrollTo({ top: 2, behavior: "instant" });
});

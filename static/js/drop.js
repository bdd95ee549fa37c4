// Documents dropped anywhere on the page are put into its form and sent.
"use strict";
{
  const choice = () => document.getElementById("document-files");
  const brings = (event) => choice() && event.dataTransfer?.types.includes("Files");
  const mark = (is) => choice()?.form.classList.toggle("form--dropping", is);

  document.addEventListener("dragover", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => !relatedTarget && mark(false));
  document.addEventListener("drop", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    choice().files = event.dataTransfer.files;
    choice().form.requestSubmit();
  });
}

// Documents dropped anywhere on the page are put into its form and sent; what is dropped on the composer is its own.
const choice = () => document.getElementById("document-files");
const brings = ({ target, dataTransfer }) =>
  choice() && dataTransfer?.types.includes("Files") && !target.closest?.("#composer-box");
const mark = (is, how = "dropping") => choice()?.form.classList.toggle(`form--${how}`, is);

document.addEventListener("dragover", (event) => mark(!!brings(event)) && event.preventDefault());
document.addEventListener("submit", ({ target }) => target === choice()?.form && mark(choice().files.length > 0, "sending"));
document.addEventListener("dragleave", ({ relatedTarget }) => !relatedTarget && mark(false));
document.addEventListener("drop", (event) => {
  if (!brings(event)) return;
  event.preventDefault();
  choice().files = event.dataTransfer.files;
  choice().form.requestSubmit();
});
document.addEventListener("change", ({ target }) => target.matches("#document-files[data-sends]") && target.form.requestSubmit());

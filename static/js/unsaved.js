// Warns before what was changed in a form is lost; loaded by forms that are marked with data-unsaved.
let isSent = false;

const isDefault = (option) => option.defaultSelected;
const initial = ({ options }) => Math.max([...options].findLastIndex(isDefault), 0);
const isChanged = (field) => {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.type === "file") return field.files.length > 0;
  if (field.type === "select-multiple") return [...field.options].some((option) => option.selected !== option.defaultSelected);
  if (field.type === "select-one") return field.selectedIndex !== initial(field);
  return "defaultValue" in field && field.value !== field.defaultValue;
};
// A form that was refused holds what was typed as its defaults.
const isUnsaved = (form) => form.querySelector("[aria-invalid=true]") || [...form.elements].some(isChanged);

document.addEventListener("submit", ({ target }) => (isSent = target.matches("[data-unsaved]")));
// A page that comes back from the cache has not sent its form yet.
for (const event of ["pageshow", "arrived"]) addEventListener(event, () => (isSent = false));
addEventListener("beforeunload", (event) => {
  if (!isSent && [...document.querySelectorAll("form[data-unsaved]")].some(isUnsaved)) event.preventDefault();
});

// Sliders of text fields: a slider says in words what its number means, and an empty field stays the default.
const fieldOf = (slider) => document.getElementById(slider.dataset.field);
const words = (slider, value) =>
  [...slider.list.options].findLast((option) => Number(option.value) <= value)?.label ?? slider.list.options[0].label;

const say = (slider) => {
  const field = fieldOf(slider),
    typed = Number(field.value.replace(",", "."));
  if (field.value.trim() && !Number.isNaN(typed)) slider.value = typed;
  const text = field.value.trim() ? words(slider, slider.value) : slider.dataset.empty;
  slider.setAttribute("aria-valuetext", `${text}, ${slider.value}`);
  slider.parentElement.querySelector("output").textContent = text;
};

document.addEventListener("input", ({ target }) => {
  if (target.matches?.("[data-field]")) {
    fieldOf(target).value = target.value;
    say(target);
  } else {
    const slider = document.querySelector(`[data-field="${CSS.escape(target.id)}"]`);
    if (slider) say(slider);
  }
});
// What a field holds can be newer than the answer that draws its slider.
document.addEventListener("htmx:after:swap", () => document.querySelectorAll("[data-field]").forEach(say));

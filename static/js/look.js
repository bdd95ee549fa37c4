// Shows a look as soon as it is chosen; htmx stores it. Loaded by the settings.
document.addEventListener("change", ({ target }) => {
  const look = target.closest("[data-look]");
  if (!look) return;
  const name = `data-${look.dataset.look}`;
  if (target.value) document.documentElement.setAttribute(name, target.value);
  else document.documentElement.removeAttribute(name);
});

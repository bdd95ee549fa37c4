// Uploads a picture or document and adds the result; loaded with the first one.
export const upload = async (file, { model }, chips, add) => {
  const body = new FormData();
  if (model) body.append(model.name, model.value);
  body.append("file", file);
  chips.toggleAttribute("data-coming", true);
  const told = await fetch("/files", { method: "POST", body, headers: { Accept: "application/json" } })
    .then((answer) => answer.json())
    .catch(() => ({}));
  chips.toggleAttribute("data-coming", false);
  const chip = told.block && add(told);
  if (told.url) chip.prepend(Object.assign(new Image(), { className: "chip__picture", src: told.url, alt: "" }));
  const words = told.warning ?? told.detail ?? _("Couldn't upload the file. Please try again.");
  if (words) millrace.toast(words);
};

// Files and long pastes appear above the message box, where they can be checked or removed.
{
  const LONG_CHARS = 3000;
  let sent = [];
  const box = () => document.getElementById("composer-text");
  const chips = () => document.getElementById("composer-chips");
  const changed = () => {
    box().required = !chips().children.length;
    box().dispatchEvent(new Event("input", { bubbles: true }));
  };

  const add = ({ name, size, text, block }) => {
    const chip = document.getElementById("chip").content.cloneNode(true).firstElementChild;
    for (const each of chip.querySelectorAll("[data-name]")) each.textContent = name;
    chip.querySelector(".chip__size").textContent = size;
    chip.querySelector("pre").textContent = text;
    chip.querySelector("[name=part]").value = block;
    chips().append(chip);
    changed();
    return chip;
  };
  // Uses a fence longer than any in the text.
  const addText = (path, text) => {
    const plain = path.replace(/[\n\r`]+/g, " "),
      name = /[^.]\.\w+$/.test(plain) ? plain : `${plain}.txt`;
    const fence = "`".repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)));
    const bytes = new Blob([text.trimEnd()]).size,
      size = bytes < 1000 ? `${bytes} ${_("bytes")}` : `${Math.round(bytes / 1024)} KB`;
    add({ name, size, text, block: `${name}\n${fence}${name.match(/\w+$/)[0]}\n${text.trimEnd()}\n${fence}` });
  };
  const attach = async (file) => {
    const text = file.size > chips().dataset.most ? "\0" : await file.text();
    if (!/^%PDF|[\0\ufffd]/.test(text)) return addText(file.name, text.replace(/\r\n/g, "\n"));
    const { upload } = await import(chips().dataset.upload);
    await upload(file, box().form.elements, chips(), add);
  };
  const attachAll = async (files) => {
    for (const file of [...files]) await attach(file);
    box().focus();
  };

  document.addEventListener("paste", (event) => {
    const { files = [] } = event.clipboardData ?? {};
    const text = event.clipboardData?.getData("text/plain").replace(/\r\n/g, "\n") ?? "";
    if (event.target.id !== "composer-text" || (text ? text.length <= LONG_CHARS : !files.length)) return;
    event.preventDefault();
    attachAll(text ? [new File([text], "Pasted text.txt")] : files);
  });
  // While files are dragged over the page, browsers don't say which.
  for (const each of ["dragover", "drop"])
    document.addEventListener(each, (event) => {
      if (!chips() || !event.dataTransfer?.types.includes("Files")) return;
      // Elsewhere on a page with files of its own, they are added to those.
      if (document.getElementById("document-files") && !event.target.closest?.("#composer-box")) return;
      event.preventDefault();
      attachAll(event.dataTransfer.files);
    });
  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-attach]")) attachAll(target.files).then(() => (target.value = ""));
  });
  document.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-remove]")?.closest(".chip");
    if (!chip) return;
    chip.remove();
    changed();
    box().focus();
  });

  // Keeps files that are added while a message is being sent.
  document.addEventListener("htmx:before:request", ({ target, detail }) => {
    if (target.id === "composer") sent = detail.ctx.request.body.getAll("part");
  });
  document.addEventListener("htmx:before:swap", ({ target, detail }) => {
    const lists = target.id === "composer" ? detail.tasks.map((task) => task.fragment.querySelector("#composer-chips")) : [];
    const isNew = (chip) => !sent.includes(chip.querySelector("[name=part]").value);
    lists.find(Boolean)?.append(...[...chips().children].filter(isNew));
  });
}

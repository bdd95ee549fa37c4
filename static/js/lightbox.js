// Shows the pictures of a chat over the page, one after the other.
const box = () => document.getElementById("lightbox");
const pictures = () => [...document.querySelectorAll("#thread .pictures a")];
let shown;

const show = (link) => {
  const all = pictures(),
    at = all.indexOf(link),
    image = box().querySelector("img");
  shown = link;
  image.src = link.href;
  image.alt = link.querySelector("img").alt;
  box().querySelector("[target]").href = link.href;
  // Only where the message's own buttons have it.
  const [message, change] = [link.closest(".message"), box().querySelector("[data-panel]")];
  change.hidden = !message.querySelector("[data-buttons~=picture]");
  change.href = `/messages/${message.id.slice("message-".length)}/picture?picture=${link.href.split("/").pop()}`;
  box().querySelector("output").textContent = `${at + 1} / ${all.length}`;
  for (const button of box().querySelectorAll("[data-step]")) button.disabled = !all[at + Number(button.dataset.step)];
  if (!box().open) box().showModal();
};
const step = (by) => show(pictures()[pictures().indexOf(shown) + by] ?? shown);

// Before other listeners, which would follow the link or turn to another version of an answer.
addEventListener(
  "click",
  (event) => {
    const link = event.target.closest("#thread .pictures a");
    if (link && millrace.isPlain(event)) {
      event.preventDefault();
      event.stopPropagation();
      show(link);
    } else if (event.target.closest("#lightbox [data-step]")) step(Number(event.target.closest("[data-step]").dataset.step));
    else if (event.target.matches("#lightbox, #lightbox img, #lightbox [data-close], #lightbox [data-close] *")) box().close();
  },
  true,
);
addEventListener(
  "keydown",
  (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || !box()?.open) return;
    event.stopPropagation();
    step(by);
  },
  true,
);

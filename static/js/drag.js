// Puts a chat of the sidebar into a project by dragging it there, and takes it out at the heading of other chats.
let place = null;

const mark = (now) => {
  place?.classList.remove("chats__drop");
  place = now;
  place?.classList.add("chats__drop");
};
document.addEventListener("dragover", (event) => {
  const isLink = event.dataTransfer.types.includes("text/uri-list");
  mark(isLink ? event.target.closest?.("#sidebar-chats :is([data-project], .chats__projects ~ h2)") : null);
  if (place) event.preventDefault();
});
document.addEventListener("dragend", () => mark(null));
document.addEventListener("drop", (event) => {
  const [to, url] = [place, URL.parse(event.dataTransfer.getData("text/uri-list"), location.href)];
  mark(null);
  if (!to || url?.origin !== location.origin || !/^\/chats\/\w+$/.test(url.pathname)) return;
  event.preventDefault();
  htmx.ajax("POST", `${url.pathname}/project`, { values: { project: to.dataset.project ?? "" }, swap: "none" });
});

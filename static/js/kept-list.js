// Lists what is kept, on the page that is shown without a network.
document.addEventListener("arrived", async () => {
  const place = document.querySelector("[data-kept-list]"),
    name = place && (await caches.keys()).find((name) => name.startsWith("kept "));
  if (!name) return;
  const pages = await caches.open(name);
  for (const { url } of await pages.keys()) {
    const page = new DOMParser().parseFromString(await (await pages.match(url)).text(), "text/html"),
      row = document.createElement("li");
    row.append(Object.assign(document.createElement("a"), { href: url, textContent: page.title.replace(/ · Millrace$/, "") }));
    place.prepend(row);
  }
  place.parentElement.hidden = false;
});

// Draws the buttons of messages from one template: a page in which each message had all of its own would be twice as long.
{
  const ID = "MESSAGE",
    PLACE = ".actions[data-buttons]";
  const iconed = (button, id) => {
    const { if: own, sign, kind = "bare", id: name = own } = button.dataset,
      icon = document.querySelector("svg.icon").cloneNode(true),
      label = Object.assign(document.createElement("span"), { textContent: button.textContent });
    const use = icon.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${sign}`));
    if (button.title === label.textContent) label.className = "sr";
    button.className = `button button--${kind} button--small ${button.className}`;
    button.id = `message-${id}-${name}`;
    button.replaceChildren(icon, label);
  };
  const drawn = (template, id, names) => {
    const shape = document.getElementById(template).content.cloneNode(true);
    for (const part of shape.querySelectorAll("[data-if]")) if (!names.includes(part.dataset.if)) part.remove();
    for (const part of shape.querySelectorAll("*"))
      for (const { name, value } of part.attributes) if (value.includes(ID)) part.setAttribute(name, value.replaceAll(ID, id));
    for (const button of shape.querySelectorAll("[data-sign]")) iconed(button, id);
    return shape;
  };
  const idOf = (place) => place.parentElement.id.slice("message-".length, -"-aside".length);
  // What is rarely needed is drawn when it is opened. A rating of one's own is drawn by the server.
  const fill = (deeds, place) => {
    const rated = place.querySelector(":scope > .thumbs");
    deeds.append(drawn("deeds", idOf(place), place.dataset.buttons.split(" ")));
    if (rated) deeds.querySelector(".thumbs")?.replaceWith(rated);
  };
  // Where several models have answered, each answer says its own. An answer that has ended comes with its buttons.
  const several = () => {
    const names = [...document.querySelectorAll("#thread [data-model]")].map(({ dataset }) => dataset.model);
    document.getElementById("thread")?.toggleAttribute("data-several", new Set(names).size > 1);
  };
  const draw = (root) => {
    if (root !== document && root.querySelector(PLACE)) setTimeout(several);
    for (const place of root.querySelectorAll(PLACE)) {
      const names = place.dataset.buttons.split(" "),
        id = idOf(place),
        versions = place.querySelector(".versions") ?? "";
      if (place.querySelector(":scope > :is(.deeds, [data-copy])")) continue;
      const shape = drawn(`buttons-${names[0]}`, id, names);
      // The next step is drawn by the server, for browsers without scripts.
      for (const button of place.querySelectorAll(":scope > .button")) shape.querySelector(`#${button.id}`)?.replaceWith(button);
      shape.querySelector("[data-versions]").replaceWith(versions);
      place.append(shape);
      // A menu that is open stays so when its message is drawn again.
      const deeds = place.querySelector(".deeds"),
        shown = root !== document && deeds && document.getElementById(deeds.id);
      if (shown?.childElementCount || (shown && document.getElementById(`message-${id}-thumbs`))) fill(deeds, place);
    }
  };
  document.addEventListener("arrived", () => draw(document));
  document.addEventListener("htmx:before:swap", ({ detail }) => {
    for (const { fragment } of detail.tasks) if (fragment.querySelectorAll) draw(fragment);
  });
  const open = ({ target }) => {
    if (!target.matches(".deeds:empty")) return;
    fill(target, target.closest(PLACE));
    htmx.process(target);
  };
  document.addEventListener("beforetoggle", open, true);
}

// What a page shows goes once access to it is lost; what was typed stays, and can be copied. Loaded after the page.
const CHAT = `#main > :not(#thread, .dock, #sending, template), #thread > *, .edit > :not(textarea, label),
  .dock > :not(.below, #status-line, template, section), #composer-box > :not(form), #composer > :not(textarea, label),
  .top > :not(.only-narrow, .grow, h1), .sidebar :is(li:has(> [aria-current]), .chats--here, #sidebar-menu > *)`;
const GONE = { 401: "#composer-controls, #follow-up button", 404: CHAT };
const isTyped = (part) => [...part.querySelectorAll("textarea")].some(({ value, defaultValue }) => value !== defaultValue);

document.addEventListener("refused", ({ detail: status }) => {
  if (!GONE[status] || !document.getElementById("thread")) return;
  for (const part of document.querySelectorAll(GONE[status])) if (!isTyped(part)) part.remove();
  for (const field of document.querySelectorAll("#main textarea")) field.readOnly = true;
  const [list, path] = [document.getElementById("sidebar-chats"), location.pathname];
  if (status !== 404 || !list) return;
  document.getElementById("chat-title")?.replaceChildren(_("Chat"));
  document.title = "Millrace";
  self.speechSynthesis?.cancel();
  // The sidebar was part of the chat's stream.
  list.setAttribute("hx-sse:connect", "/lists/sidebar/events");
  htmx.process(list);
  // It is back when the list has it again, for example after *Undo*.
  document.addEventListener("htmx:after:swap", () => {
    const isBack = path === location.pathname && document.querySelector(`#sidebar-chats a[href="${path}"]`);
    if (isBack && !isTyped(document)) location.reload();
  });
});
// Any other page is loaded again, which says it; after a sign-out, unless something is typed. A first connection doesn't count.
const isLost = (status) => !document.querySelector("#status-line") && [403, 404, isTyped(document) || 401].includes(status);
document.addEventListener("htmx:sse:error", ({ detail }) => isLost(detail.status) && location.reload());

// Says what a running answer does, in the language of the page; projection.py has the same words. Before stream.js.
{
  const STATES = { thinking: _("Thinking"), responding: _("Answering"), saving: _("Saving"), waiting: _("Waiting for you") };
  const DOING = {
    again: _("Retrying"),
    calling: _("Using a tool"),
    asking: _("Waiting for an answer"),
    continuing: _("Continuing after a restart"),
    drawing: _("Creating a picture"),
  };
  const doing = ({ is, title, chars, end }) => {
    if (is !== "writing") return DOING[is];
    const words = chars === 1 ? _("Preparing: %(title)s · %(num)s character") : _("Preparing: %(title)s · %(num)s characters");
    const number = chars.toLocaleString(document.documentElement.lang);
    return `${words.replace("%(title)s", () => title).replace("%(num)s", number)}${end}`;
  };
  const thoughtFor = (time) => (time === "0 s" ? _("Thought for a moment") : _("Thought for %(time)s").replace("%(time)s", time));
  const word = (article, status, words) => {
    const state = article.querySelector(".state__words");
    if (!state) return;
    const since = state.parentElement.querySelector("[data-since]")?.dataset.since;
    const thought = article.querySelector(".thought summary span");
    if (status === "responding" && state.textContent === STATES.thinking && thought && since)
      thought.textContent = thoughtFor(millrace.elapsed(since));
    state.textContent = words;
  };
  document.addEventListener("status", (event) => {
    const told = JSON.parse(event.detail.data),
      words = told.doing ? doing(told.doing) : STATES[told.status],
      article = document.getElementById(`message-${told.message}`);
    if (!article) return;
    article.dataset.status = told.status;
    if (words) word(article, told.status, words);
  });
}

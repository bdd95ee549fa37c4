// Shows a notification when an answer ends while the page is hidden, if the person has turned that on.
// Browsers on phones show notifications only from a service worker, which shows what the server pushes (sw.js). A device that is
// told by the server isn't told here as well.
if (self.isSecureContext && self.Notification && !/Android|iPhone|iPad/.test(navigator.userAgent)) {
  const WORDS = {
    completed: _("The answer is complete."),
    interrupted: _("The answer was cut off."),
    failed: _("There is no answer."),
    waiting: _("Waiting for you."),
  };
  const [root, choice] = [document.documentElement.dataset, () => localStorage.getItem("notifications")];
  const isOn = () => Notification.permission === "granted" && choice() === "on" && !("isPushed" in root);
  const show = () => (root.notifications = Notification.permission === "denied" ? "blocked" : isOn() ? "on" : "off");
  // Offered once, with the first long answer; after that only in the chat's menu.
  setInterval(() => {
    const since = millrace.running()?.querySelector("[data-since]")?.dataset.since;
    const isNew = Notification.permission === "default" && !choice(),
      isLong = since && Date.now() - new Date(since) > 10000;
    if (isNew && isLong && !document.hidden) root.offersNotifications = "";
    if (isNew && !since && "offersNotifications" in root) localStorage.setItem("notifications", "off");
    if (!since) delete root.offersNotifications;
  }, 1000);
  let told = "";
  document.addEventListener("status", (event) => {
    const { generation, status } = JSON.parse(event.detail.data),
      body = WORDS[status];
    if (!body || generation + status === told || !document.hidden || !isOn()) return;
    told = generation + status;
    const notice = new Notification(document.title.replace(/^[…●] | · Millrace$/g, ""), { body, tag: location.pathname });
    notice.onclick = () => {
      focus();
      notice.close();
    };
  });
  document.addEventListener("click", async ({ target }) => {
    if (!target.closest(".notify")) return;
    const isWanted = !isOn() && (await Notification.requestPermission()) === "granted";
    localStorage.setItem("notifications", isWanted ? "on" : "off");
    show();
  });
  show();
}

// Says by a notification that an answer has ended while the page is hidden, to who has asked for that.
"use strict";
// Browsers of phones show notifications for a service worker only, and there is none.
if (self.isSecureContext && self.Notification && !/Android|iPhone|iPad/.test(navigator.userAgent)) {
  const WORDS = { completed: "The answer is complete.", interrupted: "The answer was cut off.", failed: "There is no answer." };
  const root = document.documentElement.dataset, choice = () => localStorage.getItem("notifications");
  const isOn = () => Notification.permission === "granted" && choice() === "on";
  const show = () => { root.notifications = Notification.permission === "denied" ? "blocked" : isOn() ? "on" : "off"; };
  // Once, with the first long answer that is seen; afterwards it is in the chat's menu alone.
  setInterval(() => {
    const since = millrace.running()?.querySelector("[data-since]")?.dataset.since;
    const isNew = Notification.permission === "default" && !choice(), isLong = since && Date.now() - new Date(since) > 10000;
    if (isNew && isLong && !document.hidden) root.offersNotifications = "";
    if (isNew && !since && "offersNotifications" in root) localStorage.setItem("notifications", "off");
    if (!since) delete root.offersNotifications;
  }, 1000);
  let told = "";
  document.addEventListener("status", (event) => {
    const { generation, status } = JSON.parse(event.detail.data), body = WORDS[status];
    if (!body || generation === told || !document.hidden || !isOn()) return;
    told = generation;
    const notice = new Notification(document.title.replace(/^[…●] | · Millrace$/g, ""), { body, tag: location.pathname });
    notice.onclick = () => { focus(); notice.close(); };
  });
  document.addEventListener("click", async ({ target }) => {
    if (!target.closest(".notify")) return;
    const isWanted = !isOn() && (await Notification.requestPermission()) === "granted";
    localStorage.setItem("notifications", isWanted ? "on" : "off");
    show();
  });
  show();
}

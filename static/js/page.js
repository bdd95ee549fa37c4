// First of all scripts: tells the style sheets that scripts run, and shows small messages that leave by themselves.
"use strict";

const millrace = {
  isRunning: () => Boolean(document.querySelector(
    ".message:is([data-status=queued], [data-status=thinking], [data-status=responding], [data-status=saving])")),

  toast(words) {
    const toast = Object.assign(document.createElement("div"), { className: "toast" });
    toast.append(Object.assign(document.createElement("p"), { textContent: words }));
    document.getElementById("toasts").append(toast);
  },
};

document.documentElement.classList.remove("no-js");
document.addEventListener("animationend", (event) => {
  if (event.animationName === "toast") event.target.remove();
});
document.addEventListener("click", (event) => {
  event.target.closest("[data-dismiss]")?.closest(".toast").remove();
});

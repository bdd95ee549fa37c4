// Sends a large file of the import in pieces. After a break, or when the same file is chosen again, it continues where it ended.
"use strict";
{
  const [FIRST_PAUSE, MOST_PAUSE] = [1_000, 30_000];
  const pause = (time) => new Promise((done) => setTimeout(done, time));
  // Nothing if the network or the server fails for now.
  const ask = (address, body) =>
    fetch(address, { method: "POST", body, headers: { Accept: "application/json" } })
      .then((answer) => (answer.status >= 500 || answer.status === 429 ? null : answer.json()))
      .catch(() => null);

  const send = async (address, bytes, file) => {
    const about = new URLSearchParams({ name: file.name, size: file.size, mark: file.lastModified });
    for (let wait = FIRST_PAUSE; ; wait = Math.min(2 * wait, MOST_PAUSE)) {
      let told = await ask(address, about);
      while (told?.state === "uploading") {
        wait = FIRST_PAUSE;
        told = await ask(`${address}/${told.id}/pieces?at=${told.stored}`, file.slice(told.stored, told.stored + bytes));
      }
      if (told) return told.detail && millrace.toast(told.detail);
      await pause(wait);
    }
  };

  let sending;
  document.addEventListener("submit", (event) => {
    const { pieces, pieceBytes } = event.target.dataset;
    const [file, ...others] = (pieces && event.target.file.files) || [];
    if (!file || others.length || file.size <= pieceBytes) return;
    event.preventDefault();
    sending ??= send(pieces, Number(pieceBytes), file).finally(() => void (sending = null));
  });
}

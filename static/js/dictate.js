// Dictation: records what is said until it falls silent, and puts it into the message where the caret is. Nothing is sent by
// itself, and a recording that couldn't be written down stays until it is written down or discarded.
const [SILENCE, UNHEARD, LONGEST, EVERY, BITS] = [2_500, 15_000, 600_000, 100, 32_000];
// The least level that counts as speech, and how many times louder than the room it is.
const [LEAST, ABOVE, LOUDEST] = [0.01, 3, 0.15];
const bar = () => document.getElementById("composer-dictation");
const box = () => document.getElementById("composer-text");
const file = () => document.getElementById("composer-recording");
// What it does now: `stream`, `recorder` and `timer` while it listens, then `recording`.
let now = {};

const show = (state, words = "") => {
  if (!bar()) return;
  bar().querySelector("[role=status]").textContent = words;
  bar().dataset.state = state;
  // Browsers ask before a recording is lost with the page.
  bar().toggleAttribute("data-typed", ["listening", "writing", "failed"].includes(state));
};
const release = ({ stream, sound, timer }) => {
  clearInterval(timer);
  for (const track of stream?.getTracks() ?? []) track.stop();
  if (sound?.state !== "closed") sound?.close();
};
const leave = () => {
  release(now);
  now = {};
  show("");
};
const fail = (words) => {
  release(now);
  show(now.recording ? "failed" : "refused", words);
};
const insert = (text) => {
  const field = box();
  field.focus({ preventScroll: true });
  const [before, after] = [field.value.slice(0, field.selectionStart), field.value.slice(field.selectionEnd)];
  // As if it had been typed, so that it can be undone.
  document.execCommand("insertText", false, `${/\S$/.test(before) ? " " : ""}${text}${/^\S/.test(after) ? " " : ""}`);
};
const write = async (recording) => {
  const mine = (now = { recording });
  show("writing", _("Transcribing…"));
  const body = new FormData();
  body.append("recording", recording, "recording");
  const told = await fetch(bar().dataset.url, { method: "POST", body, headers: { Accept: "application/json" } })
    .then((answer) => answer.json())
    .catch(() => ({}));
  if (mine !== now) return;
  if (!told.text) return fail(told.detail ?? _("Can't reach the server. Your recording is still here. Please try again."));
  leave();
  insert(told.text);
};
const done = () => now.recorder?.state === "recording" && now.recorder.stop();

const WORDS = {
  NotAllowedError: _("Your browser is blocking the microphone. Allow it in the address bar, then try again."),
  NotFoundError: _("No microphone found. Connect one and try again."),
};
// Ends after a silence that follows speech. The level of the room is followed slowly upwards, so that a fan is no speech.
const listen = (mine) => {
  const samples = new Float32Array(2048),
    began = Date.now();
  let [room, heard] = [LEAST / ABOVE, 0];
  mine.timer = setInterval(() => {
    mine.analyser.getFloatTimeDomainData(samples);
    const level = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length),
      [at, seconds] = [Date.now(), Math.floor((Date.now() - began) / 1000)];
    room = Math.min(Math.max(level, LEAST / ABOVE / 2), room * 1.01);
    if (level > Math.max(LEAST, room * ABOVE)) heard = at;
    bar()?.style.setProperty("--level", Math.min(1, level / LOUDEST).toFixed(2));
    bar().querySelector(".dictation__time").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if ((heard && at - heard > SILENCE) || at - began > LONGEST) done();
    else if (!heard && at - began > UNHEARD) {
      now = { ...mine };
      fail(_("Couldn't hear anything. Check your microphone and try again."));
    }
  }, EVERY);
};
const start = async () => {
  if (!navigator.mediaDevices || !self.MediaRecorder) return file().click();
  const mine = (now = {});
  show("asking", _("Waiting for the microphone…"));
  try {
    mine.stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    if (mine !== now) return release(mine);
    mine.recorder = new MediaRecorder(mine.stream, { audioBitsPerSecond: BITS });
    mine.sound = new AudioContext();
    mine.analyser = mine.sound.createAnalyser();
    mine.sound.createMediaStreamSource(mine.stream).connect(mine.analyser);
  } catch ({ name }) {
    return mine === now && fail(WORDS[name] ?? _("The microphone isn't available right now. Try again."));
  }
  mine.recorder.ondataavailable = ({ data }) => {
    release(mine);
    if (mine === now) write(data);
  };
  mine.recorder.start();
  show("listening", _("Listening…"));
  listen(mine);
};
const again = () => write(now.recording);
const DEEDS = { done, again, leave, listening: done, failed: again, asking() {}, writing() {} };

document.addEventListener("click", ({ target }) => {
  const deed = target.closest?.("[data-dictation]")?.dataset.dictation;
  if (deed) (DEEDS[deed] ?? DEEDS[bar().dataset.state] ?? start)();
});
document.addEventListener("change", ({ target }) => {
  if (target !== file() || !target.files.length) return;
  write(target.files[0]);
  target.value = "";
});
// In the capture phase: it would stop an answer, too.
const end = (event) => {
  if (event.key !== "Escape" || bar()?.dataset.state !== "listening" || millrace.isComposing(event)) return;
  event.stopPropagation();
  done();
};
addEventListener("keydown", end, true);
addEventListener("pagehide", leave);

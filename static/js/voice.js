// The server's voice, for those who have chosen it. Used by aloud.js, which has the next sentence fetched while one is heard.
{
  const MOST_KEPT = 100;
  // What was heard on this page isn't paid for twice.
  const sounds = new Map();
  let audio, source, stopping;
  const load = async (text, signal) => {
    const headers = { Accept: "application/problem+json" },
      body = new URLSearchParams({ text });
    const reply = await fetch("/speech", { method: "POST", headers, body, signal });
    if (!reply.ok) throw { detail: (await reply.json()).detail };
    // Played from memory, so that the page's policy needs no media.
    return audio.decodeAudioData(await reply.arrayBuffer());
  };
  const sound = (words) => {
    if (!sounds.has(words)) {
      sounds.set(words, load(words, stopping.signal));
      sounds.get(words).catch(() => sounds.delete(words));
      if (sounds.size > MOST_KEPT) sounds.delete(sounds.keys().next().value);
    }
    return sounds.get(words);
  };
  millrace.voice = {
    async say(words, done, failed) {
      // Made at a click, as browsers refuse to play before one.
      audio ??= new AudioContext();
      stopping ??= new AbortController();
      const { signal } = stopping;
      audio.resume();
      try {
        const buffer = await sound(words);
        if (signal.aborted) return;
        source = Object.assign(audio.createBufferSource(), { buffer, onended: () => signal.aborted || done() });
        source.connect(audio.destination);
        source.start();
      } catch ({ detail }) {
        if (!signal.aborted) failed(detail ?? _("The server's voice isn't working."));
      }
    },
    // Once the one before is there, as that is waited for.
    prepare(words) {
      const { signal } = stopping;
      [...sounds.values()]
        .at(-1)
        ?.then(() => signal.aborted || sound(words))
        .catch(() => {});
    },
    hush() {
      stopping?.abort();
      source?.stop();
      [stopping, source] = [];
    },
  };
  document.dispatchEvent(new Event("voice"));
}

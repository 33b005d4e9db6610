"use strict";
(() => {
  const PAUSE = 250;
  const IDLE_PAUSE = 2000;
  const faces = document.getElementById("faces");
  const stream = document.getElementById("stream");
  const stop = document.getElementById("stop");
  let shown = "";

  /** Shows a source that another browser has started: the stream of the previous one has ended. */
  function follow(play) {
    if (stream.dataset.play === play) return;
    stream.dataset.play = play;
    stream.src = `/live/stream?play=${play}`;
    stream.parentElement.hidden = play === "0"; // Nothing is watched.
  }

  /** Shows the current bars; the server renders them, so that they look like those of a photo. */
  async function look() {
    try {
      const answer = await fetch("/live/faces");
      if (!answer.ok) throw new Error(answer.status);
      const text = await answer.text();
      if (text !== shown) faces.innerHTML = shown = text; // Screen readers announce a problem once.
    } catch {
      faces.innerHTML = "<p class='problem' role='alert'>The server does not answer; start it again if it has ended, then reload the page.</p>";
      return;
    }
    const { play, running } = faces.querySelector(".faces").dataset;
    follow(play);
    stop.hidden = running === undefined;
    setTimeout(look, stop.hidden ? IDLE_PAUSE : PAUSE);
  }

  look();
})();

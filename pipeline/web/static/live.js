"use strict";
(() => {
  const PAUSE = 250;
  const faces = document.getElementById("faces");
  const stream = document.getElementById("stream");

  /** Shows what another browser has begun to watch: the stream of before has ended. */
  function follow() {
    const { play } = faces.querySelector(".faces").dataset;
    if (!stream || stream.dataset.play === play) return;
    stream.dataset.play = play;
    stream.src = `/live/stream?play=${play}`;
  }

  /** Shows the bars of now; the server makes them, so that they look as those of a photo. */
  async function look() {
    try {
      const answer = await fetch("/live/faces");
      if (!answer.ok) throw new Error(answer.status);
      faces.innerHTML = await answer.text();
      follow();
    } catch {
      faces.innerHTML = "<p class='problem' role='alert'>The server does not answer; reload the page, or start it again.</p>";
      return;
    }
    if (faces.querySelector("[data-ended], [role=alert]")) return;
    setTimeout(look, PAUSE);
  }

  if ("live" in faces.dataset) look();
})();

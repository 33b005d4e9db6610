"use strict";
(() => {
  const PAUSE = 250;
  const faces = document.getElementById("faces");

  /** Shows the bars of now; the server makes them, so that they look as those of a photo. */
  async function look() {
    try {
      const answer = await fetch("/live/faces");
      faces.innerHTML = await answer.text();
    } catch {
      faces.innerHTML = "<p class='problem' role='alert'>The server does not answer; start it again.</p>";
      return;
    }
    if (faces.querySelector("[data-ended], [role=alert]")) return;
    setTimeout(look, PAUSE);
  }

  if ("live" in faces.dataset) look();
})();

"use strict";
(() => {
  const PAUSE = 500;
  const runs = document.getElementById("runs");

  /** Shows how far it is; not while a button is pressed, for it would be gone at its release. */
  async function look() {
    const answer = await fetch("/mine/runs").catch(() => null);
    if (answer?.ok && !runs.querySelector(":active")) {
      const held = runs.contains(document.activeElement) ? document.activeElement.id : "";
      runs.innerHTML = await answer.text();
      if (held) document.getElementById(held)?.focus();
    }
    if (runs.querySelector("[data-active]")) setTimeout(look, PAUSE);
  }

  if (runs.querySelector("[data-active]")) look();
})();

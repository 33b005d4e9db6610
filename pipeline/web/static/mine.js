"use strict";
(() => {
  const PAUSE = 500;
  const runs = document.getElementById("runs");
  const told = document.getElementById("told");
  let known = states();

  /** The state of each run. */
  function states() {
    const sections = [...runs.querySelectorAll("[data-number]")];
    return new Map(sections.map((section) => [section.dataset.number, section.dataset.state]));
  }

  /** Announces what is in another state than before; how far it is changes all the time. */
  function announce() {
    const now = states();
    const changed = [...now].filter(([number, state]) => known.get(number) !== state);
    known = now;
    const words = changed.map(([number]) => runs.querySelector(`[data-number="${number}"] h2`).textContent);
    if (words.length) told.textContent = words.join("; ");
  }

  /** Shows how far it is; not while a button is pressed, for it would be gone at its release. */
  async function look() {
    const answer = await fetch("/mine/runs").catch(() => null);
    if (answer?.ok && !runs.querySelector(":active")) {
      const held = runs.contains(document.activeElement) ? document.activeElement.id : "";
      runs.innerHTML = await answer.text();
      if (held) document.getElementById(held)?.focus();
      announce();
    }
    if (runs.querySelector("[data-active]")) setTimeout(look, PAUSE);
  }

  if (runs.querySelector("[data-active]")) look();
})();

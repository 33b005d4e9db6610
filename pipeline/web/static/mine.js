"use strict";
(() => {
  const PAUSE = 500;
  const LONG_PAUSE = 2000; // While nobody answers.
  const runs = document.getElementById("runs");
  const told = document.getElementById("told");
  const problem = document.getElementById("problem");
  let known = states();
  let timer;

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
  async function show(answer) {
    if (runs.querySelector(":active")) return;
    const held = runs.contains(document.activeElement) ? document.activeElement.id : "";
    runs.innerHTML = await answer.text();
    if (held) document.getElementById(held)?.focus();
    announce();
  }

  /** Asks how far it is, again and again while there is something to come. */
  async function look() {
    const answer = await fetch("/mine/runs").catch(() => null);
    if (answer?.ok) {
      if (!problem.hidden) return location.reload(); // It may be another one, with other secrets.
      await show(answer);
    }
    problem.hidden = Boolean(answer?.ok);
    clearTimeout(timer);
    if (!problem.hidden) timer = setTimeout(look, LONG_PAUSE);
    else if (runs.querySelector("[data-active]")) timer = setTimeout(look, PAUSE);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  if (runs.querySelector("[data-active]")) look();
})();

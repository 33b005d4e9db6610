"use strict";
(() => {
  const PAUSE = 500;
  const LONG_PAUSE = 2000; // While the server does not answer.
  const runs = document.getElementById("runs");
  const announcement = document.getElementById("told");
  const problem = document.getElementById("problem");
  let known = states();
  let timer;

  /** The state of each run. */
  function states() {
    const sections = [...runs.querySelectorAll("[data-number]")];
    return new Map(sections.map((section) => [section.dataset.number, section.dataset.state]));
  }

  /** Announces runs whose state has changed, but not their progress, which changes all the time. */
  function announce() {
    const now = states();
    const changed = [...now].filter(([number, state]) => known.get(number) !== state);
    known = now;
    const words = changed.map(([number]) => runs.querySelector(`[data-number="${number}"] h2`).textContent);
    if (words.length) announcement.textContent = words.join("; ");
  }

  /** Shows the progress, except while a button is pressed: replacing it would lose the click. */
  async function show(answer) {
    if (runs.querySelector(":active")) return;
    const focused = runs.contains(document.activeElement) ? document.activeElement.id : "";
    runs.innerHTML = await answer.text();
    if (focused) document.getElementById(focused)?.focus();
    announce();
  }

  /** Asks for the progress, again and again while a run is active. */
  async function look() {
    const answer = await fetch("/mine/runs").catch(() => null);
    if (answer?.ok) {
      if (!problem.hidden) return location.reload(); // A restarted server has another CSRF token.
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

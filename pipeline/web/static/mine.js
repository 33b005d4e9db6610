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
    if (answer?.status === 401) problem.textContent = "The server was started anew: open the address that it prints now.";
    clearTimeout(timer);
    if (!problem.hidden) timer = setTimeout(look, LONG_PAUSE);
    else if (runs.querySelector("[data-active]")) timer = setTimeout(look, PAUSE);
  }

  // --- adding movies ---

  const upload = document.querySelector("form.upload");
  const adding = document.getElementById("adding");
  const refused = document.getElementById("refused");
  upload.movie.multiple = true;

  /** Adds one movie; gives the address of the page with it chosen, or why it was refused. */
  async function add(file, csrf) {
    const form = new FormData();
    form.set(csrf.name, csrf.value);
    form.set("movie", file);
    const answer = await fetch(upload.action, { method: "POST", body: form }).catch(() => null);
    if (answer?.ok) return { added: answer.url };
    if (!answer) return { why: `${file.name}: the server does not answer` };
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return { why: page.querySelector(".problem")?.textContent || `${file.name}: ${page.body.textContent.trim()}` };
  }

  upload.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [csrf, files] = [upload.querySelector("[type=hidden]"), [...upload.movie.files]];
    const button = upload.querySelector("button");
    let last = "";
    button.disabled = true;
    refused.replaceChildren();
    for (const [n, file] of files.entries()) {
      const which = files.length > 1 ? ` (${n + 1} of ${files.length})` : "";
      adding.textContent = `Adding ${file.name}${which} …`;
      const { added, why } = await add(file, csrf);
      if (why) refused.append(Object.assign(document.createElement("li"), { textContent: why }));
      last = added ?? last;
    }
    if (last && !refused.children.length) return location.assign(last);
    button.disabled = false;
    adding.textContent = last ? "The others were added; reload the page to choose them." : "";
  });

  // A wrong number in the folded part could not be seen otherwise.
  document.getElementById("more")?.addEventListener("invalid", ({ currentTarget }) => { currentTarget.open = true; }, true);

  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  if (runs.querySelector("[data-active]")) look();
})();

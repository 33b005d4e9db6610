"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const { movie, csrf } = byId("label").dataset;
  const picture = document.querySelector("#face img");
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
  const queue = []; // Labels that are still to be sent: {number, emotion}.
  const pictures = new Map(); // Addresses of pictures by index; null for one that cannot be shown.
  let faces = { version: "", number: [], time: [], emotion: [] };
  let here = 0;
  let shown = -1; // The face on the screen: no key is about another.
  let seen = new Set(); // Faces that somebody has labelled or could not tell; the tab keeps them when it is reloaded.
  let sending = false;

  /** Asks for a picture, once; gives an address of it, or null. */
  function pictureOf(index) {
    const address = `/label/${movie}/face/${faces.version}/${encodeURIComponent(faces.number[index])}`;
    const asked = pictures.get(index) ?? fetch(address)
      .then(async (answer) => (answer.ok ? URL.createObjectURL(await answer.blob()) : null), () => null);
    pictures.set(index, asked);
    return asked;
  }

  /** Shows the picture of the face; until it has come, there is none. */
  async function showPicture(index) {
    [shown, picture.hidden, byId("absent").hidden] = [-1, true, true];
    delete byId("label").dataset.shown;
    const source = await pictureOf(index);
    if (index !== here) return;
    if (source) picture.src = source;
    [shown, picture.hidden, byId("absent").hidden] = [index, !source, Boolean(source)];
    if (index + 1 < faces.number.length) pictureOf(index + 1); // The next one comes at once.
    Object.assign(byId("label").dataset, { ready: "", shown: index });
  }

  function complain(why) {
    byId("problem").textContent = why ? `Not saved: ${why}` : "";
    byId("problem").hidden = !why;
  }

  function show() {
    const labelled = faces.emotion.filter(Boolean).length;
    const total = faces.number.length;
    byId("bar").max = Math.max(total, 1);
    byId("bar").value = labelled;
    byId("count").textContent = total
      ? `Face ${here + 1} of ${total}, at ${faces.time[here]} · ${labelled} labelled`
      : "There are no faces in this movie.";
    byId("done").hidden = seen.size < total;
    if (!total) return;
    if (shown !== here) showPicture(here);
    for (const button of document.querySelectorAll("[data-look]")) {
      button.ariaPressed = String(Boolean(button.dataset.look) && button.dataset.look === faces.emotion[here]);
    }
  }

  function go(index) {
    here = Math.min(Math.max(index, 0), faces.number.length - 1);
    show();
  }

  /** Sends what waits, one label after another, so that the last word on a face counts. */
  async function send() {
    if (sending) return;
    sending = true;
    delete byId("label").dataset.saved;
    while (queue.length) {
      const options = { method: "POST", headers, body: JSON.stringify(queue[0]) };
      const { ok, status, answer } = await askServer(`/api/label/${movie}`, options);
      complain(ok ? "" : answer.detail);
      if (!ok && status !== 404 && status !== 422) break; // It waits; the next key tries again.
      queue.shift();
    }
    if (!queue.length) byId("label").dataset.saved = "";
    sending = false;
  }

  function label(emotion) {
    if (shown !== here) return;
    const { version, number } = faces;
    if (faces.emotion[here] !== emotion) queue.push({ version, number: number[here], emotion });
    faces.emotion[here] = emotion;
    seen.add(here);
    sessionStorage.setItem(version, JSON.stringify([...seen]));
    send();
    go(here + 1);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const looks = document.querySelectorAll("[data-look]");
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const button = /^[0-7]$/.test(event.key) && looks[(Number(event.key) + looks.length - 1) % looks.length];
    if (by) go(here + by);
    else if (button) button.click();
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", ({ target }) => {
    const { look, step } = target.closest("button")?.dataset ?? {};
    if (look !== undefined) label(look);
    if (step) go(here + Number(step));
  });
  addEventListener("beforeunload", (event) => { if (queue.length) event.preventDefault(); });

  askServer(`/api/label/${movie}`, { headers }).then(({ ok, answer }) => {
    if (!ok) return complain(answer.detail);
    faces = answer;
    seen = new Set(JSON.parse(sessionStorage.getItem(faces.version) ?? "[]"));
    for (const [index, emotion] of faces.emotion.entries()) if (emotion) seen.add(index);
    go(Math.max(0, faces.emotion.findIndex((_, index) => !seen.has(index))));
  });
})();

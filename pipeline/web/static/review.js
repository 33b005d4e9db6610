"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const { place, csrf, emotion, person } = byId("review").dataset;
  const [api, pictures] = [`/api/review/${place}`, `/review/${place}`];
  const cells = byId("cells");
  const large = byId("large");
  const CELL = { width: 100, height: 118 }; // In pixels; the width is fitted to the page.
  const CAPTION = 18;
  const KEPT = 1000; // Number of cells that keep their pictures while they are out of sight.
  const ABSENT = "not in the last pick";
  const REASONS = { none: "something else", stranger: `not ${person}` };

  const shown = { columns: 1, here: 0 };
  const nodes = new Map(); // Cells by index, the most recently seen at the end.
  // Decisions name crops by file: after another pick, their indexes are others.
  const past = []; // The decisions of this page: {file, before}.
  const queue = []; // Decisions that are still to be sent: {file, before, looks}.
  let crops = { file: [], time: [], probability: [], run_length: [], looks: [], gone: [] };
  let places = new Map(); // Maps files to indexes.
  let sending = false;
  let stale = false; // Whether the server may know more than the page shows.
  let turn = 0; // Counts loads and decisions: the answer to a load is dropped if either came since.

  const percent = (share) => `${Math.round(100 * share)} %`;
  const BADGES = { [emotion]: "✓", "": "", none: "✗", stranger: "✗ person" };

  function clock(seconds) {
    const [minutes, rest] = [Math.floor(seconds / 60), (seconds % 60).toFixed(1).padStart(4, "0")];
    if (minutes < 60) return `${minutes}:${rest}`;
    return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
  }

  function words(index) {
    const looks = crops.looks[index];
    const accepted = crops.gone[index] ? `accepted, but ${ABSENT}` : "accepted";
    const decision = !looks ? "not decided" : looks === emotion ? accepted : `rejected: ${REASONS[looks] ?? looks}`;
    const length = crops.run_length[index];
    const run = `run of ${length} frame${length === 1 ? "" : "s"}`;
    return `${clock(crops.time[index])}, ${emotion} ${percent(crops.probability[index])}, ${run}, ${decision}`;
  }

  // --- the grid ---------------------------------------------------------------------------------

  function makeCell(index) {
    const node = document.createElement("div");
    Object.assign(node, { id: `cell-${index}`, role: "option" });
    const source = `${pictures}/small/${encodeURIComponent(crops.file[index])}`;
    const picture = crops.gone[index]
      ? Object.assign(document.createElement("span"), { className: "absent", textContent: ABSENT })
      : Object.assign(new Image(), { alt: "", decoding: "async", draggable: false, src: source });
    const caption = Object.assign(document.createElement("span"), { className: "words" });
    for (const text of [clock(crops.time[index]), percent(crops.probability[index])]) {
      caption.append(Object.assign(document.createElement("span"), { textContent: text }));
    }
    node.dataset.index = index;
    node.ariaPosInSet = index + 1;
    node.append(picture, caption, Object.assign(document.createElement("span"), { className: "badge" }));
    return node;
  }

  /** Shows the decision on a cell, and whether it is selected. */
  function dress(index) {
    const node = nodes.get(index);
    if (!node) return;
    const looks = crops.looks[index];
    const here = index === shown.here;
    node.className = `cell${looks ? (looks === emotion ? " accepted" : " rejected") : ""}${here ? " here" : ""}`;
    node.ariaSelected = here;
    node.ariaLabel = words(index);
    node.lastElementChild.textContent = BADGES[looks] ?? `✗ ${looks}`;
  }

  function put(index) {
    const node = nodes.get(index) ?? makeCell(index);
    nodes.delete(index); // Inserting it again moves it to the end.
    nodes.set(index, node);
    node.style.left = `${(index % shown.columns) * CELL.width}px`;
    node.style.top = `${Math.floor(index / shown.columns) * CELL.height}px`;
    node.ariaSetSize = crops.file.length;
    dress(index);
    return node;
  }

  /** The range of indexes of the cells near the window. */
  function near() {
    const top = -cells.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor((top - innerHeight / 2) / CELL.height)) * shown.columns;
    const stop = Math.min(crops.file.length, Math.ceil((top + 1.5 * innerHeight) / CELL.height) * shown.columns);
    return [first, stop];
  }

  /** Puts the cells near the window into the page, and removes the others. */
  function paint() {
    const [first, stop] = near();
    for (const node of [...cells.children]) {
      const index = Number(node.dataset.index);
      if (index >= first && index < stop) continue;
      node.remove();
      if (node.firstElementChild.complete === false) {
        node.firstElementChild.removeAttribute("src"); // Stops loading it, to make way for others.
        nodes.delete(index);
      }
    }
    const fresh = [];
    for (let index = first; index < stop; index += 1) if (!nodes.get(index)?.isConnected) fresh.push(put(index));
    cells.append(...fresh);
    for (const index of nodes.keys()) {
      if (nodes.size <= KEPT) break;
      if (!nodes.get(index).isConnected) nodes.delete(index);
    }
  }

  function layOut() {
    shown.columns = Math.max(1, Math.round(cells.clientWidth / 100));
    CELL.width = Math.floor(cells.clientWidth / shown.columns);
    CELL.height = CELL.width + CAPTION;
    cells.style.setProperty("--cell", `${CELL.width}px`);
    byId("head").style.top = `${document.querySelector("nav").offsetHeight - 1}px`;
    cells.style.height = `${Math.ceil(crops.file.length / shown.columns) * CELL.height}px`;
    cells.replaceChildren();
    paint();
  }

  function go(index) {
    if (!crops.file.length) return;
    const old = shown.here;
    shown.here = Math.min(Math.max(index, 0), crops.file.length - 1);
    dress(old);
    reveal();
    if (!nodes.get(shown.here)?.isConnected) paint();
    dress(shown.here);
    cells.setAttribute("aria-activedescendant", `cell-${shown.here}`);
    if (large.open) enlarge();
  }

  /** Scrolls so that neither the head nor the tools cover the selected cell. */
  function reveal() {
    const top = cells.getBoundingClientRect().top + Math.floor(shown.here / shown.columns) * CELL.height;
    const [from, to] = [byId("head").getBoundingClientRect().bottom, byId("tools").getBoundingClientRect().top];
    if (large.open) return; // The dialog covers the cells, and holds the tools.
    if (top < from) scrollBy(0, top - from);
    else if (top + CELL.height > to) scrollBy(0, top + CELL.height - to);
  }

  // --- deciding ---------------------------------------------------------------------------------

  /** Shows a decision at once, and queues it for the server. */
  function decide(index, looks) {
    if (!crops.file.length || crops.looks[index] === looks) return;
    past.push({ file: crops.file[index], before: crops.looks[index] });
    change(index, looks);
  }

  function change(index, looks) {
    turn += 1;
    queue.push({ file: crops.file[index], looks, before: crops.looks[index] });
    crops.looks[index] = looks;
    announce(index);
    send();
  }

  /** Shows and announces the current decision on a crop. */
  function announce(index) {
    dress(index);
    byId("told").textContent = `Last: ${words(index)}`;
    if (large.open) enlarge();
  }

  function decideHere(looks) {
    closeOthers();
    decide(shown.here, looks);
    const then = byId("then").value;
    if (then === "unsure") goUnsure();
    else if (then === "next") go(nextOpen());
  }

  /** The next crop that is not decided, or the selected one if there is none. */
  function nextOpen() {
    const found = crops.looks.indexOf("", shown.here + 1);
    return found < 0 ? shown.here : found;
  }

  function goUnsure() {
    let found = -1;
    crops.looks.forEach((looks, index) => {
      if (!looks && (found < 0 || crops.probability[index] < crops.probability[found])) found = index;
    });
    if (found >= 0) go(found); // If there is none, the page says already that all are decided.
  }

  /** Takes back the decision on the selected crop, or else the last decision. */
  function undo() {
    const last = past.at(-1);
    if (last && (last.file === crops.file[shown.here] || !crops.looks[shown.here])) {
      past.pop();
      change(places.get(last.file), last.before);
      go(places.get(last.file));
    } else if (crops.looks[shown.here]) {
      decide(shown.here, "");
    }
  }

  async function send() {
    if (sending) return;
    sending = true;
    while (queue.length) {
      const headers = { "X-CSRF-Token": csrf, "Content-Type": "application/json" };
      const body = JSON.stringify({ file: queue[0].file, looks: queue[0].looks });
      const { ok, answer } = await askServer(api, { method: "POST", headers, body });
      const decision = queue.shift();
      if (ok) {
        byId("problem").hidden = true;
        count(answer.progress);
        if (answer.told) byId("told").textContent = answer.told;
      } else {
        revert(decision);
        complain(`Not saved: ${answer.detail}`);
      }
    }
    sending = false;
    if (stale) load();
  }

  /** Restores what was shown before a decision that the server refused. */
  function revert({ file, before }) {
    const later = queue.find((decision) => decision.file === file);
    const index = places.get(file); // Undefined if a new pick has dropped the crop meanwhile.
    if (later) later.before = before;
    else if (index !== undefined) crops.looks[index] = before;
    const last = past.findLastIndex((decision) => decision.file === file);
    if (last >= 0 && !later) past.splice(last, 1);
    if (index !== undefined) announce(index);
  }

  function complain(why) {
    byId("problem").textContent = why;
    byId("problem").hidden = false;
  }

  function count({ crops: all, decided, precision }) {
    const [some, whole] = [decided, all].map((n) => n.toLocaleString("en"));
    const right = precision === null ? "" : ` · precision so far ${(100 * precision).toFixed(1)} %`;
    byId("count").textContent = `${some} of ${whole} decided${right}`;
    Object.assign(byId("bar"), { max: Math.max(1, all), value: decided });
    byId("done").hidden = decided < all;
  }

  // --- keys, mouse, fingers ---------------------------------------------------------------------

  function enlarge() {
    const picture = large.querySelector("img");
    const source = `${pictures}/large/${encodeURIComponent(crops.file[shown.here])}`;
    const gone = crops.gone[shown.here];
    [picture.hidden, byId("absent").hidden] = [gone, !gone];
    if (!gone && !picture.src.endsWith(source)) picture.src = source;
    byId("larger").textContent = words(shown.here);
    if (large.open) return;
    large.append(byId("tools")); // Behind a modal dialog they could be neither pressed nor read out.
    large.showModal();
    focusCrops(); // Otherwise the first tool would have the focus, and Enter would decide.
  }

  function shrink() {
    byId("review").append(byId("tools"));
    reveal();
    focusCrops();
  }

  /** Moves the focus to where no button or menu takes the keys. */
  function focusCrops() {
    (large.open ? large : cells).focus({ preventScroll: true });
  }

  function closeOthers() {
    byId("others").hidden = true;
    document.querySelector('[data-do="other"]').ariaExpanded = "false";
  }

  const deeds = {
    accept: () => decideHere(emotion),
    reject: () => decideHere("none"),
    stranger: () => document.querySelector('[data-do="stranger"]') && decideHere("stranger"),
    other: () => {
      byId("others").hidden = !byId("others").hidden;
      document.querySelector('[data-do="other"]').ariaExpanded = String(!byId("others").hidden);
      reveal(); // The tools may now cover the selected cell.
    },
    undo,
    unsure: goUnsure,
    keys: () => byId("keys").showModal(),
    enlarge: () => (large.open ? large.close() : crops.file.length && enlarge()),
  };
  const KEYS = { a: "accept", r: "reject", n: "stranger", o: "other", u: "undo", j: "unsure", "?": "keys", Enter: "enlarge", " ": "enlarge" };

  function step(key) {
    const page = Math.max(1, Math.floor(innerHeight / CELL.height) - 2) * shown.columns;
    return { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -shown.columns, ArrowDown: shown.columns, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity }[key];
  }

  /** Whether another element handles the key: a menu, or a button that it presses. */
  function isTheirs({ target, key }) {
    return byId("keys").open || target.closest("select") || (target.closest("a, button") && (key === "Enter" || key === " "));
  }

  /** Whether a key that decides is held down; only keys that move may repeat. */
  function isHeld({ repeat, target, key }) {
    return repeat && KEYS[key] && !target.closest("select");
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (isHeld(event)) return event.preventDefault();
    if (isTheirs(event)) return;
    const by = step(event.key);
    const other = byId("others").hidden ? null : byId("others").children[Number(event.key) - 1];
    if (by !== undefined) go(shown.here + by);
    else if (other) other.click();
    else if (event.key === "Escape" && !large.open) closeOthers();
    else if (KEYS[event.key]) deeds[KEYS[event.key]]();
    else return;
    if (event.key !== "Escape") event.preventDefault();
  });
  cells.addEventListener("click", (event) => {
    const node = event.target.closest(".cell");
    if (node) go(Number(node.dataset.index));
  });
  cells.addEventListener("dblclick", () => deeds.enlarge());
  large.addEventListener("click", ({ target }) => { if (!target.closest("#tools")) large.close(); });
  large.addEventListener("close", shrink);
  byId("keys").addEventListener("close", focusCrops);
  byId("then").addEventListener("change", focusCrops);
  byId("tools").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { do: deed, looks } = button.dataset;
    if (deed) deeds[deed]();
    if (looks) decideHere(looks);
    if (!byId("keys").open && (event.detail || !button.offsetParent)) focusCrops(); // Not if a key pressed the button.
  });
  addEventListener("scroll", paint, { passive: true });
  addEventListener("beforeunload", (event) => { if (queue.length) event.preventDefault(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });

  /** Loads the crops again: another page or another pick may have changed them. */
  async function load() {
    stale = true;
    if (sending) return; // `send` loads once it is done.
    const number = ++turn;
    const headers = { "X-CSRF-Token": csrf };
    const { ok, answer } = await askServer(`${api}/settle`, { method: "POST", headers });
    if (number !== turn) return;
    stale = false;
    if (ok) show(answer);
    else complain(answer.detail);
  }

  function show(answer) {
    const [here, before] = [shown.here, crops.file];
    const same = `${before} ${crops.gone}` === `${answer.file} ${answer.gone}`;
    crops = answer;
    byId("nothing").hidden = crops.file.length > 0;
    for (const id of ["bar", "count", "cells", "tools"]) byId(id).hidden = !crops.file.length;
    places = new Map(crops.file.map((file, index) => [file, index]));
    past.splice(0, past.length, ...past.filter(({ file }) => places.has(file)));
    if (!same) nodes.clear();
    count(answer.progress);
    layOut();
    go(before.length ? (places.get(before[here]) ?? here) : Math.max(0, crops.looks.indexOf("")));
    byId("review").dataset.ready = "";
  }

  load().then(() => {
    let width = cells.clientWidth;
    new ResizeObserver(() => {
      if (cells.clientWidth !== width) layOut();
      width = cells.clientWidth;
    }).observe(cells);
    cells.focus({ preventScroll: true });
  });
})();

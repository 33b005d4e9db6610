"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const { place, csrf, emotion, person } = byId("review").dataset;
  const [api, pictures] = [`/api/review/${place}`, `/review/${place}`];
  const cells = byId("cells");
  const large = byId("large");
  const CELL = { width: 100, height: 118 }; // In pixels; the width is fitted to the page.
  const WIDTHS = { moment: 150, frame: 100 };
  const CAPTION = 18;
  const KEPT = 1000; // Number of cells that keep their pictures while they are out of sight.
  const PLAYED = 24; // The most pictures of a moment that are shown while it plays.
  const STILL_WAIT = 150; // Milliseconds that a crop is shown for before its whole frame is asked for.
  const HOVER = { wait: 150, least: 0.8 }; // Milliseconds until a tile plays; seconds of one round.
  const ABSENT = "not in the last pick";
  const REASONS = { none: "something else", stranger: `not ${person}` };

  const shown = { columns: 1, here: 0, open: null }; // `open` is the moment whose frames are shown.
  const nodes = new Map(); // Cells by key, the most recently seen at the end.
  // Decisions name crops by file: after another pick, their indexes are others. Each is a map of
  // files to how they look, of one crop or of all of a moment.
  const past = []; // What was there before the decisions of this page.
  const queue = []; // Decisions that are still to be sent: {wanted, before, isUndo}.
  let crops = { file: [], time: [], probability: [], run_length: [], looks: [], gone: [], moment: [] };
  let moments = { best: [], start: [], seconds: [], length: [], look_sure: [], probability: [] };
  let members = []; // The indexes of the crops of each moment.
  let places = new Map(); // Maps files to indexes.
  let sending = false;
  let stale = false; // Whether the server may know more than the page shows.
  let turn = 0; // Counts loads and decisions: the answer to a load is dropped if either came since.

  const percent = (share) => `${Math.round(100 * share)} %`;
  const counted = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
  const BADGES = { [emotion]: "✓", "": "", none: "✗", stranger: "✗ person" };

  function clock(seconds) {
    const [minutes, rest] = [Math.floor(seconds / 60), (seconds % 60).toFixed(1).padStart(4, "0")];
    if (minutes < 60) return `${minutes}:${rest}`;
    return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
  }

  // --- items: the moments, or the frames of an open one -----------------------------------------

  const areFrames = () => shown.open !== null;
  const size = () => (areFrames() ? members[shown.open].length : members.length);

  /** The indexes of an item's crops. */
  const cropsOf = (item) => (areFrames() ? [members[shown.open][item]] : members[item] ?? []);

  /** The index of the crop that an item shows. */
  const faceOf = (item) => (areFrames() ? members[shown.open][item] : moments.best[item]);

  const keyOf = (item) => (areFrames() ? `frame-${members[shown.open][item]}` : `moment-${item}`);
  const isOpen = (item) => cropsOf(item).some((index) => !crops.looks[index]);
  const sureness = (item) => (areFrames() ? crops.probability[faceOf(item)] : moments.look_sure[item]);
  const lasts = (moment) => `${moments.seconds[moment].toFixed(1)} s`;

  /** What was decided of an item: how all its crops look; undefined if some look otherwise. */
  function looksOf(item) {
    const [first, ...others] = cropsOf(item).map((index) => crops.looks[index]);
    return others.every((looks) => looks === first) ? first : undefined;
  }

  /** Says how many crops of a moment are accepted, rejected, and neither; with a mark for each. */
  function sums(item, marks) {
    const all = cropsOf(item).map((index) => crops.looks[index]);
    const [accepted, rest] = [emotion, ""].map((looks) => all.filter((each) => each === looks).length);
    const numbers = [accepted, all.length - accepted - rest, rest];
    return numbers.flatMap((n, which) => (n ? [`${n} ${marks[which]}`] : []));
  }

  function decisionWords(item) {
    const looks = looksOf(item);
    if (looks === undefined) return sums(item, ["accepted", "rejected", "not decided"]).join(", ");
    const accepted = crops.gone[faceOf(item)] ? `accepted, but ${ABSENT}` : "accepted";
    return !looks ? "not decided" : looks === emotion ? accepted : `rejected: ${REASONS[looks] ?? looks}`;
  }

  function words(item) {
    const index = faceOf(item);
    const facts = areFrames()
      ? `${emotion} ${percent(crops.probability[index])}, run of ${counted(crops.run_length[index], "frame")}`
      : `${lasts(item)}, ${counted(members[item].length, "frame")}, ${emotion}, sure ${percent(moments.look_sure[item])}, probability ${percent(moments.probability[item])}`;
    return `${clock(areFrames() ? crops.time[index] : moments.start[item])}, ${facts}, ${decisionWords(item)}`;
  }

  function badge(item) {
    const looks = looksOf(item);
    return looks === undefined ? sums(item, "✓✗?").join(" ") : (BADGES[looks] ?? `✗ ${looks}`);
  }

  // --- the grid ---------------------------------------------------------------------------------

  const pictureOf = (index, kind) => `${pictures}/${kind}/${encodeURIComponent(crops.file[index])}`;

  function makeCell(item) {
    const node = document.createElement("div");
    const index = faceOf(item);
    Object.assign(node, { id: keyOf(item), role: "option" });
    const picture = crops.gone[index]
      ? Object.assign(document.createElement("span"), { className: "absent", textContent: ABSENT })
      : Object.assign(new Image(), { alt: "", decoding: "async", draggable: false, src: pictureOf(index, "small") });
    const caption = Object.assign(document.createElement("span"), { className: "words" });
    const when = areFrames() ? clock(crops.time[index]) : `${clock(moments.start[item])} · ${lasts(item)}`;
    for (const text of [when, percent(sureness(item))]) {
      caption.append(Object.assign(document.createElement("span"), { textContent: text }));
    }
    node.dataset.index = item;
    node.ariaPosInSet = item + 1;
    node.append(picture, caption, Object.assign(document.createElement("span"), { className: "badge" }));
    return node;
  }

  /** Shows the decision on a cell, and whether it is selected. */
  function dress(item) {
    const node = item < size() && nodes.get(keyOf(item));
    if (!node) return;
    const looks = looksOf(item);
    const here = item === shown.here;
    const state = looks === undefined ? " mixed" : looks && (looks === emotion ? " accepted" : " rejected");
    node.className = `cell${areFrames() ? "" : " moment"}${state}${here ? " here" : ""}`;
    node.ariaSelected = here;
    node.ariaLabel = words(item);
    node.lastElementChild.textContent = badge(item);
  }

  function put(item) {
    const key = keyOf(item);
    const node = nodes.get(key) ?? makeCell(item);
    nodes.delete(key); // Inserting it again moves it to the end.
    nodes.set(key, node);
    node.style.left = `${(item % shown.columns) * CELL.width}px`;
    node.style.top = `${Math.floor(item / shown.columns) * CELL.height}px`;
    node.ariaSetSize = size();
    dress(item);
    return node;
  }

  /** The range of items of the cells near the window. */
  function near() {
    const top = -cells.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor((top - innerHeight / 2) / CELL.height)) * shown.columns;
    const stop = Math.min(size(), Math.ceil((top + 1.5 * innerHeight) / CELL.height) * shown.columns);
    return [first, stop];
  }

  /** Puts the cells near the window into the page, and removes the others. */
  function paint() {
    const [first, stop] = near();
    for (const node of [...cells.children]) {
      const item = Number(node.dataset.index);
      if (item >= first && item < stop) continue;
      node.remove();
      if (node.firstElementChild.complete === false) {
        node.firstElementChild.removeAttribute("src"); // Stops loading it, to make way for others.
        nodes.delete(node.id);
      }
    }
    const fresh = [];
    for (let item = first; item < stop; item += 1) if (!nodes.get(keyOf(item))?.isConnected) fresh.push(put(item));
    cells.append(...fresh);
    for (const key of nodes.keys()) {
      if (nodes.size <= KEPT) break;
      if (!nodes.get(key).isConnected) nodes.delete(key);
    }
  }

  function layOut() {
    const wanted = areFrames() ? WIDTHS.frame : WIDTHS.moment;
    shown.columns = Math.max(1, Math.round(cells.clientWidth / wanted));
    CELL.width = Math.floor(cells.clientWidth / shown.columns);
    CELL.height = CELL.width + CAPTION;
    cells.style.setProperty("--cell", `${CELL.width}px`);
    byId("head").style.top = `${document.querySelector("nav").offsetHeight - 1}px`;
    cells.style.height = `${Math.ceil(size() / shown.columns) * CELL.height}px`;
    cells.replaceChildren();
    paint();
  }

  function go(item) {
    if (!size()) return;
    const old = shown.here;
    shown.here = Math.min(Math.max(item, 0), size() - 1);
    dress(old);
    reveal();
    if (!nodes.get(keyOf(shown.here))?.isConnected) paint();
    dress(shown.here);
    cells.setAttribute("aria-activedescendant", keyOf(shown.here));
    stopPlaying();
    if (large.open) enlarge();
  }

  /** Selects what shows a crop: its frame if its moment is open, else its moment. */
  function goToCrop(index) {
    if (areFrames() && crops.moment[index] !== shown.open) showMoments();
    go(areFrames() ? members[shown.open].indexOf(index) : crops.moment[index]);
  }

  /** Scrolls so that neither the head nor the tools cover the selected cell. */
  function reveal() {
    const top = cells.getBoundingClientRect().top + Math.floor(shown.here / shown.columns) * CELL.height;
    const [from, to] = [byId("head").getBoundingClientRect().bottom, byId("tools").getBoundingClientRect().top];
    if (large.open) return; // The dialog covers the cells, and holds the tools.
    if (top < from) scrollBy(0, top - from);
    else if (top + CELL.height > to) scrollBy(0, top + CELL.height - to);
  }

  /** Shows the frames of a moment, or all moments (null). */
  function show(moment) {
    const left = shown.open;
    [shown.open, shown.here] = [moment, moment === null ? (left ?? shown.here) : 0];
    if (areFrames()) shown.here = nextOpen(0);
    name();
    layOut();
    go(shown.here);
  }

  const showMoments = () => show(null);

  function showFrames() {
    if (!areFrames() && size()) show(shown.here);
  }

  /** Says what the grid shows. */
  function name() {
    const moment = shown.open;
    byId("review").classList.toggle("frames", areFrames());
    byId("of").hidden = !areFrames();
    const frames = areFrames() && `${counted(members[moment].length, "frame")} of the moment at ${clock(moments.start[moment])}`;
    byId("of").querySelector("span").textContent = frames ? `${frames}, ${lasts(moment)}` : "";
    cells.ariaLabel = frames || "Moments, the surest first";
  }

  // --- deciding ---------------------------------------------------------------------------------

  /** Shows a decision about crops at once, and queues it for the server. */
  function decide(indexes, looks) {
    const changed = indexes.filter((index) => crops.looks[index] !== looks);
    if (!changed.length) return;
    const before = new Map(changed.map((index) => [crops.file[index], crops.looks[index]]));
    past.push(before);
    change(new Map(changed.map((index) => [crops.file[index], looks])), before, false);
  }

  function change(wanted, before, isUndo) {
    turn += 1;
    queue.push({ wanted, before, isUndo });
    apply(wanted);
    send();
  }

  /** Shows and announces what is decided now, by file. */
  function apply(looks) {
    for (const [file, look] of looks) {
      const index = places.get(file); // Undefined if a new pick has dropped the crop meanwhile.
      if (index !== undefined) crops.looks[index] = look;
    }
    const items = new Set([...looks.keys()].map((file) => itemOf(places.get(file))));
    for (const item of items) if (item >= 0) dress(item);
    const told = items.has(shown.here) ? shown.here : [...items].find((item) => item >= 0);
    if (told !== undefined) byId("told").textContent = `Last: ${words(told)}`;
    if (large.open) enlarge();
  }

  /** The item that a crop is in; -1 if it is in none that is shown. */
  function itemOf(index) {
    if (index === undefined) return -1;
    return areFrames() ? members[shown.open].indexOf(index) : crops.moment[index];
  }

  function decideHere(looks) {
    closeOthers();
    decide(cropsOf(shown.here), looks);
    const then = byId("then").value;
    if (then === "unsure") goUnsure();
    else if (then === "next") go(nextOpen());
  }

  /** The first item from one on with something to decide, or the selected one if there is none. */
  function nextOpen(from = shown.here + 1) {
    for (let item = from; item < size(); item += 1) if (isOpen(item)) return item;
    return shown.here;
  }

  function goUnsure() {
    let found = -1;
    for (let item = 0; item < size(); item += 1) {
      if (isOpen(item) && (found < 0 || sureness(item) < sureness(found))) found = item;
    }
    if (found >= 0) go(found); // If there is none, the page says already that all are decided.
  }

  /** Takes back the decision on the selected item, or else the last decision; each in one step. */
  function undo() {
    const here = cropsOf(shown.here);
    const isDecided = here.some((index) => crops.looks[index]);
    const last = past.at(-1);
    if (last && (!isDecided || here.some((index) => last.has(crops.file[index])))) {
      past.pop();
      const before = new Map([...last.keys()].map((file) => [file, crops.looks[places.get(file)]]));
      change(last, before, true);
      goToCrop(places.get(last.keys().next().value));
    } else if (isDecided) {
      decide(here, "");
    }
  }

  async function send() {
    if (sending) return;
    sending = true;
    while (queue.length) {
      const headers = { "X-CSRF-Token": csrf, "Content-Type": "application/json" };
      const body = JSON.stringify({ looks: Object.fromEntries(queue[0].wanted) });
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
  function revert({ wanted, before, isUndo }) {
    const left = new Map(before);
    for (const later of queue) {
      for (const file of later.wanted.keys()) {
        if (left.has(file)) later.before.set(file, left.get(file)); // Also in `past`.
        left.delete(file);
      }
    }
    if (isUndo) past.push(wanted);
    else if (past.includes(before)) past.splice(past.indexOf(before), 1);
    apply(left);
  }

  function complain(why) {
    byId("problem").textContent = why;
    byId("problem").hidden = false;
  }

  function count({ crops: all, decided, moments: every, moments_decided: whole, precision }) {
    const n = (number) => number.toLocaleString("en");
    const right = precision === null ? "" : ` · precision so far ${(100 * precision).toFixed(1)} %`;
    byId("count").textContent = `${n(whole)} of ${counted(every, "moment")}, ${n(decided)} of ${counted(all, "crop")} decided${right}`;
    Object.assign(byId("bar"), { max: Math.max(1, all), value: decided });
    byId("done").hidden = decided < all;
  }

  // --- playing: the pictures of a moment, its sound, and the whole frame ------------------------

  let stopPlaying = () => {};
  let still = null; // The whole frame that is shown: {file, address}, without an address until it came.
  let isWhole = false; // Whether whole frames are shown.

  /** Asks for a file of the movie's; says why if there is none. */
  async function fetchScene(kind, index, signal) {
    try {
      const answer = await fetch(`${api}/${kind}/${encodeURIComponent(crops.file[index])}`, { signal });
      if (answer.status === 204) byId("told").textContent = "The movie has no sound.";
      else if (answer.ok) return URL.createObjectURL(await answer.blob());
      else byId("told").textContent = `No ${kind === "still" ? "whole frame" : kind}: ${(await answer.json()).detail}`;
    } catch {
      if (!signal.aborted) byId("told").textContent = "The server does not answer; is it still running?";
    }
    return null;
  }

  /** Loads pictures of crops, evenly spread over them. */
  async function loadPictures(indexes, kind) {
    const all = indexes.filter((index) => !crops.gone[index]);
    const step = Math.max(1, all.length / PLAYED);
    const some = Array.from({ length: Math.ceil(all.length / step) }, (_, n) => all[Math.floor(n * step)]);
    const loaded = some.map((index) => Object.assign(new Image(), { src: pictureOf(index, kind) }));
    await Promise.allSettled(loaded.map((picture) => picture.decode()));
    return loaded.filter((picture) => picture.naturalWidth).map((picture) => picture.src);
  }

  const flips = new WeakMap(); // Ends what plays in a picture.

  /** Shows pictures in the place of one, each for as long as the others; `ended` after the last. */
  function flip(picture, sources, seconds, ended) {
    flips.get(picture)?.();
    const [own, begin] = [picture.src, performance.now()];
    let frame = requestAnimationFrame(function next(now) {
      if (!picture.isConnected && !ended) return end(); // It has been scrolled out of sight.
      const share = (now - begin) / 1000 / seconds;
      if (share >= 1 && ended) return ended();
      const source = sources[Math.max(0, Math.floor(share * sources.length)) % sources.length];
      if (source && picture.src !== source) picture.src = source;
      frame = requestAnimationFrame(next);
    });
    function end() {
      if (flips.get(picture) !== end) return;
      flips.delete(picture);
      cancelAnimationFrame(frame);
      if (own && picture.src !== own) picture.src = own;
    }
    flips.set(picture, end);
    return end;
  }

  /** Plays the selected moment once, with its sound. */
  async function play() {
    if (!size()) return;
    const [item, moment, gone] = [shown.here, crops.moment[faceOf(shown.here)], new AbortController()];
    const ends = [() => gone.abort(), () => pressed(false)];
    const stop = () => {
      for (const end of ends.splice(0)) end();
      if (stopPlaying === stop) stopPlaying = () => {};
    };
    stopPlaying();
    stopPlaying = stop;
    pressed(true);
    const [sound, sources] = await Promise.all([
      fetchScene("sound", members[moment][0], gone.signal), loadPictures(members[moment], large.open ? "large" : "small"),
    ]);
    if (sound) ends.push(() => URL.revokeObjectURL(sound));
    if (gone.signal.aborted) return stop();
    if (sound) {
      const audio = new Audio(sound);
      ends.unshift(() => audio.pause());
      audio.play().catch(({ name: why }) => {
        if (why !== "AbortError") byId("told").textContent = `The browser does not play the sound (${why}).`;
      });
    }
    const picture = (large.open ? large : nodes.get(keyOf(item)))?.querySelector("img");
    const moves = picture && !(large.open && isWhole) && sources.length > 1;
    ends.unshift(flip(picture ?? new Image(), moves ? sources : [], moments.seconds[moment], stop));
  }

  function pressed(is) {
    byId("tools").querySelector('[data-do="play"]').ariaPressed = String(is);
  }

  /** Plays the tile under the mouse, over and over, without its sound. */
  function hover(node) {
    let [left, end] = [false, () => {}];
    const waiting = setTimeout(async () => {
      const [item, picture] = [Number(node.dataset.index), node.querySelector("img")];
      const sources = picture && cropsOf(item).length > 1 ? await loadPictures(cropsOf(item), "small") : [];
      if (left || !sources.length || flips.has(picture)) return; // It plays already, with its sound.
      end = flip(picture, sources, Math.max(HOVER.least, moments.seconds[item]));
    }, HOVER.wait);
    node.addEventListener("pointerleave", () => { left = true; clearTimeout(waiting); end(); }, { once: true });
  }

  function wantWhole(is) {
    isWhole = is;
    byId("tools").querySelector('[data-do="whole"]').ariaPressed = String(is);
  }

  /** Shows the whole frame of the enlarged crop, where it is wanted. */
  async function showStill() {
    const [index, picture] = [faceOf(shown.here), large.querySelector("img")];
    const file = isWhole && large.open ? crops.file[index] : null;
    if (still && still.file !== file) {
      still.gone.abort();
      if (still.address) URL.revokeObjectURL(still.address);
      still = null;
    }
    if (!still && file) {
      const asked = { file, gone: new AbortController() };
      still = asked;
      await new Promise((done) => setTimeout(done, STILL_WAIT)); // Held arrows ask for none on their way.
      if (still !== asked) return;
      asked.address = await fetchScene("still", index, asked.gone.signal);
      if (still !== asked) return void (asked.address && URL.revokeObjectURL(asked.address));
    }
    large.classList.toggle("whole", Boolean(still?.address));
    if (still?.address && picture.src !== still.address) picture.src = still.address;
    if (still?.address) [picture.hidden, byId("absent").hidden] = [false, true];
  }

  // --- keys, mouse, fingers ---------------------------------------------------------------------

  function enlarge() {
    const picture = large.querySelector("img");
    const index = faceOf(shown.here);
    const gone = crops.gone[index];
    if (!still || still.file !== crops.file[index] || !isWhole) {
      [picture.hidden, byId("absent").hidden] = [gone, !gone];
      if (!gone && !picture.src.endsWith(pictureOf(index, "large"))) picture.src = pictureOf(index, "large");
    }
    byId("larger").textContent = words(shown.here);
    if (!large.open) {
      stopPlaying();
      large.append(byId("tools")); // Behind a modal dialog they could be neither pressed nor read out.
      large.showModal();
      focusCrops(); // Otherwise the first tool would have the focus, and Enter would decide.
    }
    showStill();
  }

  function shrink() {
    stopPlaying();
    wantWhole(false);
    showStill();
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
    frames: showFrames,
    moments: () => areFrames() && showMoments(),
    open: () => (large.open || areFrames() ? deeds.enlarge() : showFrames()),
    enlarge: () => (large.open ? large.close() : size() && enlarge()),
    play: () => (byId("tools").querySelector('[data-do="play"]').ariaPressed === "true" ? stopPlaying() : play()),
    whole: () => {
      wantWhole(!large.open || !isWhole);
      if (size()) enlarge();
    },
  };
  const KEYS = {
    a: "accept", r: "reject", n: "stranger", o: "other", u: "undo", j: "unsure", p: "play", f: "whole", "?": "keys",
    Enter: "open", " ": "enlarge",
  };

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

  /** Closes what `Escape` closes first. The browser closes dialogs. */
  function escape() {
    if (!byId("others").hidden) closeOthers();
    else deeds.moments();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (isHeld(event)) return event.preventDefault();
    if (isTheirs(event)) return;
    const by = step(event.key);
    const other = byId("others").hidden ? null : byId("others").children[Number(event.key) - 1];
    if (by !== undefined) go(shown.here + by);
    else if (other) other.click();
    else if (event.key === "Escape" && !large.open) escape();
    else if (KEYS[event.key]) deeds[KEYS[event.key]]();
    else return;
    if (event.key !== "Escape") event.preventDefault();
  });
  cells.addEventListener("click", (event) => {
    const node = event.target.closest(".cell");
    if (node) go(Number(node.dataset.index));
  });
  cells.addEventListener("dblclick", () => deeds.open());
  cells.addEventListener("pointerover", (event) => {
    const node = event.target.closest(".cell");
    const enters = node && !node.contains(event.relatedTarget) && event.pointerType === "mouse";
    if (enters && !areFrames() && !matchMedia("(prefers-reduced-motion: reduce)").matches) hover(node);
  });
  large.addEventListener("click", ({ target }) => { if (!target.closest("#tools")) large.close(); });
  large.addEventListener("close", shrink);
  byId("keys").addEventListener("close", focusCrops);
  byId("then").addEventListener("change", focusCrops);
  byId("review").addEventListener("click", (event) => {
    const button = event.target.closest("#tools button, #of button");
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
    if (ok) update(answer);
    else complain(answer.detail);
  }

  function update(answer) {
    const isFirst = !crops.file.length;
    const here = isFirst ? undefined : crops.file[faceOf(shown.here)];
    const opened = areFrames() ? here : undefined;
    const same = `${crops.file} ${crops.gone} ${crops.moment}` === `${answer.file} ${answer.gone} ${answer.moment}`;
    [crops, moments] = [answer, answer.moments];
    members = moments.best.map(() => []);
    crops.moment.forEach((moment, index) => members[moment].push(index));
    places = new Map(crops.file.map((file, index) => [file, index]));
    for (const entry of past) for (const file of entry.keys()) if (!places.has(file)) entry.delete(file);
    past.splice(0, past.length, ...past.filter(({ size: left }) => left));
    byId("nothing").hidden = crops.file.length > 0;
    for (const id of ["bar", "count", "cells", "tools"]) byId(id).hidden = !crops.file.length;
    if (!same) nodes.clear();
    shown.open = places.has(opened) ? crops.moment[places.get(opened)] : null;
    name();
    count(answer.progress);
    layOut();
    if (places.has(here)) goToCrop(places.get(here));
    else if (isFirst) begin();
    else go(shown.here);
    byId("review").dataset.ready = "";
  }

  /** The file that the end of an address names, which somebody may have typed. */
  function fileOf(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  /** Selects the crop that the address names, or what is to be decided first. */
  function begin() {
    const named = places.get(fileOf(location.hash.slice(1)));
    go(named === undefined ? nextOpen(0) : crops.moment[named]);
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

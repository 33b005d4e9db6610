"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const PER_SHEET = data.across * data.across;

  /** Formats seconds as 0:51.5 or 1:02:03.5. */
  function clock(seconds) {
    const tenths = Math.round(Math.max(0, seconds) * 10);
    const minutes = Math.floor(tenths / 600);
    const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
    if (minutes < 60) return `${minutes}:${rest}`;
    return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
  }

  const percent = (share) => `${Math.round(100 * share)} %`;

  /** Shows tile `index` of the sheets of `kind` ("face" or "crop") in an element. */
  function showTile(element, kind, index) {
    element.className = `sprite ${kind}-${Math.floor(index / PER_SHEET)}`;
    element.style.setProperty("--x", index % data.across);
    element.style.setProperty("--y", Math.floor((index % PER_SHEET) / data.across));
  }

  /** The address of a crop's file, relative to this page. */
  function hrefOf(crop) {
    const { people, person, emotion, file } = data.crops;
    const parts = [people[person[crop]], data.emotions[emotion[crop]], file[crop]];
    return "./" + parts.map(encodeURIComponent).join("/");
  }

  /** Opens a crop; the page Report of `mine-video web`, which frames this one, opens its moment. */
  function openCrop(href) {
    if (window.parent === window) window.open(href, "_blank", "noopener");
    else window.parent.postMessage({ crop: href.slice(2).split("/").map(decodeURIComponent) }, "*");
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[target]");
    if (!link || window.parent === window) return;
    event.preventDefault();
    openCrop(link.getAttribute("href"));
  });

  /** First position in a sorted list whose value is above `wanted`; its length if there is none. */
  function above(list, wanted, valueOf) {
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (valueOf(list[middle]) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  // --- light and dark ---------------------------------------------------------------------------

  const night = matchMedia("(prefers-color-scheme: dark)");
  const isPrinted = () => document.documentElement.classList.contains("printed");
  const isDark = () => !isPrinted() && (document.documentElement.dataset.theme ?? (night.matches ? "dark" : "light")) === "dark";

  /** A colour of the page: CSS does not reach into a canvas. */
  const colour = (element, property = "color") => getComputedStyle(element)[property];

  function toggleTheme() {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    drawLine();
  }

  night.addEventListener("change", () => drawLine());
  byId("theme").addEventListener("click", toggleTheme);

  // --- timeline ---------------------------------------------------------------------------------

  const line = byId("line");
  const canvas = line.querySelector("canvas");
  const cursor = byId("cursor");
  const card = byId("card");
  const { bars, cuts, begin, end } = data.timeline;
  const SHORTEST = Math.min(0.2, end - begin); // Seconds that are shown at least.
  const REACH = 6; // Pixels beside a bar at which the pointer still counts as on it.
  const NEAR = 0.5; // Seconds within which a crop or face counts as that of the moment.
  const DRAGGED = 4; // Pixels from which a pointer that moves while it is down is no click.
  const AXIS = 22; // Pixels below the lanes for the times.
  const MARKS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
  const LANE_NAME = 22; // Letters of a name beside its lane, at most.
  const lanes = data.people.map(() => []);
  bars.lane.forEach((lane, bar) => lanes[lane].push(bar));
  for (const lane of lanes) lane.sort((a, b) => bars.begin[a] - bars.begin[b]);

  /** What is shown: seconds, and the pixels of the canvas where times begin. */
  const view = { from: begin, to: end, left: 0 };
  const laneHeight = () => (canvas.clientHeight - AXIS) / (Math.max(1, data.people.length) + data.timeline.cutShare);
  const secondsPerPixel = () => (view.to - view.from) / Math.max(1, canvas.clientWidth - view.left);
  const xOf = (time) => view.left + (time - view.from) / secondsPerPixel();

  /** Draws the names, bars, cuts and times of the stretch that is shown. */
  function drawLine() {
    const { clientWidth: width, clientHeight: height } = canvas;
    const pen = canvas.getContext("2d");
    Object.assign(canvas, { width: width * devicePixelRatio, height: height * devicePixelRatio });
    pen.scale(devicePixelRatio, devicePixelRatio);
    pen.font = `13px ${getComputedStyle(line).fontFamily}`;
    const names = data.people.map((name) => ([...name].length > LANE_NAME ? `${[...name].slice(0, LANE_NAME - 1).join("")}…` : name));
    view.left = Math.min(width / 3, Math.max(0, ...names.map((name) => pen.measureText(name).width)) + 10);
    // For tests, which cannot look into a canvas.
    Object.assign(line.dataset, { from: view.from, to: view.to, left: view.left, lane: laneHeight() });
    drawTimes(pen, width, height - AXIS);
    Object.assign(pen, { fillStyle: colour(document.body), textAlign: "right", textBaseline: "middle" });
    names.forEach((name, lane) => pen.fillText(name, view.left - 8, (lane + 0.5) * laneHeight(), view.left - 8));
    pen.beginPath();
    pen.rect(view.left, 0, width - view.left, height - AXIS);
    pen.clip();
    drawBars(pen);
    drawCuts(pen);
    placeCursor();
  }

  function drawBars(pen) {
    const looks = data.colours[isDark() ? "dark" : "light"];
    const lane = laneHeight();
    bars.begin.forEach((time, bar) => {
      if (bars.end[bar] < view.from || time > view.to) return;
      const tall = lane * data.timeline.heights[bars.steady[bar]];
      const x = Math.round(xOf(time)); // Whole pixels: colours that blend would be nobody's.
      pen.fillStyle = looks[bars.label[bar]];
      pen.fillRect(x, (bars.lane[bar] + 0.5) * lane - tall / 2, Math.max(1, Math.round(xOf(bars.end[bar])) - x), tall);
    });
  }

  function drawCuts(pen) {
    const top = (Math.max(1, data.people.length) + 0.06) * laneHeight();
    Object.assign(pen, { fillStyle: "#808080", globalAlpha: data.timeline.cutAlpha });
    for (const time of cuts) if (time >= view.from && time <= view.to) pen.fillRect(xOf(time), top, 1, laneHeight() * data.timeline.tick);
    pen.globalAlpha = 1;
  }

  /** Draws the axis of times, and a line through the lanes at each of its marks. */
  function drawTimes(pen, width, bottom) {
    const [ink, faint, rule] = [colour(document.body), colour(document.querySelector("footer")), colour(document.querySelector("nav"), "borderBottomColor")];
    const apart = Math.max(90, view.left) * secondsPerPixel();
    const step = MARKS.find((seconds) => seconds >= apart) ?? Math.ceil(apart / MARKS.at(-1)) * MARKS.at(-1);
    Object.assign(pen, { textAlign: "center", textBaseline: "top" });
    for (let n = Math.ceil(view.from / step); n * step <= view.to; n += 1) {
      const x = Math.round(xOf(n * step));
      pen.fillStyle = rule;
      pen.fillRect(x, 0, 1, bottom);
      pen.fillStyle = faint;
      pen.fillRect(x, bottom, 1, 5);
      pen.fillStyle = ink;
      const text = step < 1 ? precise(n * step) : clock(n * step).replace(/\.0$/, "");
      const half = pen.measureText(text).width / 2;
      pen.fillText(text, Math.min(x, width - half), bottom + 7);
    }
    pen.fillStyle = faint;
    pen.fillRect(view.left, bottom, width - view.left, 1);
  }

  /** Formats seconds to hundredths, as 0:51.52. */
  function precise(seconds) {
    const hundredths = Math.round(100 * seconds);
    return `${clock(Math.floor(hundredths / 10) / 10)}${hundredths % 10}`;
  }

  /** Lists the faces of each lane by time: the walk's small pictures and the crops. */
  function facesByLane() {
    const lanes = data.people.map(() => []);
    data.faces.lane.forEach((lane, index) => lanes[lane].push({ kind: "face", index, time: data.faces.time[index] }));
    data.crops.person.forEach((person, index) => lanes[laneOf[person]]?.push({ kind: "crop", index, time: data.crops.time[index] }));
    for (const faces of lanes) faces.sort((a, b) => a.time - b.time);
    return lanes;
  }

  /** The face nearest in time; undefined if there is none. */
  function nearest(faces, time) {
    const next = above(faces, time, (face) => face.time);
    const [before, after] = [faces[next - 1], faces[next]];
    if (!before || !after) return before ?? after;
    return time - before.time <= after.time - time ? before : after;
  }

  const state = { lane: 0, place: -1, time: null, held: false, href: "", pointer: null };

  function placeCursor() {
    const x = state.time === null ? -1 : xOf(state.time);
    cursor.hidden = x < view.left;
    cursor.style.left = `${x}px`;
    if (!card.hidden) moveCard();
  }

  function beginTimeline() {
    const faces = facesByLane();

    /** Position in its lane of the bar at a time, or of the nearest within reach; -1 for none. */
    function placeAt(lane, time) {
      const own = lanes[lane] ?? [];
      const next = above(own, time, (bar) => bars.begin[bar]);
      const away = (place) => (own[place] === undefined ? Infinity : Math.max(bars.begin[own[place]] - time, time - bars.end[own[place]], 0));
      const best = away(next - 1) <= away(next) ? next - 1 : next;
      return away(best) <= REACH * secondsPerPixel() ? best : -1;
    }

    function hide() {
      card.hidden = true;
      card.classList.remove("held");
      Object.assign(state, { held: false, href: "", time: null });
      placeCursor();
    }

    /** Shows the card with the face of a bar at a time. */
    function show(lane, place, wanted) {
      const bar = lanes[lane][place];
      const time = Math.min(Math.max(wanted, bars.begin[bar]), bars.end[bar]);
      const face = nearest(faces[lane], time);
      const sprite = card.firstElementChild;
      if (face) showTile(sprite, face.kind, face.index);
      else sprite.className = "sprite";
      const isCrop = face?.kind === "crop" && Math.abs(face.time - time) <= NEAR;
      state.href = isCrop ? hrefOf(face.index) : "";
      describe(lane, bar, time, face);
      card.hidden = false;
      Object.assign(state, { lane, place, time });
      placeCursor();
    }

    /** Writes the card's text. Names are set as text, never as HTML: anyone can choose them. */
    function describe(lane, bar, time, face) {
      const words = card.lastElementChild;
      const look = `${data.emotions[bars.label[bar]]} ${percent(bars.probability[bar])}`;
      const name = document.createElement("b");
      const bdi = document.createElement("bdi");
      bdi.textContent = data.people[lane];
      name.append(bdi);
      const seconds = (bars.end[bar] - bars.begin[bar]).toFixed(2);
      const lines = [clock(time), look, bars.steady[bar] ? "steady" : "not steady by the last pick", `for ${seconds} s`];
      if (face && Math.abs(face.time - time) > NEAR) lines.push(`face at ${clock(face.time)}`);
      words.replaceChildren(name, ...lines.flatMap((text) => [text, document.createElement("br")]));
      if (state.href) {
        const link = Object.assign(document.createElement("a"), { href: state.href, target: "_blank", rel: "noopener", textContent: "Open the crop" });
        words.append(link);
      }
    }

    /** Shows the bar under a pointer, if there is one, and says whether there is. */
    function point(event) {
      const lane = Math.floor(event.offsetY / laneHeight());
      const place = placeAt(lane, timeAt(event));
      if (place < 0) hide();
      else show(lane, place, timeAt(event));
      return place >= 0;
    }

    /** Zooms about the bar that is held, else the pointer, else the middle. */
    function zoom(factor) {
      const { from, to } = view;
      const held = state.held && state.time >= from && state.time <= to;
      const middle = held ? state.time : state.pointer ?? (from + to) / 2;
      const length = factor ? Math.min(Math.max((to - from) * factor, SHORTEST), end - begin) : end - begin;
      look(middle - ((middle - from) / (to - from)) * length, length);
    }

    /** Shows a stretch, moved so that it lies within the movie. */
    function look(start, length) {
      view.from = Math.min(Math.max(start, begin), end - length);
      view.to = view.from + length;
      drawLine();
    }

    /** Goes to a bar and keeps its card open. */
    function go(lane, place) {
      const own = lanes[lane];
      if (!own?.length) return;
      const bar = own[Math.min(Math.max(place, 0), own.length - 1)];
      const middle = (bars.begin[bar] + bars.end[bar]) / 2;
      const length = view.to - view.from;
      if (middle < view.from || middle > view.to) look(middle - length / 2, length);
      show(lane, own.indexOf(bar), middle);
      hold();
    }

    function hold() {
      state.held = true;
      card.classList.add("held");
    }

    /** Position of the bar in another lane at the cursor, or of the last one before it. */
    function beside(lane) {
      return Math.max(0, above(lanes[lane] ?? [], state.time ?? view.from, (bar) => bars.begin[bar]) - 1);
    }

    const keys = {
      ArrowLeft: () => go(state.lane, state.place - 1),
      ArrowRight: () => go(state.lane, state.place + 1),
      ArrowUp: () => go(state.lane - 1, beside(state.lane - 1)),
      ArrowDown: () => go(state.lane + 1, beside(state.lane + 1)),
      Home: () => go(state.lane, 0),
      End: () => go(state.lane, Infinity),
      "+": () => zoom(0.5),
      "-": () => zoom(2),
      0: () => zoom(0),
      Enter: () => state.href && openCrop(state.href),
      Escape: hide,
    };

    const timeAt = (event) => view.from + (event.offsetX - view.left) * secondsPerPixel();
    const drag = { from: null, x: 0, isClick: false };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      Object.assign(drag, { from: view.from, x: event.offsetX, isClick: true });
    });
    canvas.addEventListener("pointermove", (event) => {
      if (Math.abs(event.offsetX - drag.x) >= DRAGGED) drag.isClick = false;
      if (drag.from !== null && !drag.isClick) look(drag.from - (event.offsetX - drag.x) * secondsPerPixel(), view.to - view.from);
      state.pointer = timeAt(event);
      if (drag.from === null && !state.held) point(event);
    });
    canvas.addEventListener("pointerup", (event) => {
      if (drag.isClick && point(event)) hold();
      drag.from = null;
    });
    canvas.addEventListener("pointercancel", () => { drag.from = null; });
    canvas.addEventListener("pointerleave", () => { state.pointer = null; state.held || hide(); });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // The wheel alone scrolls the page.
      event.preventDefault();
      state.pointer = timeAt(event);
      zoom(1.0015 ** event.deltaY);
    }, { passive: false });
    line.addEventListener("keydown", (event) => {
      if (event.target !== line || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
    for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));
    new ResizeObserver(drawLine).observe(canvas);
    drawLine();
  }

  /** Moves the card beside the cursor and below the lane, but keeps it within the page. */
  function moveCard() {
    const x = xOf(state.time);
    const left = x + 14 + card.offsetWidth > line.clientWidth ? x - card.offsetWidth - 14 : x + 14;
    card.style.left = `${Math.max(0, Math.min(left, line.clientWidth - card.offsetWidth))}px`;
    card.style.top = `${(state.lane + 1) * laneHeight() + 4}px`;
  }

  // --- crops ------------------------------------------------------------------------------------

  const grid = byId("grid");
  const SHAPES = { moment: { width: 126, height: 164 }, crop: { width: 90, height: 114 } };
  const HEADING = 40; // Pixels, with the room above.
  const wanted = { items: [], rows: [], rowOf: [], headings: [], shape: SHAPES.moment, columns: 0, focus: 0 };
  const nodes = new Map();

  /** What the page shows as tiles: a moment by its best crop, or every crop by itself. */
  const moments = data.moments.crop.map((crop, n) => ({
    crop,
    time: data.moments.start[n],
    seconds: data.moments.seconds[n],
    sure: data.moments.sure[n],
    probability: data.moments.probability[n],
  }));
  const everyCrop = data.crops.person.map((_, crop) => ({
    crop,
    time: data.crops.time[crop],
    seconds: null,
    sure: data.crops.sure[crop],
    probability: data.crops.probability[crop],
  }));

  const laneOf = data.crops.people.map((name) => data.people.indexOf(name));
  const byGroup = (a, b) => laneOf[data.crops.person[a.crop]] - laneOf[data.crops.person[b.crop]] || data.crops.emotion[a.crop] - data.crops.emotion[b.crop];
  const ORDERS = {
    group: (a, b) => byGroup(a, b) || b.sure - a.sure || a.crop - b.crop,
    folder: (a, b) => byGroup(a, b) || a.crop - b.crop,
    sure: (a, b) => b.sure - a.sure || a.crop - b.crop,
    time: (a, b) => a.time - b.time || a.crop - b.crop,
    probability: (a, b) => b.probability - a.probability || a.crop - b.crop,
    run: (a, b) => data.crops.length[b.crop] - data.crops.length[a.crop] || a.crop - b.crop,
  };

  function beginCrops() {
    if (!grid) return;
    const { people } = data.crops;
    byId("person").append(new Option("everybody", "-1"), ...people.map((name, index) => new Option(name, index)));
    byId("run").max = data.crops.length.reduce((a, b) => Math.max(a, b), 1);
    for (const link of document.querySelectorAll(".only")) {
      const index = people.indexOf(link.dataset.person);
      link.hidden = index < 0;
      link.addEventListener("click", () => { byId("person").value = index; filter(); });
    }
    byId("filters").addEventListener("input", filter);
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("filters").addEventListener("reset", () => setTimeout(filter));
    grid.addEventListener("keydown", moveFocus);
    grid.addEventListener("focusin", (event) => { wanted.focus = Number(event.target.dataset.place); });
    addEventListener("scroll", paint, { passive: true });
    new ResizeObserver(() => { if (columnsThatFit() !== wanted.columns) layOut(); else paint(); }).observe(grid);
    filter();
  }

  /** Says how many of each emotion there are, of what the page shows as tiles. */
  function count(all) {
    const counts = new Array(data.emotions.length).fill(0);
    for (const { crop } of all) counts[data.crops.emotion[crop]] += 1;
    for (const box of document.getElementsByName("emotion")) {
      box.parentElement.querySelector("small").textContent = counts[box.value];
      box.parentElement.classList.toggle("none", !counts[box.value]);
    }
  }

  /** Shows the moments, or crops, that pass the filters, in the chosen order. */
  function filter() {
    const person = Number(byId("person").value);
    const emotions = new Set([...document.getElementsByName("emotion")].filter((box) => box.checked).map((box) => Number(box.value)));
    const least = Number(byId("sure").value) / 100;
    const length = Number(byId("run").value) || 1;
    const crops = data.crops;
    const all = byId("every").checked ? everyCrop : moments;
    document.querySelector("#filters output").textContent = percent(least);
    wanted.shape = all === moments ? SHAPES.moment : SHAPES.crop;
    count(all);
    grid.ariaLabel = `${all === moments ? "Moments" : "Crops"}. The arrow keys move, Enter opens the crop.`;
    wanted.items = all.filter(({ crop, sure }) =>
      (person < 0 || crops.person[crop] === person) && emotions.has(crops.emotion[crop]) && sure >= least && crops.length[crop] >= length);
    wanted.items.sort(ORDERS[byId("order").value]);
    wanted.focus = 0;
    const [shown, every] = [wanted.items.length, all.length].map((n) => n.toLocaleString("en"));
    const noun = counted(all.length, all === moments ? "moment" : "crop");
    byId("count").textContent = shown === every ? noun : `${shown} of ${noun}`;
    layOut();
  }

  const counted = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

  function clear() {
    for (const node of nodes.values()) node.remove();
    nodes.clear();
    for (const { node } of wanted.headings) node.remove();
  }

  const columnsThatFit = () => Math.max(1, Math.floor((grid.clientWidth + 6) / wanted.shape.width));

  /** Gives every tile its row; in the orders by person and emotion a heading begins new rows. */
  function layOut() {
    clear();
    const grouped = ["group", "folder"].includes(byId("order").value);
    Object.assign(wanted, { columns: columnsThatFit(), rows: [], rowOf: [], headings: [] });
    let top = 0;
    let group = null;
    wanted.items.forEach((item, place) => {
      const fresh = grouped && (group === null || byGroup(group, item) !== 0);
      let row = wanted.rows.at(-1);
      if (fresh) {
        wanted.headings.push({ top, place, node: heading(item, top) });
        top += HEADING;
      }
      if (fresh || !row || place - row.first === wanted.columns) {
        row = { first: place, stop: place, top };
        wanted.rows.push(row);
        top += wanted.shape.height;
      }
      row.stop = place + 1;
      wanted.rowOf.push(wanted.rows.length - 1);
      group = item;
    });
    grid.className = wanted.shape === SHAPES.moment ? "moments" : "";
    grid.style.height = `${top}px`;
    grid.append(...wanted.headings.map(({ node }) => node));
    paint();
  }

  /** A heading with the person, the emotion, and how much of it is shown. */
  function heading(item, top) {
    const { people, person, emotion } = data.crops;
    const same = wanted.items.filter((other) => byGroup(item, other) === 0);
    const node = document.createElement("h3");
    const key = Object.assign(document.createElement("span"), { className: `key look-${emotion[item.crop]}` });
    const words = document.createElement("span");
    const name = document.createElement("bdi");
    name.textContent = people[person[item.crop]];
    words.append(name, `, ${data.emotions[emotion[item.crop]]}`);
    key.append(words);
    const count = Object.assign(document.createElement("small"), { className: "note" });
    const seconds = same.reduce((sum, other) => sum + (other.seconds ?? 0), 0);
    count.textContent = item.seconds === null ? counted(same.length, "crop") : `${counted(same.length, "moment")}, ${seconds.toFixed(1)} s`;
    node.append(key, " ", count);
    node.style.top = `${top}px`;
    return node;
  }

  /** Makes the tiles near the window and removes the others: a page may hold 40,000 crops. */
  function paint() {
    if (isPrinted()) return;
    const top = -grid.getBoundingClientRect().top;
    const after = (y) => above(wanted.rows, y, (row) => row.top);
    const first = wanted.rows[Math.max(0, after(top - innerHeight / 2) - 1)]?.first ?? 0;
    const stop = wanted.rows[after(top + 1.5 * innerHeight) - 1]?.stop ?? 0;
    for (const [place, node] of nodes) {
      if ((place < first || place >= stop) && node !== document.activeElement) {
        node.remove();
        nodes.delete(place);
      }
    }
    const fresh = [];
    for (let place = first; place < stop; place += 1) if (!nodes.has(place)) fresh.push(tile(place));
    grid.append(...fresh);
  }

  function tile(place) {
    const item = wanted.items[place];
    const { people, person, emotion, length, line } = data.crops;
    const { crop } = item;
    const node = document.createElement("a");
    const look = data.emotions[emotion[crop]];
    node.className = `tile look-${emotion[crop]}`;
    Object.assign(node, { href: hrefOf(crop), target: "_blank", rel: "noopener", tabIndex: place === wanted.focus ? 0 : -1 });
    node.dataset.place = place;
    const lasting = item.seconds === null ? "" : `for ${item.seconds.toFixed(1)} s, `;
    node.title = `${people[person[crop]]}, ${look} ${percent(item.probability)}, ${clock(item.time)}, ${lasting}run of ${length[crop]} frames, ${percent(item.sure)} sure${line[crop] ? `: ${line[crop]}` : ""}`;
    node.setAttribute("aria-label", node.title);
    const row = wanted.rows[wanted.rowOf[place]];
    node.style.left = `${(place - row.first) * wanted.shape.width}px`;
    node.style.top = `${row.top}px`;
    const sprite = document.createElement("span");
    showTile(sprite, "crop", crop);
    node.append(sprite, ...captions(item));
    nodes.set(place, node);
    return node;
  }

  /** The lines below a tile: time and length, how sure and how probable. */
  function captions(item) {
    const lines = item.seconds === null
      ? [[clock(item.time), percent(item.sure)]]
      : [[clock(item.time), `${item.seconds.toFixed(1)} s`], [`${percent(item.sure)} sure`, `p ${percent(item.probability)}`]];
    return lines.map((texts) => {
      const caption = Object.assign(document.createElement("span"), { className: "caption" });
      caption.append(...texts.map((textContent) => Object.assign(document.createElement("span"), { textContent })));
      return caption;
    });
  }

  function focusTile(place) {
    const last = wanted.items.length - 1;
    if (last < 0) return;
    const to = Math.min(Math.max(place, 0), last);
    const old = nodes.get(wanted.focus);
    if (old) old.tabIndex = -1;
    wanted.focus = to;
    const { top: within } = wanted.rows[wanted.rowOf[to]];
    const top = grid.getBoundingClientRect().top + within;
    const room = 50 + HEADING; // Of the links that stay on top, and of a heading.
    if (top < room) scrollBy(0, top - room);
    else if (top + wanted.shape.height > innerHeight) scrollBy(0, top + wanted.shape.height - innerHeight);
    paint();
    const node = nodes.get(to) ?? grid.appendChild(tile(to));
    node.tabIndex = 0;
    node.focus({ preventScroll: true });
  }

  /** The place as far to the right in another row as the tile with the focus. */
  function inRow(step) {
    const now = wanted.rowOf[wanted.focus];
    const row = wanted.rows[Math.min(Math.max(now + step, 0), wanted.rows.length - 1)];
    return Math.min(row.first + wanted.focus - wanted.rows[now].first, row.stop - 1);
  }

  function moveFocus(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(innerHeight / wanted.shape.height) - 1);
    const places = {
      ArrowLeft: () => wanted.focus - 1,
      ArrowRight: () => wanted.focus + 1,
      ArrowUp: () => inRow(-1),
      ArrowDown: () => inRow(1),
      PageUp: () => inRow(-page),
      PageDown: () => inRow(page),
      Home: () => 0,
      End: () => Infinity,
    };
    if (!places[event.key]) return;
    event.preventDefault();
    focusTile(places[event.key]());
  }

  // --- print ------------------------------------------------------------------------------------

  /** Lays out all tiles that pass the filters one after the other. */
  function beginPrint() {
    document.documentElement.classList.add("printed");
    drawLine();
    for (const details of document.querySelectorAll("details:not([open])")) Object.assign(details, { open: true }).classList.add("opened");
    if (!grid) return;
    clear();
    const headings = new Map(wanted.headings.map(({ place, node }) => [place, node]));
    wanted.items.forEach((_, place) => grid.append(...[headings.get(place), tile(place)].filter(Boolean)));
  }

  function endPrint() {
    document.documentElement.classList.remove("printed");
    for (const details of document.querySelectorAll("details.opened")) Object.assign(details, { open: false }).classList.remove("opened");
    drawLine();
    if (grid) layOut();
  }

  addEventListener("beforeprint", beginPrint);
  addEventListener("afterprint", endPrint);

  // --- keys -------------------------------------------------------------------------------------

  const help = () => byId("keys").showModal();
  const toFilters = () => { byId("filters")?.scrollIntoView({ block: "nearest" }); byId("person")?.focus(); };
  const toLine = () => { line.scrollIntoView({ block: "center" }); line.focus(); };
  const KEYS = { "?": help, "/": toFilters, f: toFilters, g: () => grid && focusTile(wanted.focus), t: toLine, d: toggleTheme };

  byId("help").addEventListener("click", help);
  addEventListener("keydown", (event) => {
    const writes = event.target.matches?.("input, select, textarea") || byId("keys").open;
    if (writes || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  beginCrops();
  beginTimeline();
  document.documentElement.dataset.ready = "yes";
})();

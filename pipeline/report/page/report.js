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
  const plots = [];

  const isDark = () => (document.documentElement.dataset.theme ?? (night.matches ? "dark" : "light")) === "dark";

  function colour(element, property = "color") {
    return getComputedStyle(element)[property];
  }

  /** Gives a plot the colours of the page: Bokeh draws on a canvas, which CSS does not reach. */
  function dress(plot) {
    const ink = colour(document.body);
    const faint = colour(document.querySelector("footer"));
    const rule = colour(document.querySelector("nav"), "borderBottomColor");
    for (const axis of [...plot.left, ...plot.below]) axis.major_label_text_color = ink;
    for (const axis of plot.below) Object.assign(axis, { axis_line_color: faint, major_tick_line_color: faint, minor_tick_line_color: null });
    for (const grid of plot.center) if ("grid_line_color" in grid) grid.grid_line_color = rule;
    const looks = data.colours[isDark() ? "dark" : "light"];
    const mapper = plot.document.get_model_by_name("looks");
    if (mapper) mapper.palette = [...looks];
    const cursor = plot.document.get_model_by_name("cursor");
    if (cursor) cursor.line_color = ink;
    for (const { name, glyph } of plot.renderers) {
      const look = data.emotions.indexOf(name);
      if (look >= 0) Object.assign(glyph, { fill_color: { value: looks[look] }, line_color: { value: looks[look] } });
    }
  }

  const dressAll = () => plots.forEach(dress);

  function toggleTheme() {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    dressAll();
  }

  night.addEventListener("change", dressAll);
  byId("theme").addEventListener("click", toggleTheme);

  // --- timeline ---------------------------------------------------------------------------------

  const line = byId("line");
  const card = byId("card");
  const REACH = 6; // Pixels beside a bar at which the pointer still counts as on it.
  const NEAR = 0.5; // Seconds within which a crop or face counts as that of the moment.

  /** Lists the faces of each lane by time: the walk's small pictures and the crops. */
  function facesByLane() {
    const lanes = data.people.map(() => []);
    data.faces.lane.forEach((lane, index) => lanes[lane].push({ kind: "face", index, time: data.faces.time[index] }));
    const laneOf = data.crops.people.map((name) => data.people.indexOf(name));
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

  async function beginTimeline() {
    const view = await draw("timeline", line);
    const plot = view.model;
    const source = plot.document.get_model_by_name("bars").data_source;
    const cursor = plot.document.get_model_by_name("cursor");
    const column = Object.fromEntries(source.columns().map((name) => [name, source.get_column(name)]));
    const lanes = data.people.map(() => []);
    Array.from(column.lane).forEach((lane, bar) => lanes[lane].push(bar));
    for (const bars of lanes) bars.sort((a, b) => column.left[a] - column.left[b]);
    const faces = facesByLane();
    const whole = [plot.x_range.start, plot.x_range.end];
    const state = { lane: 0, place: -1, held: false, href: "" };

    const msPerPixel = () => (plot.x_range.end - plot.x_range.start) / Math.max(1, view.frame.bbox.width);

    /** Position in its lane of the bar at a time, or of the nearest within reach; -1 for none. */
    function placeAt(lane, ms) {
      const bars = lanes[lane] ?? [];
      const next = above(bars, ms, (bar) => column.left[bar]);
      const away = (place) => (bars[place] === undefined ? Infinity : Math.max(column.left[bars[place]] - ms, ms - column.right[bars[place]], 0));
      const best = away(next - 1) <= away(next) ? next - 1 : next;
      return away(best) <= REACH * msPerPixel() ? best : -1;
    }

    function hide() {
      card.hidden = true;
      card.classList.remove("held");
      cursor.visible = false;
      Object.assign(state, { held: false, href: "" });
    }

    /** Shows the card with the face of a bar at a time. */
    function show(lane, place, ms) {
      const bar = lanes[lane][place];
      const time = Math.min(Math.max(ms, column.left[bar]), column.right[bar]) / 1000;
      const face = nearest(faces[lane], time);
      const sprite = card.firstElementChild;
      if (face) showTile(sprite, face.kind, face.index);
      else sprite.className = "sprite";
      const isCrop = face?.kind === "crop" && Math.abs(face.time - time) <= NEAR;
      state.href = isCrop ? hrefOf(face.index) : "";
      describe(lane, bar, time, face);
      cursor.location = 1000 * time;
      cursor.visible = true;
      card.hidden = false;
      Object.assign(state, { lane, place });
      moveCard(lane, 1000 * time);
    }

    /** Writes the card's text. Names are set as text, never as HTML: anyone can choose them. */
    function describe(lane, bar, time, face) {
      const words = card.lastElementChild;
      const look = `${data.emotions[column.label[bar]]} ${percent(column.probability[bar])}`;
      const name = document.createElement("b");
      const bdi = document.createElement("bdi");
      bdi.textContent = data.people[lane];
      name.append(bdi);
      const seconds = ((column.right[bar] - column.left[bar]) / 1000).toFixed(2);
      const lines = [clock(time), look, column.steady[bar] ? "steady" : "filtered out", `for ${seconds} s`];
      if (face && Math.abs(face.time - time) > NEAR) lines.push(`face at ${clock(face.time)}`);
      words.replaceChildren(name, ...lines.flatMap((text) => [text, document.createElement("br")]));
      if (state.href) {
        const link = Object.assign(document.createElement("a"), { href: state.href, target: "_blank", rel: "noopener", textContent: "Open the crop" });
        words.append(link);
      }
    }

    /** Moves the card beside the pointer and below the lane, but keeps it within the page. */
    function moveCard(lane, ms) {
      const x = view.frame.bbox.left + (ms - plot.x_range.start) / msPerPixel();
      const y = view.frame.y_scale.compute(lane + 0.5);
      const left = x + 14 + card.offsetWidth > line.clientWidth ? x - card.offsetWidth - 14 : x + 14;
      card.style.left = `${Math.max(0, Math.min(left, line.clientWidth - card.offsetWidth))}px`;
      card.style.top = `${view.el.offsetTop + y + 4}px`;
    }

    function point(event) {
      const lane = Math.round(event.y);
      const place = placeAt(lane, event.x);
      if (place < 0) hide();
      else show(lane, place, event.x);
      return place >= 0;
    }

    function zoom(factor) {
      const { start, end } = plot.x_range;
      const middle = cursor.visible ? cursor.location : (start + end) / 2;
      const length = Math.min(Math.max((end - start) * factor, plot.x_range.min_interval), whole[1] - whole[0]);
      const share = (middle - start) / (end - start);
      look(factor ? middle - share * length : whole[0], factor ? length : whole[1] - whole[0]);
    }

    /** Shows a stretch, moved so that it lies within the movie. */
    function look(start, length) {
      const from = Math.min(Math.max(start, whole[0]), whole[1] - length);
      plot.x_range.setv({ start: from, end: from + length });
      if (!card.hidden) moveCard(state.lane, cursor.location);
    }

    /** Goes to a bar and keeps its card open. */
    function go(lane, place) {
      const bars = lanes[lane];
      if (!bars?.length) return;
      const bar = bars[Math.min(Math.max(place, 0), bars.length - 1)];
      const middle = (column.left[bar] + column.right[bar]) / 2;
      const { start, end } = plot.x_range;
      if (middle < start || middle > end) look(middle - (end - start) / 2, end - start);
      show(lane, bars.indexOf(bar), middle);
      hold();
    }

    function hold() {
      state.held = true;
      card.classList.add("held");
    }

    /** Position of the bar in another lane at the cursor, or of the last one before it. */
    function beside(lane) {
      const bars = lanes[lane] ?? [];
      const ms = cursor.visible ? cursor.location : plot.x_range.start;
      return Math.max(0, above(bars, ms, (bar) => column.left[bar]) - 1);
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
      Enter: () => state.href && window.open(state.href, "_blank", "noopener"),
      Escape: hide,
    };

    // Assigned as a whole, since Bokeh notices no changes inside. Bokeh's own callbacks, CustomJS,
    // need eval, which the page's policy forbids.
    plot.js_event_callbacks = {
      mousemove: [(event) => state.held || point(event)],
      mouseleave: [() => state.held || hide()],
      tap: [(event) => { if (point(event)) hold(); }],
    };
    line.addEventListener("keydown", (event) => {
      if (event.target !== line || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
    for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));
  }

  async function draw(name, place) {
    const target = document.createElement("div");
    place.prepend(target);
    const views = await Bokeh.embed.embed_item({ ...data.plots[name], target_id: null }, target);
    const view = [...views][0];
    plots.push(view.model);
    dress(view.model);
    // A finger that moves up or down scrolls the page; sideways it moves the timeline.
    view.canvas.events_el.style.touchAction = "pan-y";
    const fit = () => { view.model.below[0].ticker.desired_num_ticks = Math.max(2, Math.round(place.clientWidth / 130)); };
    new ResizeObserver(fit).observe(place);
    return view;
  }

  // --- crops ------------------------------------------------------------------------------------

  const grid = byId("grid");
  const TILE = { width: 90, height: 114 };
  const wanted = { list: [], columns: 1, focus: 0 };
  const nodes = new Map();

  const ORDERS = {
    sure: (a, b) => data.crops.sure[b] - data.crops.sure[a] || a - b,
    folder: (a, b) => a - b,
    time: (a, b) => data.crops.time[a] - data.crops.time[b] || a - b,
    probability: (a, b) => data.crops.probability[b] - data.crops.probability[a] || a - b,
    run: (a, b) => data.crops.length[b] - data.crops.length[a] || a - b,
  };

  function beginCrops() {
    if (!grid) return;
    const { people } = data.crops;
    const counts = new Array(data.emotions.length).fill(0);
    for (const emotion of data.crops.emotion) counts[emotion] += 1;
    byId("person").append(new Option("everybody", "-1"), ...people.map((name, index) => new Option(name, index)));
    for (const box of document.getElementsByName("emotion")) {
      box.parentElement.querySelector("small").textContent = counts[box.value];
      box.parentElement.classList.toggle("none", !counts[box.value]);
    }
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
    new ResizeObserver(layOut).observe(grid);
    filter();
  }

  /** Shows the crops that pass the filters, in the chosen order. */
  function filter() {
    const person = Number(byId("person").value);
    const emotions = new Set([...document.getElementsByName("emotion")].filter((box) => box.checked).map((box) => Number(box.value)));
    const least = Number(byId("sure").value) / 100;
    const length = Number(byId("run").value) || 1;
    const crops = data.crops;
    document.querySelector("#filters output").textContent = percent(least);
    wanted.list = crops.person.map((_, index) => index).filter((i) =>
      (person < 0 || crops.person[i] === person) && emotions.has(crops.emotion[i]) && crops.sure[i] >= least && crops.length[i] >= length);
    if (byId("best").checked) wanted.list = bestOfRuns(wanted.list);
    wanted.list.sort(ORDERS[byId("order").value]);
    wanted.focus = 0;
    const [shown, all] = [wanted.list.length, crops.person.length].map((n) => n.toLocaleString("en"));
    const noun = all === "1" ? "crop" : "crops";
    byId("count").textContent = shown === all ? `${all} ${noun}` : `${shown} of ${all} ${noun}`;
    clear();
    layOut();
  }

  /** Keeps the crop with the highest probability of each run. */
  function bestOfRuns(list) {
    const { run, person, emotion, probability } = data.crops;
    const best = new Map();
    for (const crop of list) {
      const key = `${person[crop]} ${emotion[crop]} ${run[crop]}`;
      if (!best.has(key) || probability[crop] > probability[best.get(key)]) best.set(key, crop);
    }
    return [...best.values()];
  }

  function clear() {
    for (const node of nodes.values()) node.remove();
    nodes.clear();
  }

  function layOut() {
    const columns = Math.max(1, Math.floor((grid.clientWidth + 6) / TILE.width));
    if (columns !== wanted.columns) clear();
    wanted.columns = columns;
    grid.style.height = `${Math.ceil(wanted.list.length / columns) * TILE.height}px`;
    paint();
  }

  /** Makes the tiles near the window and removes the others: a page may hold 40,000 crops. */
  function paint() {
    const top = -grid.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor((top - innerHeight / 2) / TILE.height)) * wanted.columns;
    const stop = Math.min(wanted.list.length, Math.ceil((top + 1.5 * innerHeight) / TILE.height) * wanted.columns);
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
    const crop = wanted.list[place];
    const { people, person, emotion, probability, sure, length, time, line } = data.crops;
    const node = document.createElement("a");
    const look = data.emotions[emotion[crop]];
    node.className = `tile look-${emotion[crop]}`;
    Object.assign(node, { href: hrefOf(crop), target: "_blank", rel: "noopener", tabIndex: place === wanted.focus ? 0 : -1 });
    node.dataset.place = place;
    node.title = `${people[person[crop]]}, ${look} ${percent(probability[crop])}, ${clock(time[crop])}, run of ${length[crop]} frames, ${percent(sure[crop])} sure${line[crop] ? `: ${line[crop]}` : ""}`;
    node.setAttribute("aria-label", node.title);
    node.style.left = `${(place % wanted.columns) * TILE.width}px`;
    node.style.top = `${Math.floor(place / wanted.columns) * TILE.height}px`;
    const sprite = document.createElement("span");
    showTile(sprite, "crop", crop);
    const caption = document.createElement("span");
    caption.className = "caption";
    for (const text of [clock(time[crop]), percent(sure[crop])]) {
      caption.append(Object.assign(document.createElement("span"), { textContent: text }));
    }
    node.append(sprite, caption);
    nodes.set(place, node);
    return node;
  }

  function focusTile(place) {
    const last = wanted.list.length - 1;
    if (last < 0) return;
    const to = Math.min(Math.max(place, 0), last);
    const old = nodes.get(wanted.focus);
    if (old) old.tabIndex = -1;
    wanted.focus = to;
    const top = grid.getBoundingClientRect().top + Math.floor(to / wanted.columns) * TILE.height;
    if (top < 50) scrollBy(0, top - 50);
    else if (top + TILE.height > innerHeight) scrollBy(0, top + TILE.height - innerHeight);
    paint();
    const node = nodes.get(to);
    node.tabIndex = 0;
    node.focus({ preventScroll: true });
  }

  function moveFocus(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(innerHeight / TILE.height) - 1) * wanted.columns;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wanted.columns, ArrowDown: wanted.columns, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    focusTile(wanted.focus + step);
  }

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
  beginTimeline().then(() => draw("shares", byId("parts"))).then(() => { document.documentElement.dataset.ready = "yes"; });
})();

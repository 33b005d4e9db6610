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
  const plots = [];
  const views = [];

  const isPrinted = () => document.documentElement.classList.contains("printed");
  const isDark = () => !isPrinted() && (document.documentElement.dataset.theme ?? (night.matches ? "dark" : "light")) === "dark";

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
    const state = { lane: 0, place: -1, held: false, href: "", pointer: null };

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

    /** Zooms about the bar that is held, else the pointer, else the middle. */
    function zoom(factor) {
      const { start, end } = plot.x_range;
      const held = state.held && cursor.location >= start && cursor.location <= end;
      const middle = held ? cursor.location : state.pointer ?? (start + end) / 2;
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
      Enter: () => state.href && openCrop(state.href),
      Escape: hide,
    };

    // Assigned as a whole, since Bokeh notices no changes inside. Bokeh's own callbacks, CustomJS,
    // need eval, which the page's policy forbids.
    plot.js_event_callbacks = {
      mousemove: [(event) => { state.pointer = event.x; state.held || point(event); }],
      mouseleave: [() => { state.pointer = null; state.held || hide(); }],
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
    const embedded = await Bokeh.embed.embed_item({ ...data.plots[name], target_id: null }, target);
    const view = [...embedded][0];
    plots.push(view.model);
    views.push(view);
    dress(view.model);
    // A finger that moves up or down scrolls the page; sideways it moves the timeline.
    view.canvas.events_el.style.touchAction = "pan-y";
    const fit = () => { view.model.below[0].ticker.desired_num_ticks = Math.max(2, Math.round(place.clientWidth / 130)); };
    new ResizeObserver(fit).observe(place);
    return view;
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

  /** Lays out all tiles that pass the filters one after the other, and pictures of the plots. */
  function beginPrint() {
    document.documentElement.classList.add("printed");
    dressAll();
    for (const view of views) {
      // Bokeh itself gives bars their new colours only later, when the page is printed already.
      for (const renderer of view.renderer_views.values()) renderer.set_visuals?.();
      const { canvas } = view.export("png", true);
      canvas.className = "print-only";
      view.el.closest(".plot").append(canvas);
    }
    for (const details of document.querySelectorAll("details:not([open])")) Object.assign(details, { open: true }).classList.add("opened");
    if (!grid) return;
    clear();
    const headings = new Map(wanted.headings.map(({ place, node }) => [place, node]));
    wanted.items.forEach((_, place) => grid.append(...[headings.get(place), tile(place)].filter(Boolean)));
  }

  function endPrint() {
    document.documentElement.classList.remove("printed");
    for (const canvas of document.querySelectorAll(".print-only")) canvas.remove();
    for (const details of document.querySelectorAll("details.opened")) Object.assign(details, { open: false }).classList.remove("opened");
    dressAll();
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
  beginTimeline().then(() => draw("shares", byId("parts"))).then(() => { document.documentElement.dataset.ready = "yes"; });
})();

"use strict";
(() => {
  const PAUSE = 500;
  const TYPING = 400; // Milliseconds without a key until a plan is made of what is typed.
  const form = document.getElementById("cards");
  const staged = document.getElementById("staged");
  const apply = document.getElementById("apply");
  const merge = document.getElementById("merge");
  const reset = document.getElementById("reset"); // Missing if the server has filled the fields.
  const said = document.getElementById("said");
  const sorting = document.getElementById("sorting");

  /** The cards that can be named, in the order of the page. */
  const cards = [...document.querySelectorAll(".person")].filter((card) => fieldOf(card));
  const faces = cards.map((card) => card.querySelector(".who"));
  let asking = []; // The cards that get the name that is being typed.
  let typing; // The timer of a plan for what is being typed.
  let asked = 0; // Counts requests for plans: a late answer must not replace a newer one.

  function fieldOf(card) {
    return card.querySelector(".name input");
  }

  function nameOf(card) {
    return fieldOf(card).value.trim();
  }

  function renamed(card) {
    return nameOf(card) !== "" && nameOf(card) !== fieldOf(card).dataset.was;
  }

  function called(card) {
    return card.querySelector(".who").dataset.called;
  }

  function say(words) {
    said.textContent = words;
  }

  // --- the plan: the server says what the names would change ---

  function listed(changes) {
    return changes.map((change) => {
      const line = document.createElement("li");
      line.append(Object.assign(document.createElement("bdi"), { textContent: change }));
      return line;
    });
  }

  async function plan() {
    const number = ++asked;
    const { ok, answer } = await askServer(form.dataset.plan, { method: "POST", body: new FormData(form) });
    if (number !== asked) return;
    if (ok) return show(answer);
    apply.disabled = true;
    say(answer.detail);
  }

  function show({ changes, commands, problems }) {
    const changed = changes.length + problems.length > 0;
    staged.classList.toggle("full", changed);
    document.getElementById("nothing").hidden = changed;
    if (reset) reset.hidden = !changed;
    document.getElementById("words").replaceChildren(...listed(changes));
    document.getElementById("typed").hidden = commands.length === 0;
    document.getElementById("commands").textContent = commands.join("\n");
    apply.hidden = commands.length === 0;
    apply.disabled = false;
    document.getElementById("others").hidden = problems.length === 0;
    const why = new Map(problems.map((problem) => [problem.card, problem.why]));
    for (const card of cards) {
      const problem = card.querySelector(".problem");
      problem.textContent = why.get(card.dataset.card) ?? "";
      problem.hidden = !problem.textContent;
      fieldOf(card).setAttribute("aria-invalid", String(!problem.hidden));
      card.classList.toggle("changed", renamed(card));
    }
    say(problems.map((problem) => problem.why).join("; "));
  }

  // --- marks, names, merging ---

  function marked() {
    return cards.filter((card) => card.classList.contains("marked"));
  }

  function mark(card, on) {
    card.classList.toggle("marked", on);
    card.querySelector(".who").setAttribute("aria-pressed", String(on));
    merge.disabled = marked().length < 2;
  }

  function unmark() {
    for (const card of cards) mark(card, false);
  }

  /** Asks for a name in a card's field; all cards of `group` get it. */
  function ask(card, group = [card]) {
    asking = group;
    fieldOf(card).focus();
    fieldOf(card).select();
    if (group.length > 1) say(`What is the name of ${group.map(called).join(" and ")}? Type it, then press Enter.`);
  }

  /** Gives the typed name to all cards that were asked for. */
  function accept(card) {
    const group = asking.includes(card) ? asking : [card];
    asking = [];
    name(group, fieldOf(card).value);
  }

  function name(group, given) {
    for (const card of group) fieldOf(card).value = given;
    plan();
  }

  /** Makes cards one person: takes the last card's name, or another card's, or else asks for one. */
  function unite(group) {
    const names = [...group].reverse().map(nameOf).filter(Boolean);
    unmark();
    if (names.length) name(group, names[0]);
    else ask(group.at(-1), group);
  }

  merge.addEventListener("click", () => unite(marked()));

  // --- keyboard ---

  /** The next card in the direction of a key, by the positions of the cards on the screen. */
  function beside(card, key) {
    const index = cards.indexOf(card);
    if (key === "ArrowLeft") return cards[index - 1];
    if (key === "ArrowRight") return cards[index + 1];
    if (key === "Home") return cards[0];
    if (key === "End") return cards.at(-1);
    const from = card.getBoundingClientRect();
    const down = key === "ArrowDown" ? 1 : -1;
    const far = (other) => {
      const box = other.getBoundingClientRect();
      return [Math.abs(box.top - from.top), Math.abs(box.left - from.left)];
    };
    return cards
      .filter((other) => down * (other.getBoundingClientRect().top - from.top) > 1)
      .sort((a, b) => far(a)[0] - far(b)[0] || far(a)[1] - far(b)[1])[0];
  }

  function onCard(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const card = event.currentTarget.closest(".person");
    const next = /^(Arrow|Home|End)/.test(event.key) ? beside(card, event.key) : null;
    const deeds = {
      Enter: () => ask(card),
      n: () => ask(card),
      " ": () => mark(card, !card.classList.contains("marked")),
      m: () => (marked().length > 1 ? unite(marked()) : say("Mark two or more cards with Space first.")),
      Escape: () => (unmark(), say("")),
    };
    const deed = next ? () => reach(next) : deeds[event.key];
    if (!deed) return;
    event.preventDefault();
    deed();
  }

  function reach(card) {
    for (const face of faces) face.tabIndex = -1;
    const face = card.querySelector(".who");
    face.tabIndex = 0;
    face.focus();
  }

  function onField(event) {
    const card = event.currentTarget.closest(".person");
    if (event.key === "Enter") {
      event.preventDefault();
      accept(card);
      reach(card);
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.currentTarget.value = event.currentTarget.dataset.before ?? "";
      asking = [];
      reach(card);
      plan();
    }
  }

  // --- dragging ---

  let dragged = null;

  function addDragging(card) {
    card.draggable = true;
    card.addEventListener("dragstart", (event) => {
      dragged = card;
      event.dataTransfer.setData("text/plain", called(card));
      event.dataTransfer.effectAllowed = "link";
      card.classList.add("dragged");
    });
    card.addEventListener("dragend", () => {
      dragged = null;
      card.classList.remove("dragged");
    });
    card.addEventListener("dragover", (event) => {
      if (!dragged || dragged === card) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "link";
      card.classList.add("over");
    });
    card.addEventListener("dragleave", (event) => {
      if (!card.contains(event.relatedTarget)) card.classList.remove("over");
    });
    card.addEventListener("drop", (event) => {
      event.preventDefault();
      card.classList.remove("over");
      if (dragged && dragged !== card) unite([dragged, card]);
    });
  }

  // --- setting up ---

  cards.forEach((card, index) => {
    const [face, field] = [faces[index], fieldOf(card)];
    face.setAttribute("role", "button");
    face.setAttribute("aria-pressed", "false");
    face.setAttribute("aria-keyshortcuts", "Enter N Space M");
    face.setAttribute("aria-describedby", "keys");
    face.tabIndex = index ? -1 : 0;
    face.addEventListener("keydown", onCard);
    face.addEventListener("click", () => mark(card, !card.classList.contains("marked")));
    field.addEventListener("focus", () => (field.dataset.before = field.value));
    field.addEventListener("keydown", onField);
    field.addEventListener("change", () => accept(card));
    field.addEventListener("input", () => {
      clearTimeout(typing);
      if (asking.length < 2) typing = setTimeout(plan, TYPING);
    });
    // The text in a draggable card cannot be selected with the mouse.
    field.addEventListener("pointerenter", () => (card.draggable = false));
    field.addEventListener("pointerleave", () => (card.draggable = true));
    addDragging(card);
  });
  for (const id of ["keys", "merge"]) document.getElementById(id).hidden = cards.length < 1;
  document.getElementById("look").hidden = true;
  if (reset) reset.hidden = true;
  // Only changed names are sent, for a plan and with Apply: the server limits the fields of a form.
  form.addEventListener("formdata", ({ formData }) => {
    for (const name of ["number", "name", "old", "new"]) formData.delete(name);
    for (const { name, value } of cards.filter(renamed).flatMap((card) => [...card.querySelectorAll("input")])) {
      formData.append(name, value);
    }
  });
  form.addEventListener("reset", () => setTimeout(() => (unmark(), plan())));
  if (document.getElementById("words").children.length || form.querySelector("[aria-invalid=true]")) plan();

  const copy = document.getElementById("copy");
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById("commands").textContent);
    say("Copied.");
  });

  /** Whether reloading the page would lose a typed name or a mark. */
  function begun() {
    const typed = cards.some((card) => fieldOf(card).value !== fieldOf(card).dataset.was);
    return typed || asking.length > 1 || marked().length > 0;
  }

  /** Follows the sorting, and shows the cast once it is ready. */
  async function look() {
    const answer = await fetch(sorting.dataset.address).catch(() => null);
    if (answer?.ok && !sorting.querySelector(":active")) {
      sorting.innerHTML = await answer.text();
      if (!sorting.querySelector("[data-active], [role=alert]")) {
        if (begun()) sorting.replaceChildren(document.getElementById("ended").content.cloneNode(true));
        else location.reload();
      }
    }
    if (sorting.querySelector("[data-active]")) setTimeout(look, PAUSE);
  }

  if (sorting.querySelector("[data-active]")) look();
})();

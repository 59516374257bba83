// What the theme leaves out for those who read with a keyboard or a screen reader.

window.addEventListener("load", () => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  // A wide table scrolls: then it can be reached with the keyboard.
  for (const region of document.querySelectorAll(".md-typeset__scrollwrap")) {
    region.tabIndex = 0;
  }
});

// A page that lists its axes lights one up wherever code or a derivation names it. `tensors` are names of tensors: in
// prose they mean a tensor, in tables and lists an axis of that name.
window.addEventListener("load", () => {
  const page = document.querySelector("[data-axes]");
  if (!page) return;
  const axes = page.dataset.axes.split(" ");
  const tensors = (page.dataset.tensors ?? "").split(" ");

  // The axes of a text that holds nothing else, such as "b n m c" or "bnmc->bmh"; none for other texts.
  const axesIn = (text) => {
    if (/[^\w\s,()>-]/.test(text)) return [];
    const tokens = text.match(/[a-z_]\w*/gi) ?? [];
    const spaced = tokens.every((token) => axes.includes(token));
    const joined = text.length > 3 && tokens.every((token) => [...token].every((letter) => axes.includes(letter)));
    return spaced || joined ? tokens.flatMap((token) => (spaced ? [token] : [...token])) : [];
  };

  const mark = (element) => {
    const text = element.textContent;
    const parts = [];
    let at = 0;
    for (const axis of axesIn(text.replace(/^"|"$/g, ""))) {
      const start = text.indexOf(axis, at);
      const named = document.createElement("span");
      named.dataset.i = axis;
      named.textContent = axis;
      parts.push(text.slice(at, start), named);
      at = start + axis.length;
    }
    if (parts.length) element.replaceChildren(...parts, text.slice(at));
  };
  page.querySelectorAll(":is(p, li, td) code, pre .s2").forEach((code) => {
    const isTensor = tensors.includes(code.textContent) && !code.closest("td, li");
    if (!isTensor && !code.closest(".einsum-derivation, a")) mark(code);
  });
  for (const named of page.querySelectorAll("td:first-child code [data-i]")) named.tabIndex = 0;

  let kept = null;
  const light = (axis) => {
    for (const each of page.querySelectorAll("[data-i]")) {
      each.classList.toggle("lit", each.getAttribute("data-i") === axis);
    }
  };
  const axisAt = (event) => event.target.closest?.("[data-i]")?.getAttribute("data-i") ?? null;
  for (const kind of ["pointerover", "focusin"]) page.addEventListener(kind, (event) => light(axisAt(event) ?? kept));
  page.addEventListener("click", (event) => {
    const axis = axisAt(event);
    if (axis !== null) light((kept = axis === kept ? null : axis));
  });
});

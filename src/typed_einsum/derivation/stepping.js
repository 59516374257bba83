// Derivations on a page or in a notebook: an axis stays lit once it is chosen, and every entry of the result can be
// worked out. The file also stands inside XML, so it has neither an ampersand nor a sign for "less than".
(() => {
  if (window.einsumDerivations) return; // a notebook runs this once for each derivation that it shows
  window.einsumDerivations = true;
  document.documentElement.classList.add("einsum-live");

  const MOST_TERMS = 12;
  const MOST_CANDIDATES = 6;

  const make = (tag, kind, ...parts) => {
    const element = document.createElement(tag);
    if (kind) element.className = kind;
    element.append(...parts);
    return element;
  };
  const words = (text) => (text ? text.split(" ") : []);
  const range = (size) => [...Array(size).keys()];
  const signed = (number) => (0 > number ? `(${number})` : `${number}`);

  // Every way to choose an index for each label, the last one fastest.
  const choices = (labels, sizes) =>
    labels.reduce(
      (found, label) => found.flatMap((at) => range(sizes[label]).map((i) => ({ ...at, [label]: i }))),
      [{}],
    );

  const read = (array) => {
    const labels = words(array.dataset.axes);
    const shape = words(array.dataset.sizes).map(Number);
    return {
      symbol: array.dataset.symbol,
      labels,
      sizes: Object.fromEntries(labels.map((label, i) => [label, shape[i]])),
      cells: [...array.querySelectorAll("i")],
    };
  };
  const placeOf = (array, at) => array.labels.reduce((place, label) => place * array.sizes[label] + at[label], 0);
  const named = (array, at) =>
    array.labels.length ? `${array.symbol}[${array.labels.map((label) => at[label]).join(",")}]` : array.symbol;

  // One product: what it looks like by index and by number, where its factors stand, and its value.
  const term = (operands, at) => {
    const places = operands.map((operand) => placeOf(operand, at));
    const numbers = operands.map((operand, i) => Number(operand.cells[places[i]].textContent));
    return {
      places,
      indexed: operands.map((operand) => named(operand, at)).join("·"),
      numbered: numbers.map(signed).join("·"),
      value: numbers.reduce((product, number) => product * number, 1),
    };
  };

  const sum = (terms, form) => {
    const parts = terms.slice(0, MOST_TERMS).flatMap((each, i) => {
      const shown = make("span", "einsum-term", each[form]);
      shown.dataset.cells = each.places.join(" ");
      return i ? [" + ", shown] : [shown];
    });
    const left = terms.length - MOST_TERMS;
    return left > 0 ? [...parts, ` + … ${left} more`] : parts;
  };
  const total = (terms) => terms.reduce((result, each) => result + each.value, 0);

  const worked = (entry, candidates, maximised) => {
    if (!maximised.length) {
      const { terms } = candidates[0];
      const value = make("b", "", `${total(terms)}`);
      return [
        make("p", "", `${entry} = `, ...sum(terms, "indexed")),
        make("p", "", "= ", ...sum(terms, "numbered"), ...(terms.length > 1 || terms[0].places.length > 1 ? [" = ", value] : [])),
      ];
    }
    const totals = candidates.map((candidate) => total(candidate.terms));
    const best = Math.max(...totals);
    const lines = candidates.slice(0, MOST_CANDIDATES).map((candidate, i) => {
      const chosen = maximised.map((label) => `${label}=${candidate.at[label]}`).join(", ");
      const kind = i === totals.indexOf(best) ? "einsum-winner" : "";
      return make("p", kind, `${chosen}: `, ...sum(candidate.terms, "numbered"), " = ", make("b", "", `${totals[i]}`));
    });
    if (candidates.length > MOST_CANDIDATES) lines.push(make("p", "", "…"));
    return [...lines, make("p", "", `${entry} = max(${totals.join(", ")}) = `, make("b", "", `${best}`))];
  };

  const parts = (stepper) => {
    const arrays = [...stepper.querySelectorAll(".einsum-array")].map(read);
    return { operands: arrays.slice(0, -1), result: arrays.at(-1), slider: stepper.querySelector("input") };
  };

  // Work out one entry of the result, and mark the entries of the operands that meet in it.
  const show = (stepper, chosen) => {
    const { operands, result, slider } = parts(stepper);
    const sizes = Object.assign({}, ...operands.map((operand) => operand.sizes));
    const at = choices(result.labels, sizes)[chosen];
    const maximised = words(stepper.dataset.max);
    const candidates = choices(maximised, sizes).map((best) => ({
      at: best,
      terms: choices(words(stepper.dataset.sum), sizes).map((rest) => term(operands, { ...at, ...best, ...rest })),
    }));
    const totals = candidates.map((candidate) => total(candidate.terms));
    const winner = candidates[totals.indexOf(Math.max(...totals))];
    operands.forEach((operand, i) => {
      const met = new Set(candidates.flatMap((candidate) => candidate.terms.map((each) => each.places[i])));
      const won = new Set(maximised.length ? winner.terms.map((each) => each.places[i]) : []);
      operand.cells.forEach((cell, place) => {
        cell.classList.toggle("einsum-met", met.has(place));
        cell.classList.toggle("einsum-won", won.has(place));
        cell.classList.remove("einsum-pair");
      });
    });
    result.cells.forEach((cell, place) => cell.classList.toggle("einsum-chosen", place === chosen));
    const entry = named(result, at);
    stepper.querySelector(".einsum-worked").replaceChildren(...worked(entry, candidates, maximised));
    stepper.querySelector("output").textContent = entry;
    slider.value = chosen;
    slider.setAttribute("aria-valuetext", `${entry} = ${result.cells[chosen].textContent}`);
  };

  // Mark the factors of one product alone.
  const pair = (shown) => {
    const places = words(shown.dataset.cells).map(Number);
    parts(shown.closest(".einsum-stepper")).operands.forEach((operand, i) =>
      operand.cells.forEach((cell, place) => cell.classList.toggle("einsum-pair", place === places[i])),
    );
  };
  const unpair = (stepper) =>
    stepper.querySelectorAll(".einsum-pair").forEach((cell) => cell.classList.remove("einsum-pair"));

  const light = (marked) => {
    const label = marked.getAttribute("data-i");
    const lit = marked.classList.contains("einsum-lit");
    for (const each of marked.closest(".einsum-derivation").querySelectorAll("[data-i]")) {
      each.classList.toggle("einsum-lit", lit ? false : each.getAttribute("data-i") === label);
    }
  };

  // One listener for all: what a notebook or the explorer puts on the page later needs no start.
  const on = (kind, selector, act) =>
    document.addEventListener(kind, (event) => {
      const found = event.target.closest?.(selector);
      if (found) act(found, event);
    });
  on("click", ".einsum-derivation [data-i]", light);
  on("click", ".einsum-array:last-child i", (cell) => {
    const stepper = cell.closest(".einsum-stepper");
    show(stepper, parts(stepper).result.cells.indexOf(cell));
  });
  on("input", ".einsum-stepper input", (slider) => show(slider.closest(".einsum-stepper"), Number(slider.value)));
  on("keydown", ".einsum-stepper input", (slider, event) => {
    const { result } = parts(slider.closest(".einsum-stepper"));
    const row = result.labels.length > 1 ? result.sizes[result.labels.at(-1)] : 1;
    const step = { ArrowUp: -row, ArrowDown: row }[event.key];
    if (!step) return;
    event.preventDefault();
    const last = Number(slider.max);
    show(slider.closest(".einsum-stepper"), Math.min(Math.max(Number(slider.value) + step, 0), last));
  });
  on("pointerover", ".einsum-term", pair);
  on("pointerout", ".einsum-term", (shown) => unpair(shown.closest(".einsum-stepper")));
  on("click", ".einsum-term", pair);

  // A closed step would be missing on paper.
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details.einsum-step").forEach((step) => step.setAttribute("open", ""));
  });
})();

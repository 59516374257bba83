// Examples that can be edited at once: their results were made with the site, and Python is loaded at the first key.

import { python, show } from "./python.js";

const PAUSE = 250; // milliseconds after the last key

document.querySelectorAll("form.try").forEach((form, number) => {
  const result = form.nextElementSibling;
  const state = form.querySelector("[role=status]");
  let waiting = 0;

  async function answer() {
    try {
      state.textContent = form.dataset.loading;
      const derive = await python();
      const steps = "notation, picture, example";
      state.textContent = show(derive, form, result, { steps, prefix: `try-${number}-` }) ? "" : form.dataset.refused;
    } catch (error) {
      state.textContent = `${form.dataset.missing} (${error.message})`;
    }
  }

  form.addEventListener("input", () => {
    python().catch(() => {}); // it loads while the reader types on
    clearTimeout(waiting);
    waiting = setTimeout(answer, PAUSE);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    answer();
  });
});

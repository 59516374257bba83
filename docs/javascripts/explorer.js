// The explorer: one form, whose values the address of the page holds.

import { python, show } from "./python.js";

const form = document.getElementById("explorer-form");
const result = document.getElementById("explorer-result");
const state = form.querySelector(".explorer-state");
const button = form.querySelector("button");
const PAUSE = 250; // milliseconds after the last key

let derive = null;

function readAddress() {
  const asked = new URLSearchParams(location.search);
  if (!asked.has("equation")) return;
  for (const field of form.querySelectorAll("input")) field.value = asked.get(field.name) ?? "";
}

function writeAddress() {
  const asked = new URLSearchParams();
  for (const field of form.querySelectorAll("input")) {
    if (field.value.trim()) asked.set(field.name, field.value.trim());
  }
  history.replaceState(null, "", `?${asked}`);
}

function answer() {
  writeAddress();
  const good = show(derive, form, result);
  state.textContent = good ? "Type, and the derivation follows." : "The equation is refused:";
}

let waiting = 0;
form.addEventListener("input", () => {
  if (derive === null) return;
  clearTimeout(waiting);
  waiting = setTimeout(answer, PAUSE);
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    if (derive === null) {
      button.disabled = true;
      state.textContent = "Python is loading …";
      derive = await python();
      button.hidden = true;
    }
    answer();
  } catch (error) {
    button.disabled = false;
    state.textContent = `Python did not start: ${error.message}. The site may have been built without it.`;
  }
});

readAddress();
button.disabled = false;

// The explorer: the torch-free core of the library, in Pyodide, on demand. `docs/scripts/explorer.py` puts both beside
// the site; nothing comes from elsewhere.

const files = new URL("../assets/explorer/", import.meta.url);
const form = document.getElementById("explorer-form");
const result = document.getElementById("explorer-result");
const state = form.querySelector(".explorer-state");
const button = form.querySelector("button");
const PAUSE = 250; // milliseconds after the last key

const PROGRAM = `
from typed_einsum.derivation import explain
from typed_einsum.errors import TypedEinsumError

def derive(equation, max, sum, names, sizes):
    symbols = [name.strip() for name in names.split(",") if name.strip()]
    try:
        derivation = explain(equation, sizes, max=max or None, sum=sum or None, names=symbols)
        return True, derivation.to_html(level=2)
    except TypedEinsumError as error:
        return False, str(error)

derive
`;

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

async function start() {
  button.disabled = true;
  state.textContent = "Python is loading …";
  const { loadPyodide } = await import(new URL("pyodide.mjs", files));
  const python = await loadPyodide({ indexURL: files.href });
  const core = await fetch(new URL("typed_einsum.zip", files));
  python.unpackArchive(await core.arrayBuffer(), "zip", { extractDir: "/core" });
  python.runPython("import sys; sys.path.insert(0, '/core')");
  derive = python.runPython(PROGRAM);
  button.parentElement.querySelector("button").hidden = true;
}

function show() {
  writeAddress();
  const values = ["equation", "max", "sum", "names", "sizes"].map((name) => form.elements[name].value.trim());
  const made = derive(...values);
  const [good, text] = made.toJs();
  made.destroy();
  if (good) {
    result.innerHTML = text;
  } else {
    const message = document.createElement("pre");
    const code = document.createElement("code");
    message.tabIndex = 0;
    code.textContent = text;
    message.append(code);
    result.replaceChildren(message);
  }
  state.textContent = good ? "Type, and the derivation follows." : "The equation is refused:";
}

let waiting = 0;
form.addEventListener("input", () => {
  if (derive === null) return;
  clearTimeout(waiting);
  waiting = setTimeout(show, PAUSE);
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    if (derive === null) await start();
    show();
  } catch (error) {
    button.disabled = false;
    state.textContent = `Python did not start: ${error.message}. The site may have been built without it.`;
  }
});

readAddress();
button.disabled = false;

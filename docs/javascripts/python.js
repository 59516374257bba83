// The torch-free core of the library in Pyodide, loaded once somebody asks for a derivation.
// `docs/scripts/explorer.py` puts both beside the site; nothing comes from elsewhere.

const files = new URL("../assets/explorer/", import.meta.url);

const PROGRAM = `
from typed_einsum.derivation import explain
from typed_einsum.errors import TypedEinsumError

def derive(equation, max, sum, names, sizes, steps, prefix):
    symbols = [name.strip() for name in names.split(",") if name.strip()]
    chosen = [step.strip() for step in steps.split(",") if step.strip()] or None
    try:
        derivation = explain(equation, sizes, max=max or None, sum=sum or None, names=symbols)
        return True, derivation.to_html(chosen, level=3 if chosen else 2, prefix=prefix)
    except TypedEinsumError as error:
        return False, str(error)

derive
`;

let started = null;

async function start() {
  const { loadPyodide } = await import(new URL("pyodide.mjs", files));
  const python = await loadPyodide({ indexURL: files.href });
  const core = await fetch(new URL("typed_einsum.zip", files));
  python.unpackArchive(await core.arrayBuffer(), "zip", { extractDir: "/core" });
  python.runPython("import sys; sys.path.insert(0, '/core')");
  return python.runPython(PROGRAM);
}

// Python as a function that derives. A start that failed can be tried again.
export function python() {
  started ??= start().catch((error) => {
    started = null;
    throw error;
  });
  return started;
}

// Show the derivation of what a form asks for, or the message that refuses it; say whether it is good.
export function show(derive, form, result, options = {}) {
  const asked = (name) => form.elements[name]?.value.trim() ?? form.dataset[name] ?? "";
  const values = ["equation", "max", "sum", "names", "sizes"].map(asked);
  const made = derive(...values, options.steps ?? "", options.prefix ?? "");
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
  return good;
}

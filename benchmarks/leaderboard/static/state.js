// What a reader chose, held in the address after "#" so that it can be passed on: only what differs from the start.
// An address without "=" is a place on the page, which is the browser's to go to.

const state = {
  read() {
    const text = location.hash.slice(1);
    return new Map(text.includes("=") ? new URLSearchParams(text) : []);
  },
  write(choices) {
    const text = new URLSearchParams([...choices].filter(([, value]) => value !== "")).toString();
    if (!text && !location.hash.includes("=")) return; // leave a place on the page alone
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  },
  save() {
    const choices = new Map();
    for (const part of parts) for (const [name, value] of part.choices()) choices.set(name, value);
    state.write(choices);
  },
  load() {
    const choices = state.read();
    for (const part of parts) part.choose((name) => choices.get(name) ?? "");
  },
};

// Each has choices(), pairs of a name and a value that is "" at the start, and choose(find), which puts them into effect.
const parts = [];

function make(name, text = "", attributes = {}) {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

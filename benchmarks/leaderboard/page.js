"use strict";

// What the page gains where scripts run: sorting, filtering, plot and table pointing at each other.
// Everything else is already in the document.

const collator = new Intl.Collator("en", { numeric: true });

function valueOf(row, index) {
  const cell = row.cells[index];
  if (cell.tagName === "TH") return cell.textContent;
  return cell.dataset.v === undefined ? null : Number(cell.dataset.v);
}

function compare(one, other, index, sign) {
  const a = valueOf(one, index);
  const b = valueOf(other, index);
  if (a === null || b === null) return (a === null) - (b === null); // blanks last, either way
  return sign * (typeof a === "string" ? collator.compare(a, b) : a - b);
}

function makeSortable(board) {
  const body = board.querySelector("tbody");
  const original = [...body.rows];
  const heads = [...board.querySelectorAll("thead tr:last-child th")];
  heads.forEach((head, index) => {
    const button = head.querySelector("button");
    button.disabled = false;
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const upwardFirst = index < 2; // rank and name; of figures the largest come first
      const ascending = before ? before === "descending" : upwardFirst;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const sorted = [...original].sort((a, b) => compare(a, b, index, ascending ? 1 : -1));
      body.append(...sorted);
    });
  });
}

function makeFilterable(board) {
  const form = board.querySelector("form");
  const rows = [...board.querySelectorAll("tbody tr")];
  const search = form.querySelector("input[type=search]");
  const count = form.querySelector("output");
  const nothing = board.querySelector(".none");
  form.addEventListener("submit", (event) => event.preventDefault());
  if (!search) return;
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = [...form.querySelectorAll("select")].filter((select) => select.value);
    let shown = 0;
    for (const row of rows) {
      const text = row.querySelector(".entry").textContent.toLowerCase();
      row.hidden =
        !words.every((word) => text.includes(word)) ||
        !chosen.every((select) => row.dataset[select.name] === select.value);
      dotOf(board, row)?.classList.toggle("off", row.hidden);
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${rows.length} shown`;
    nothing.hidden = shown > 0;
  };
  form.addEventListener("input", apply);
}

function dotOf(board, row) {
  return board.querySelector(`.dot[href="#${row.id}"]`);
}

function linkPlot(board) {
  const point = (row, on) => {
    row.classList.toggle("hit", on);
    dotOf(board, row)?.classList.toggle("hit", on);
  };
  const listen = (element, row) => {
    for (const name of ["pointerenter", "focusin"]) element.addEventListener(name, () => point(row, true));
    for (const name of ["pointerleave", "focusout"]) element.addEventListener(name, () => point(row, false));
  };
  for (const row of board.querySelectorAll("tbody tr")) {
    const dot = dotOf(board, row);
    listen(row, row);
    if (dot) listen(dot, row);
  }
  roam([...board.querySelectorAll("a.dot")]);
}

// One stop in the tab order for the whole plot; arrow keys move between its dots, left to right.
function roam(dots) {
  const across = (dot) => dot.querySelector("path").getBoundingClientRect().left; // the name may be on either side
  dots.forEach((dot, index) => dot.setAttribute("tabindex", index ? "-1" : "0"));
  dots.forEach((dot) =>
    dot.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const order = [...dots].sort((a, b) => across(a) - across(b));
      const next = order[order.indexOf(dot) + step];
      if (!next) return;
      dot.setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    }),
  );
}

function makeThemed(button) {
  const themes = ["auto", "light", "dark"];
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const next = themes[(themes.indexOf(root.dataset.theme ?? "auto") + 1) % themes.length];
    root.dataset.theme = next;
    button.textContent = `Theme: ${next}`;
  });
}

document.documentElement.classList.add("on");
makeThemed(document.getElementById("theme"));
for (const board of document.querySelectorAll(".board")) {
  makeSortable(board);
  makeFilterable(board);
  linkPlot(board);
}

// What the page gains where scripts run. Everything else is already in the document.

class Theme {
  constructor(button) {
    this.button = button;
    this.names = ["auto", "light", "dark"];
    button.addEventListener("click", () => {
      this.set(this.names[(this.names.indexOf(this.name) + 1) % this.names.length]);
      state.save();
    });
  }

  set(name) {
    this.name = this.names.includes(name) ? name : "auto";
    document.documentElement.dataset.theme = this.name;
    this.button.textContent = `Theme: ${this.name}`;
    const carried = this.choice() && `#theme=${this.name}`; // to the cards
    for (const link of document.querySelectorAll("a[href^='runs/']")) {
      link.setAttribute("href", link.getAttribute("href").split("#")[0] + carried);
    }
  }

  choice() {
    return this.name === "auto" ? "" : this.name;
  }

  choices() {
    return [["theme", this.choice()]];
  }

  choose(find) {
    this.set(find("theme"));
  }
}

class Board {
  constructor(section) {
    this.section = section;
    this.key = section.id;
    this.data = JSON.parse(document.getElementById(`${this.key}-data`).textContent);
    this.rows = this.data.rows.map((id) => document.getElementById(id));
    this.form = section.querySelector("form");
    const dots = new Map(this.data.rows.map((id) => [`#${id}`, []]));
    for (const dot of section.querySelectorAll("a.dot")) dots.get(dot.getAttribute("href"))?.push(dot);
    this.dots = [...dots.values()];
    const { backbone } = this.data.parts;
    this.presets = {
      first: (row) => this.rows[row].classList.contains("first"),
      front: (row) => this.dots[row].some((dot) => dot.matches(".best") && !dot.closest(".plot").hidden),
      backbone: (row) => (backbone ? backbone.indexOf(backbone[row]) === row : row === 0), // the best stands first
    };
  }
}

function start() {
  document.documentElement.classList.add("on");
  parts.push(new Theme(document.getElementById("theme")));
  for (const section of document.querySelectorAll(".board")) {
    const board = new Board(section);
    parts.push(new Sorting(board), new Filter(board), new Columns(board), new Plots(board));
    if (section.querySelector(".comparison")) parts.push(new Comparison(board));
    if (section.querySelector(".heatmap")) parts.push(new Heatmap(board));
  }
  state.load();
  addEventListener("hashchange", () => {
    if (state.read().size || !location.hash) state.load();
  });
}

start();

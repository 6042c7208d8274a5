// Sorting, filtering and choosing columns. Values come from the page's data, in full; what is shown, from its cells.
// That a column goes when its box is not ticked is the style sheet's work.

const collator = new Intl.Collator("en", { numeric: true });

function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null); // blanks last, either way
  return sign * (typeof a === "string" ? collator.compare(a, b) : a - b);
}

class Sorting {
  constructor(board) {
    this.board = board;
    this.body = board.rows[0].parentElement;
    this.heads = [...board.section.querySelectorAll(".rows thead th")];
    this.keys = ["rank", "entry", ...board.data.columns.map((column) => column.key)];
    this.order = "";
    this.heads.forEach((head, index) => {
      const button = head.querySelector("button");
      button.disabled = false;
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const ascending = before ? before === "descending" : index < 2; // of figures the largest come first
        this.sort(index, ascending);
        state.save();
      });
    });
  }

  value(index, row) {
    const { data, rows } = this.board;
    if (index === 0) return data.ranks[row] ?? null;
    return index === 1 ? rows[row].cells[1].textContent : data.values[index - 2][row];
  }

  sort(index, ascending) {
    const sign = ascending ? 1 : -1;
    const order = this.board.rows.map((_, row) => [this.value(index, row), row]);
    order.sort(([a, one], [b, other]) => compare(a, b, sign) || one - other);
    this.heads.forEach((head) => head.removeAttribute("aria-sort"));
    this.heads[index].setAttribute("aria-sort", ascending ? "ascending" : "descending");
    this.body.append(...order.map(([, row]) => this.board.rows[row]));
    this.order = index === 2 && !ascending ? "" : (ascending ? "" : "-") + this.keys[index];
  }

  choices() {
    return [[`${this.board.key}.sort`, this.order]];
  }

  choose(find) {
    const order = find(`${this.board.key}.sort`);
    const index = this.keys.indexOf(order.replace(/^-/, ""));
    if (index >= 0 || this.order) this.sort(index < 0 ? 2 : index, index >= 0 && !order.startsWith("-"));
  }
}

class Filter {
  constructor(board) {
    this.board = board;
    this.fields = [...board.form.querySelectorAll("input[type=search], select")];
    board.form.addEventListener("submit", (event) => event.preventDefault());
    for (const field of this.fields) {
      field.addEventListener("input", () => {
        this.apply();
        state.save();
      });
    }
    board.section.addEventListener("click", (event) => this.reveal(event.target.closest("a[href^='#']")));
  }

  // A link to a row that is filtered out takes the filter away; going back brings it again.
  reveal(link) {
    const row = link ? this.board.data.rows.indexOf(link.getAttribute("href").slice(1)) : -1;
    if (row < 0 || !this.board.rows[row].hidden) return;
    for (const field of this.fields) field.value = "";
    this.apply();
  }

  matches(field, row) {
    const { board } = this;
    if (!field.value) return true;
    if (field.type === "search") {
      const text = `${board.rows[row].cells[1].textContent} ${board.data.shared}`.toLowerCase();
      return field.value.toLowerCase().split(/\s+/).every((word) => text.includes(word));
    }
    if (field.name === "rows") return board.presets[field.value]?.(row) ?? true;
    return board.data.parts[field.name][row] === field.selectedIndex - 1;
  }

  apply() {
    let shown = 0;
    this.board.rows.forEach((row, index) => {
      row.hidden = !this.fields.every((field) => this.matches(field, index));
      this.board.dots[index].forEach((dot) => dot.classList.toggle("off", row.hidden));
      shown += !row.hidden;
    });
    const count = this.board.form.querySelector("output");
    if (count) count.textContent = `${shown} of ${this.board.rows.length} shown`;
    this.board.section.querySelector(".none").hidden = shown > 0;
  }

  choices() {
    return this.fields.map((field) => [`${this.board.key}.${field.name}`, field.value]);
  }

  choose(find) {
    for (const field of this.fields) {
      field.value = find(`${this.board.key}.${field.name}`);
      if (field.selectedIndex < 0) field.value = ""; // an address may ask for anything
    }
    this.apply();
  }
}

class Columns {
  constructor(board) {
    this.board = board;
    this.boxes = [...board.form.querySelectorAll(".columns input")];
    for (const box of this.boxes) {
      box.addEventListener("change", () => state.save());
    }
    this.choice = board.form.querySelector(".columns");
    this.choice.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.choice.open) return;
      this.choice.open = false;
      this.choice.querySelector("summary").focus();
    });
    addEventListener("click", (event) => this.leave(event.target));
  }

  // Where the boxes lie over the table, they go when something else is pressed.
  leave(pressed) {
    const over = getComputedStyle(this.choice.querySelector("fieldset")).position === "absolute";
    if (over && !this.choice.contains(pressed)) this.choice.open = false;
  }

  choices() {
    const keys = this.board.data.columns.map((column) => column.key);
    const changed = this.boxes.flatMap((box, index) => (box.checked === box.defaultChecked ? [] : [keys[index]]));
    return [[`${this.board.key}.columns`, changed.join(" ")]];
  }

  choose(find) {
    const changed = find(`${this.board.key}.columns`).split(" ");
    this.boxes.forEach((box, index) => {
      box.checked = box.defaultChecked !== changed.includes(this.board.data.columns[index].key);
    });
  }
}

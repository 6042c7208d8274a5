// Two entries side by side, with a paired significance test: ticked in the table, or chosen in the section itself.

const SHOWN = 3; // images on which either is ahead

function signed(value) {
  const text = Math.abs(100 * value).toFixed(1);
  return text === "0.0" ? text : (value < 0 ? "\u2212" : "+") + text;
}

class Comparison {
  constructor(board) {
    this.board = board;
    this.section = board.section.querySelector(".comparison");
    this.pair = [0, 1];
    this.sides = ["A", "B"].map((letter) => this.section.querySelector(`select[name=${letter}]`));
    this.sides.forEach((side, index) => {
      side.append(...board.data.names.map((name) => make("option", name)));
      side.addEventListener("input", () => this.set(index, side.selectedIndex));
    });
    this.section.querySelector("button[name=swap]").addEventListener("click", () => {
      this.pair.reverse();
      this.show();
      state.save();
    });
    this.ticks = board.rows.map((row, index) => {
      const tick = make("input", "", { type: "checkbox", "aria-label": `Compare ${board.data.names[index]}` });
      tick.addEventListener("change", () => this.tick(index, tick.checked));
      row.cells[0].prepend(tick);
      return tick;
    });
    this.ticked = [];
  }

  // The third tick takes the place of the first.
  tick(index, on) {
    this.ticked = [...this.ticked.filter((row) => row !== index), ...(on ? [index] : [])].slice(-2);
    if (this.ticked.length === 2) this.pair = [...this.ticked];
    this.show();
    state.save();
  }

  // To choose on one side what stands on the other swaps the two.
  set(side, row) {
    if (this.pair[1 - side] === row) this.pair.reverse();
    else this.pair[side] = row;
    this.ticked = [...this.pair];
    this.show();
    state.save();
  }

  // Standard error of the difference and on how many of 100 images A wins; null where they are not on the page.
  test() {
    const [a, b] = this.pair;
    const found = this.board.data.pairs[Math.max(a, b)]?.[Math.min(a, b)] ?? [null, null];
    return { error: found[0], wins: found[1] === null || a > b ? found[1] : 100 - found[1] };
  }

  // Whether either stands too far down for the page to hold more than its figures.
  far() {
    const { pairs, values } = this.board.data;
    return this.pair.some((row) => row >= pairs.length && values[0][row] !== null);
  }

  verdict() {
    const { data } = this.board;
    const [a, b] = this.pair.map((row) => data.values[0][row]);
    const { error, wins } = this.test();
    const gap = a - b;
    let key = error !== null ? "tie" : this.far() ? "far" : "unknown";
    if (error !== null && Math.abs(gap) > data.planned * error) key = "planned";
    if (error !== null && Math.abs(gap) > data.threshold * error) key = "clear";
    const [better, other] = gap >= 0 ? ["A", "B"] : ["B", "A"];
    const text = data.verdicts[key].replaceAll("{better}", better).replaceAll("{other}", other);
    return wins === null ? text : `${text} A has the higher score on ${wins} % of the images, ties counted half.`;
  }

  change(column) {
    const { data } = this.board;
    const [a, b] = this.pair.map((row) => data.values[column][row]);
    if (a === null || b === null) return "\u2013";
    const { kind } = data.columns[column];
    if (kind !== "score") return kind !== "count" && b ? `${(a / b).toFixed(2)}\u00d7` : "";
    const { error } = this.test();
    const half = data.planned * error;
    const interval = column || error === null ? "" : ` (${signed(a - b - half)} to ${signed(a - b + half)})`;
    return signed(a - b) + interval;
  }

  show() {
    this.sides.forEach((side, index) => (side.selectedIndex = this.pair[index]));
    this.ticks.forEach((tick, index) => (tick.checked = this.ticked.includes(index)));
    const verdict = this.section.querySelector(".verdict");
    if (verdict.textContent !== this.verdict()) verdict.textContent = this.verdict(); // or it is read aloud anew
    [...this.section.querySelectorAll("tbody tr")].forEach((line, column) => {
      this.pair.forEach((row, index) => {
        const cell = this.board.rows[row].cells[column + 2];
        line.cells[index + 1].textContent = (cell.querySelector("b") ?? cell).textContent;
      });
      line.cells[3].textContent = this.change(column);
    });
    this.images();
    const picks = this.board.form.querySelector(".picks");
    picks.replaceChildren(this.ticked.length === 1 ? "One more to compare with it." : "");
    if (this.ticked.length === 2) picks.append(make("a", "A against B", { href: `#${this.section.id}` }));
  }

  images() {
    const list = this.section.querySelector(".images");
    if (!list) return;
    const { panel } = this.board.data;
    const [a, b] = this.pair.map((row) => panel.rows.indexOf(row));
    const lead = (image) => panel.scores[image][a] - panel.scores[image][b];
    const order = a < 0 || b < 0 ? [] : panel.images.map((_, image) => image).sort((one, two) => lead(one) - lead(two));
    const ahead = order.slice().reverse().slice(0, SHOWN).filter((image) => lead(image) > 0);
    const behind = order.slice(0, SHOWN).filter((image) => lead(image) < 0);
    list.replaceChildren(...[...ahead, ...behind].map((image) => this.item(image, [a, b])));
  }

  item(image, rows) {
    const { panel } = this.board.data;
    const [name, address] = panel.images[image];
    const head = make("b");
    head.append(address ? make("a", `image ${name}`, { href: address, rel: "noreferrer" }) : `image ${name}`);
    const item = make("li");
    item.append(head);
    rows.forEach((row, side) => {
      const line = make("p", "", { class: `side${"AB"[side]}` });
      const caption = make("q", panel.texts[panel.captions[image][row]]);
      line.append(make("i", "AB"[side]), " ", caption, ` (${(100 * panel.scores[image][row]).toFixed(1)})`);
      item.append(line);
    });
    return item;
  }

  choices() {
    const start = this.pair[0] === 0 && this.pair[1] === 1 && !this.ticked.length;
    const ids = this.pair.map((row) => this.board.data.rows[row].split("-")[1]);
    return [[`${this.board.key}.comparison`, start ? "" : ids.join(" ")]];
  }

  choose(find) {
    const ids = find(`${this.board.key}.comparison`).split(" ");
    const rows = ids.map((id) => this.board.data.rows.indexOf(`${this.board.key}-${id}`));
    const good = rows.length === 2 && rows[0] !== rows[1] && rows.every((row) => row >= 0);
    this.pair = good ? rows : [0, 1];
    this.ticked = good ? [...rows] : [];
    this.show();
  }
}

// The map of a table shows any of its columns.

const STEPS = 8;

class Heatmap {
  constructor(board) {
    this.board = board;
    this.choice = board.section.querySelector("select[name=heatmap]");
    this.links = [...board.section.querySelectorAll(".heatmap td a")];
    this.choice.addEventListener("input", () => {
      this.show();
      state.save();
    });
  }

  show() {
    const { data, rows } = this.board;
    const column = Math.max(0, this.choice.selectedIndex);
    const shown = this.links.map((link) => data.rows.indexOf(link.hash.slice(1)));
    const values = shown.map((row) => data.values[column][row]);
    const known = values.filter((value) => value !== null);
    const [low, high] = [Math.min(...known), Math.max(...known)];
    this.links.forEach((link, index) => {
      const cell = rows[shown[index]].cells[column + 2];
      link.textContent = (cell.querySelector("b") ?? cell).textContent;
      const depth = high > low ? Math.round(((values[index] - low) / (high - low)) * (STEPS - 1)) : 0;
      link.parentElement.className = values[index] === null ? "" : `s${depth}`;
    });
  }

  choices() {
    return [[`${this.board.key}.heatmap`, this.choice.selectedIndex > 0 ? this.choice.value : ""]];
  }

  choose(find) {
    this.choice.value = find(`${this.board.key}.heatmap`);
    if (this.choice.selectedIndex < 0) this.choice.selectedIndex = 0;
    this.show();
  }
}

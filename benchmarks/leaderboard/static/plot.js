// Rows and dots point at each other; arrow keys go from dot to dot; of several machines one plot is shown.

class Plots {
  constructor(board) {
    this.board = board;
    this.figures = [...board.section.querySelectorAll(".plot")];
    board.rows.forEach((row, index) => {
      this.listen(row, index);
      board.dots[index].forEach((dot) => this.listen(dot, index));
    });
    this.figures.forEach((figure) => roam([...figure.querySelectorAll("a.dot")]));
    this.choice = board.section.querySelector("select[name=place]");
    this.choice?.addEventListener("input", () => {
      this.show();
      state.save();
    });
  }

  listen(element, index) {
    for (const name of ["pointerenter", "focusin"]) element.addEventListener(name, () => this.point(index, true));
    for (const name of ["pointerleave", "focusout"]) element.addEventListener(name, () => this.point(index, false));
  }

  point(index, on) {
    this.board.rows[index].classList.toggle("hit", on);
    for (const dot of this.board.dots[index]) {
      dot.classList.toggle("hit", on);
      const hint = dot.closest("svg").querySelector(".hint");
      const [x, y] = dot.querySelector(".shape").getAttribute("transform").match(/[\d.]+/g).map(Number);
      hint.textContent = on ? dot.querySelector("title").textContent : "";
      hint.setAttribute("y", y < 60 ? y + 26 : y - 14);
      const half = on ? hint.getComputedTextLength() / 2 : 0;
      const width = dot.closest("svg").viewBox.baseVal.width;
      hint.setAttribute("x", Math.max(half, Math.min(width - half, x)));
    }
  }

  show() {
    this.figures.forEach((figure, index) => (figure.hidden = index !== (this.choice?.selectedIndex ?? 0)));
  }

  choices() {
    const value = this.choice?.selectedIndex ? String(this.choice.selectedIndex) : "";
    return [[`${this.board.key}.place`, value]];
  }

  choose(find) {
    const place = Number(find(`${this.board.key}.place`));
    if (this.choice) this.choice.selectedIndex = this.choice.options[place] ? place : 0;
    this.show();
  }
}

// One stop in the tab order for the whole plot; arrow keys move between its dots, left to right.
function roam(dots) {
  const across = (dot) => dot.querySelector(".shape").getBoundingClientRect().left; // a name may be on either side
  dots.forEach((dot, index) => dot.setAttribute("tabindex", index ? "-1" : "0"));
  dots.forEach((dot) =>
    dot.addEventListener("keydown", (event) => {
      const order = [...dots].sort((a, b) => across(a) - across(b));
      const place = order.indexOf(dot);
      const goals = { ArrowRight: place + 1, ArrowUp: place + 1, ArrowLeft: place - 1, ArrowDown: place - 1 };
      const next = order[{ ...goals, Home: 0, End: order.length - 1 }[event.key]];
      if (!next) return;
      event.preventDefault();
      dot.setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    }),
  );
}

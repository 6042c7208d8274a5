"use strict";

// Pointing at a word shows its attention map over the large picture; a click pins it there.
function makeAttention(sample) {
  const map = sample.querySelector(".view use");
  if (!map) return;
  const buttons = [...sample.querySelectorAll(".words button")];
  let pinned = sample.querySelector(".view image") ? null : buttons[0];
  const show = (button) => {
    if (button) map.setAttribute("href", `#${button.querySelector("image").id}`);
    else map.removeAttribute("href");
  };
  for (const button of buttons) {
    button.disabled = false;
    button.setAttribute("aria-pressed", "false");
    for (const name of ["pointerenter", "focus"]) button.addEventListener(name, () => show(button));
    for (const name of ["pointerleave", "blur"]) button.addEventListener(name, () => show(pinned));
    button.addEventListener("click", () => {
      pinned = pinned === button ? null : button;
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === pinned)));
      show(pinned);
    });
  }
  show(pinned);
}

document.querySelectorAll(".sample").forEach(makeAttention);


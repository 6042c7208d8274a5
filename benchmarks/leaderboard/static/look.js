"use strict";

// Pointing at a word shows its map over the large picture; a click keeps it there.
function makeLooked(sample) {
  const look = sample.querySelector(".view use");
  if (!look) return;
  const buttons = [...sample.querySelectorAll(".words button")];
  let kept = sample.querySelector(".view image") ? null : buttons[0];
  const show = (button) => {
    if (button) look.setAttribute("href", `#${button.querySelector("image").id}`);
    else look.removeAttribute("href");
  };
  for (const button of buttons) {
    button.disabled = false;
    button.setAttribute("aria-pressed", "false");
    for (const name of ["pointerenter", "focus"]) button.addEventListener(name, () => show(button));
    for (const name of ["pointerleave", "blur"]) button.addEventListener(name, () => show(kept));
    button.addEventListener("click", () => {
      kept = kept === button ? null : button;
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === kept)));
      show(kept);
    });
  }
  show(kept);
}

document.querySelectorAll(".sample").forEach(makeLooked);


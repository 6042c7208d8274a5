"use strict";

// What a card gains where scripts run: maps shown large, lines copied, a theme chosen.

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

function makeCopied(block) {
  const button = block.querySelector("button");
  const code = block.querySelector("code");
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(code); // where copying is not allowed, it is at least selected
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected";
    }
  });
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
document.querySelectorAll(".sample").forEach(makeLooked);
document.querySelectorAll(".copied").forEach(makeCopied);

// What a card gains where scripts run: lines copied, a theme chosen.

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
document.querySelectorAll(".copied").forEach(makeCopied);

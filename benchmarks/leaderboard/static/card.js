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

// The theme stands in the address, as the page puts it there, and goes on to the cards this one leads to.
function makeThemed(button) {
  const themes = ["auto", "light", "dark"];
  const root = document.documentElement;
  const set = (theme) => {
    root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    const hash = theme === "auto" ? "" : `#theme=${theme}`;
    for (const link of document.querySelectorAll("a[href]:not([href*='/']):not([href^='#'])")) {
      link.setAttribute("href", link.getAttribute("href").split("#")[0] + hash);
    }
    return hash;
  };
  button.addEventListener("click", () => {
    const hash = set(themes[(themes.indexOf(root.dataset.theme) + 1) % themes.length]);
    history.replaceState(null, "", hash || location.pathname + location.search);
  });
  const asked = new URLSearchParams(location.hash.slice(1)).get("theme");
  set(themes.includes(asked) ? asked : "auto");
}

document.documentElement.classList.add("on");
makeThemed(document.getElementById("theme"));
document.querySelectorAll(".copied").forEach(makeCopied);

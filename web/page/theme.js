// Runs before the page is drawn, so that it does not flash in the other theme: the one chosen in this browser, or else
// the system's.
"use strict";
{
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const choose = () => {
    let chosen = null;
    try {
      chosen = localStorage.getItem("theme");
    } catch {
      // storage may be forbidden: then the system's theme is used
    }
    document.documentElement.dataset.theme = ["light", "dark"].includes(chosen) ? chosen : dark.matches ? "dark" : "light";
    dispatchEvent(new Event("themechange"));
  };
  dark.addEventListener("change", choose);
  choose();
}

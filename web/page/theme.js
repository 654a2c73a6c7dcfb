// Runs before the page is drawn, so that it does not flash in the other theme. The choice is kept in this browser.
"use strict";
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // storage may be forbidden: then the system's theme is used
}

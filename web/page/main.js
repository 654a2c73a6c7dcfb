// The frame around every page: header, footer, keys; and drawing the page that the address names.
import { ApiError, get } from "./api.js";
import { append, h, replace } from "./dom.js";
import { openHelp, setPageKeys, startKeys } from "./keys.js";
import { current, find, go, route, saePath, start } from "./router.js";
import { comparePage, comparisonsPage } from "./page_compare.js";
import { helpPage } from "./page_help.js";
import { latentPage } from "./page_latent.js";
import { listPage, listsPage } from "./page_lists.js";
import { metaPage, metaLatentPage } from "./page_meta.js";
import { nearestPage, pairPage } from "./page_pair.js";
import { saePage } from "./page_sae.js";
import { saesPage } from "./page_saes.js";
import { stitchPage } from "./page_stitch.js";
import { textPage } from "./page_text.js";
import { treePage } from "./page_tree.js";

route("/", saesPage);
route("/s/:", saePage);
route("/s/:/f/:", latentPage);
route("/s/:/text", textPage);
route("/compare", comparisonsPage);
route("/c/:/:", comparePage);
route("/c/:/:/f/:/:", pairPage);
route("/c/:/:/n/:", nearestPage);
route("/stitch/:", stitchPage);
route("/tree", treePage);
route("/meta/:", metaPage);
route("/meta/:/m/:", metaLatentPage);
route("/lists", listsPage);
route("/lists/:", listPage);
route("/help", helpPage);

const NAV = [
  ["/", "SAEs"],
  ["/compare", "Compare"],
  ["/tree", "Families"],
  ["/lists", "Lists"],
  ["/help", "Glossary"],
];

const main = document.getElementById("main");
let generation = 0;
let drawn = null;

function toggleTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // storage may be forbidden: the choice then lasts until the page is left
  }
  dispatchEvent(new Event("themechange"));
}

// The SAE that the search box looks in: that of the page, or the first.
async function searchedSae() {
  const segments = location.pathname.split("/");
  if (["s", "c"].includes(segments[1]) && segments[2]) return decodeURIComponent(segments[2]);
  return (await get("/saes")).items[0]?.name;
}

async function search(event) {
  event.preventDefault();
  const text = event.target.elements.find.value;
  const sae = await searchedSae();
  if (!sae || !text) return;
  go(/^\d+$/.test(text) ? saePath(sae, `/f/${text}`) : saePath(sae) + "?" + new URLSearchParams({ tok: text, dead: "not" }));
}

function drawFrame() {
  const here = (path) => (path === "/" ? ["/", "/s"].some((p) => location.pathname === p || location.pathname.startsWith("/s/")) : location.pathname.startsWith(path) || (path === "/compare" && /^\/(c|stitch)\//.test(location.pathname)));
  replace(document.getElementById("top"), h("div", { class: "bar" },
    h("a", { class: "mark", href: "/" }, h("img", { src: "/assets/icon.svg", alt: "" }), "sae"),
    h("nav", { "aria-label": "Pages" }, NAV.map(([path, name]) => h("a", { href: path, "aria-current": here(path) ? "page" : null }, name))),
    h("div", { class: "tools" },
      h("form", { role: "search", submit: search },
        h("input", { name: "find", id: "find", type: "search", size: 18, placeholder: "Token or number", "aria-label": "Find latents by token, or go to one by its number", autocomplete: "off" })),
      h("button", { class: "quiet icon", type: "button", click: openHelp, "aria-label": "Keys", title: "Keys (?)" }, "?"),
      h("button", { class: "quiet icon", type: "button", click: toggleTheme, "aria-label": "Light or dark", title: "Light or dark" }, "\u25D0"))));
}

async function drawFoot() {
  try {
    const { database: db, version } = await get("/meta");
    replace(document.getElementById("foot"), h("div", { class: "bar" },
      h("span", {}, `sae ${version}`),
      h("span", {}, `${db.tokens.toLocaleString("en")} tokens of ${db.hook_name ?? "activations"}${db.model ? `, ${db.model}` : ""}`),
      h("span", {}, `database ${db.build}`),
      h("span", {}, "Texts are shown as they were read and may offend.")));
  } catch {
    // the page itself says what is wrong
  }
}

function problem(error) {
  const missing = error instanceof ApiError && error.status === 404;
  return {
    title: missing ? "Not found" : "Something is wrong",
    content: [h("h1", {}, missing ? "Not found" : "Something is wrong"), h("div", { class: "notice bad", role: "alert" }, h("p", {}, error.message)),
      h("p", { class: "row" }, location.search ? h("a", { href: location.pathname }, "The page without its filters") : null, h("a", { href: "/" }, "All SAEs"))],
  };
}

async function draw() {
  const mine = ++generation;
  const { path, query } = current();
  const moved = drawn !== path;
  const found = find(path);
  drawFrame();
  main.setAttribute("aria-busy", "true");
  const waiting = setTimeout(() => moved && replace(main, h("p", { class: "loading" }, "Reading \u2026")), 180);
  let page;
  try {
    if (!found) throw new ApiError(404, "not_found", "There is no such page.");
    page = await found.load(found.wild, query);
  } catch (error) {
    page = problem(error);
    if (!(error instanceof ApiError)) console.error(error);
  }
  clearTimeout(waiting);
  if (mine !== generation) return;
  const focused = moved ? null : document.activeElement?.id;
  document.title = `${page.title} \u00B7 sae`;
  main.replaceChildren();
  append(main, page.content);
  setPageKeys(page.keys ?? {});
  if (moved) {
    if (drawn !== null) main.focus({ preventScroll: true });
    if (!location.hash) scrollTo(0, history.state?.scroll ?? 0);
  } else if (focused) {
    const element = document.getElementById(focused);
    element?.closest("details")?.setAttribute("open", "");
    element?.focus({ preventScroll: true });
  }
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  main.setAttribute("aria-busy", "false");
  drawn = path;
  page.shown?.();
}

history.scrollRestoration = "manual";
let remember = 0;
addEventListener("scroll", () => {
  clearTimeout(remember);
  remember = setTimeout(() => history.replaceState({ ...history.state, scroll: scrollY }, ""), 150);
}, { passive: true });

startKeys();
drawFoot();
start(draw);

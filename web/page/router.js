// The address is the state: every view can be linked to, and back and forward work. A link is followed without loading
// the page again; switches replace the query, so that they do not pile up in the history.

const routes = [];
let show = null;

// pattern: "/s/:/f/:"; load(parts, query) draws the page.
export function route(pattern, load) {
  routes.push({ parts: pattern.split("/").filter(Boolean), load });
}

export function current() {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

export function find(path) {
  const segments = path.split("/").filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  for (const { parts, load } of routes) {
    if (parts.length !== segments.length) continue;
    const wild = [];
    if (parts.every((part, i) => (part === ":" ? wild.push(segments[i]) : part === segments[i]))) return { load, wild };
  }
  return null;
}

export function link(path, query = {}) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== null && value !== undefined && value !== "") params.set(name, value);
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

export function saePath(name, rest = "") {
  return `/s/${encodeURIComponent(name)}${rest}`;
}

export function go(address) {
  history.pushState(null, "", address);
  show();
}

// Changes some of the query (null removes) and, unless `quietly`, draws the page again.
export function setQuery(changes, quietly = false) {
  const { path, query } = current();
  for (const [name, value] of Object.entries(changes))
    if (value === null || value === undefined || value === "") query.delete(name);
    else query.set(name, value);
  const text = query.toString();
  history.replaceState(history.state, "", (text ? `${path}?${text}` : path) + location.hash);
  if (!quietly) show();
}

export function start(draw) {
  show = draw;
  addEventListener("popstate", draw);
  document.addEventListener("click", (event) => {
    const anchor = event.target.closest?.("a[href]");
    if (!anchor || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const url = new URL(anchor.getAttribute("href"), location.href); // of a drawing, href is no text
    if (url.origin !== location.origin || anchor.hasAttribute("download") || anchor.target) return;
    if (url.pathname.startsWith("/api/") || (url.pathname === location.pathname && url.search === location.search && url.hash)) return;
    event.preventDefault();
    go(url.pathname + url.search + url.hash);
  });
  draw();
}

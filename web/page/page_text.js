// A text of one's own: which latents fire on it.
import { get, send } from "./api.js";
import { h, replace } from "./dom.js";
import { number, plural, quoted, share } from "./format.js";
import { labelsOf } from "./labels.js";
import { shade } from "./passage.js";
import { go, link, saePath, setQuery } from "./router.js";

const EXAMPLE = "The king said unto his servants, Go and bring the red fruit of the tree.";

// How the latents that fire are ordered: by their largest activation, or by its share of the latent's own maximum.
const ORDERS = [["max", "Activation"], ["ratio", "Share of its maximum"], ["count", "Tokens"]];

function rank(latents, order) {
  const value = { max: (l) => l.max, ratio: (l) => l.max / (l.latent_max || Infinity), count: (l) => l.acts.length }[order];
  return [...latents].sort((a, b) => value(b) - value(a) || a.id - b.id);
}

function strip(tokens, latent, chosen, pick) {
  const acts = new Map(latent?.acts ?? []);
  return h("div", { class: "passage tokens", role: "group", "aria-label": "tokens of the text" }, tokens.map((token, i) =>
    h("button", { type: "button", class: `t${acts.get(i) ? ` a${shade(acts.get(i) / latent.max)}` : ""}`, "aria-pressed": chosen === i ? "true" : "false", "aria-label": `token ${i + 1}: ${quoted(token.text)}`, click: () => pick(i) }, quoted(token.text) || "\u00A0")));
}

function results(answer, state, labels, name) {
  const chosen = state.token;
  const latents = rank(answer.latents.filter((l) => chosen === null || l.acts.some(([at]) => at === chosen)), state.order);
  const shown = latents.find((l) => l.id === state.latent) ?? null;
  const at = (l) => (chosen === null ? l.max : l.acts.find(([i]) => i === chosen)[1]);
  const left = answer.found - answer.latents.length;
  return [
    h("h2", {}, "Tokens"),
    h("p", { class: "muted small" }, chosen === null ? `${plural(answer.tokens.length, "token")}${answer.cut ? `, the first of ${answer.cut}` : ""}. Choose one to see what fires on it alone; choose a latent below to shade the text.` : [`What fires on \u201C${quoted(answer.tokens[chosen].text)}\u201D. `, h("button", { type: "button", class: "quiet", id: "all-tokens", click: () => setQuery({ at: null }) }, "The whole text")]),
    strip(answer.tokens, shown, chosen, (i) => setQuery({ at: i === chosen ? null : i })),
    h("div", { class: "head" }, h("h2", {}, chosen === null ? plural(answer.found, "latent fires", "latents fire") : `${plural(latents.length, "latent fires", "latents fire")} on it`),
      h("div", { class: "segments", role: "group", "aria-label": "Order" }, ORDERS.map(([key, title]) => h("button", { type: "button", id: `by-${key}`, "aria-pressed": state.order === key ? "true" : "false", click: () => setQuery({ by: key === "max" ? null : key }) }, title)))),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "latents that fire" }, h("table", {},
      h("thead", {}, h("tr", {}, [["Latent", ""], ["Activation", "r"], ["of its maximum", "r"], ["Tokens", "r"], ["Strongest at", ""], ["Density", "r"], ["Label or top token", ""], ["Shade the text", "r"]].map(([t, c]) => h("th", { scope: "col", class: c }, t)))),
      h("tbody", {}, latents.slice(0, 100).map((l) => h("tr", { class: l.id === state.latent ? "on" : "" },
        h("td", {}, h("a", { class: "strong num", href: saePath(name, `/f/${l.id}`) }, l.id)),
        h("td", { class: "r" }, number(at(l), 3)),
        h("td", { class: "r" }, l.latent_max ? `${number((100 * l.max) / l.latent_max, 3)}%` : "\u2013"),
        h("td", { class: "r" }, l.acts.length),
        h("td", {}, h("span", { class: "tok" }, quoted(answer.tokens[l.peak].text, 24))),
        h("td", { class: "r" }, share(l.n_active, answer.of)),
        h("td", { class: "said" }, labels.map.has(l.id) ? h("span", {}, labels.map.get(l.id)) : (l.top ? h("span", { class: "tok" }, quoted(l.top.text, 24)) : "")),
        h("td", { class: "r" }, h("button", { type: "button", class: "quiet", id: `shade-${l.id}`, "aria-pressed": l.id === state.latent ? "true" : "false", "aria-label": `shade the text by latent ${l.id}`, click: () => setQuery({ shade: l.id === state.latent ? null : l.id }) }, "Shade"))))))),
    latents.length > 100 ? h("p", { class: "small muted" }, "The first hundred are shown.") : null,
    left > 0 ? h("p", { class: "small muted" }, `Of the latents that fire, the ${answer.latents.length} with the largest activations were looked at; ${left} weaker ones are not among these.`) : null,
  ];
}

export async function textPage([name], query) {
  const [{ encode }, labels] = await Promise.all([get("/meta"), labelsOf(name), get(`/saes/${encodeURIComponent(name)}`)]);
  const text = query.get("t") ?? "";
  const out = h("div", { "aria-live": "off" });
  const field = h("textarea", { id: "text", "aria-label": "text", value: draft?.of === text ? draft.now : text || EXAMPLE });
  field.addEventListener("input", () => (draft = { of: text, now: field.value }));
  const state = { order: ORDERS.some(([k]) => k === query.get("by")) ? query.get("by") : "max", token: query.has("at") ? Number(query.get("at")) : null, latent: query.has("shade") ? Number(query.get("shade")) : null };
  const answer = encode.available && text ? await encoded(name, text).catch((error) => replace(out, h("div", { class: "notice bad", role: "alert" }, h("p", {}, error.message)))) : null;
  if (answer) {
    if (!(Number.isInteger(state.token) && state.token >= 0 && state.token < answer.tokens.length)) state.token = null;
    replace(out, answer.tokens.length ? results(answer, state, labels, name) : h("p", { class: "notice" }, "This text has no tokens."));
  }
  const run = () => {
    draft = null;
    if (field.value === text) setQuery({ at: null, shade: null });
    else go(link(saePath(name, "/text"), { t: field.value, by: query.get("by") }));
  };
  field.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && run());
  return {
    title: `A text in ${name}`,
    content: [
      h("nav", { class: "crumbs", "aria-label": "Path" }, h("a", { href: "/" }, "SAEs"), "\u203A", h("a", { href: saePath(name) }, name), "\u203A", h("span", {}, "a text")),
      h("h1", {}, "Which latents fire on a text?"),
      encode.available
        ? h("form", { submit: (event) => {
          event.preventDefault();
          run();
        } }, field, h("div", { class: "row" }, h("button", { class: "primary", id: "run" }, "Look"), h("span", { class: "small muted" }, "Ctrl and Enter do the same. The text is read as the beginning of a document.")))
        : h("div", { class: "notice" }, h("p", {}, encode.why)),
      out,
    ],
  };
}

// What is typed and was not looked at yet, beside the text of the address: shading by a latent must not lose it.
let draft = null;

let last = { key: null, answer: null };
async function encoded(name, text) {
  const key = `${name}\n${text}`;
  if (last.key !== key) last = { key, answer: await send("POST", `/saes/${encodeURIComponent(name)}/encode`, { text }) };
  return last.answer;
}

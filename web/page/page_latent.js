// One latent: what it fires on, what it does to the output, and what is near it.
import { get, latentPath } from "./api.js";
import { meter } from "./chart.js";
import { h } from "./dom.js";
import { count, fixed, number, plural, plus, share } from "./format.js";
import { histogram } from "./histogram.js";
import { copyLink } from "./keys.js";
import { bookmark, labelBox, labelsOf } from "./labels.js";
import { passageView } from "./passage.js";
import { go, link, saePath, setQuery } from "./router.js";
import { tableQuery, tokenChip } from "./table.js";

export const WIDTHS = { 1: 8, 2: 24, 3: 512 };

export function readView(query) {
  const ctx = WIDTHS[query.get("ctx")] ? query.get("ctx") : "2";
  return { ctx, around: WIDTHS[ctx], breaks: query.get("nl") === "1", values: query.get("v") === "1" };
}

// The switches of how texts are shown, and their keys.
export function viewTools(view) {
  const set = (changes) => setQuery(changes);
  const press = (id, on, title, run) => h("button", { type: "button", id, "aria-pressed": on ? "true" : "false", click: run }, title);
  const toggles = { nl: () => set({ nl: view.breaks ? null : 1 }), v: () => set({ v: view.values ? null : 1 }) };
  return {
    tools: h("div", { class: "row center noprint" },
      h("div", { class: "segments", role: "group", "aria-label": "How much of each text" },
        [["1", "Short"], ["2", "Medium"], ["3", "Whole"]].map(([n, title]) => press(`ctx-${n}`, view.ctx === n, title, () => set({ ctx: n === "2" ? null : n })))),
      h("div", { class: "segments", role: "group", "aria-label": "How texts are shown" },
        press("nl", view.breaks, "Line breaks", toggles.nl), press("vals", view.values, "Values", toggles.v))),
    keys: {
      1: { does: "short texts", run: () => set({ ctx: 1 }) },
      2: { does: "longer texts", run: () => set({ ctx: null }) },
      3: { does: "whole contexts", run: () => set({ ctx: 3 }) },
      n: { does: "line breaks as breaks, or on one line", run: toggles.nl },
      v: { does: "activations beside tokens", run: toggles.v },
    },
  };
}

/* ---- texts ---- */

const NAMES = {
  top: "Strongest",
  interval: (g) => `${number(g.lo, 3)} to ${number(g.hi, 3)}`,
  random: "Random firings",
  near_miss: "Near misses",
};
const NOTES = {
  top: (g, row, tokens) => `of ${plural(g.population, "token")} on which it fires (${share(row.n_active, tokens)} of all), one per text`,
  interval: (g, row) => (g.population ? `${plural(g.population, "firing")}, ${share(g.population, row.n_active)} of all` : "no firing is this strong"),
  random: (g) => `drawn from all ${plural(g.population, "firing")}`,
  near_miss: () => "the largest pre-activations that did not fire",
};

function exampleRow(example, group, row, view) {
  const near = group.kind === "near_miss";
  const notes = [example.more ? `+${count(example.more)} in this text` : null, example.copies ? `${plural(example.copies, "text")} alike` : null].filter(Boolean);
  return h("li", { id: `d${example.passage.document}-r${example.row}` },
    h("span", { class: `peak${near ? " muted" : ""}` }, number(example.value, 3)),
    passageView(example.passage, { max: row.max || example.value, peak: example.row, peakValue: example.value, breaks: view.breaks, values: view.values, line: view.ctx === "1" && !view.breaks }),
    h("span", { class: "side" }, notes.join(", ")));
}

function groupView(group, row, tokens, view) {
  const name = typeof NAMES[group.kind] === "function" ? NAMES[group.kind](group) : NAMES[group.kind];
  return h("section", { class: "group" },
    h("header", {}, h("h3", {}, name), h("span", { class: "small" }, NOTES[group.kind](group, row, tokens))),
    group.examples.length ? h("ol", { class: "texts" }, group.examples.map((e) => exampleRow(e, group, row, view))) : null);
}

function textsView(latent, tokens, view) {
  const by = (kind) => latent.groups.filter((g) => g.kind === kind && (g.examples.length || kind === "interval"));
  const section = (title, note, groups) => (groups.some((g) => g.examples.length) ? [h("h2", {}, title), note ? h("p", { class: "muted small" }, note) : null, groups.map((g) => groupView(g, latent, tokens, view))] : null);
  return [
    section("Texts", null, by("top")),
    section("From strong to weak", "Samples of ten intervals of equal width up to the maximum, each with its share of all firings.", by("interval").filter((g) => g.population)),
    section("Others", null, [...by("random"), ...by("near_miss")]),
  ];
}

/* ---- numbers ---- */

export function statistics(latent, tokens, sae) {
  const quantile = (at) => latent.quantiles.find(([q]) => Math.abs(q - at) < 1e-9)?.[1];
  const rows = [
    ["fires on", `${count(latent.n_active)} tokens`],
    ["density", share(latent.n_active, tokens)],
    ["max", number(latent.max)],
    ["mean", number(latent.mean)],
    ["median", number(latent.p50 ?? quantile(0.5))],
    ["90%, 99%", `${number(latent.p90, 3)}, ${number(latent.p99, 3)}`],
    ["std", number(latent.std)],
    ["skew, kurtosis", `${number(latent.skew, 3)}, ${number(latent.kurtosis, 3)}`],
    ["threshold", latent.threshold === null ? (sae?.k ? `top ${sae.k} of a token` : "\u2013") : number(latent.threshold)],
    ["\u2016W_dec\u2016", number(latent.dec_norm)],
    ["cos(W_enc, W_dec)", fixed(latent.enc_dec_cos, 3)],
  ];
  return h("dl", { class: "pairs" }, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

function linkList(title, note, sae, id, list, value, digits = 3) {
  if (!list.length) return null;
  return [
    h("h2", { class: "sub" }, title, note ? h("span", { class: "unseen" }, note) : null),
    h("ul", { class: "links" }, list.map((l) => h("li", {},
      h("a", { class: "name num", href: saePath(sae, `/f/${l.latent}`) }, l.latent),
      meter(Math.max(0, l[value])),
      h("span", { class: "num" }, fixed(l[value], digits)),
      h("a", { class: "small", href: `/c/${encodeURIComponent(sae)}/${encodeURIComponent(sae)}/f/${id}/${l.latent}`, "aria-label": `beside ${l.latent}, on the same texts` }, "beside")))),
  ];
}

function matchList(latent, sae) {
  return latent.matches.filter((m) => m.by_cosine.length).map((m) => [
    h("h2", { class: "sub" }, "In ", h("a", { href: saePath(m.sae) }, m.sae)),
    h("ul", { class: "links" }, m.by_cosine.map((l) => h("li", {},
      h("a", { class: "name num", href: `/c/${encodeURIComponent(sae)}/${encodeURIComponent(m.sae)}/f/${latent.id}/${l.latent}` }, l.latent),
      meter(Math.max(0, l.cosine)),
      h("span", { class: "num" }, fixed(l.cosine, 3)),
      l.mutual ? h("span", { class: "tag good", title: "each is the other's nearest" }, "mutual") : null))),
    h("p", { class: "small" }, h("a", { href: `/c/${encodeURIComponent(sae)}/${encodeURIComponent(m.sae)}/n/${latent.id}` }, "Beside its nearest, on the same texts")),
  ]);
}

export function effectLists(logits) {
  const list = (title, style, effects) => h("div", {}, h("h3", {}, title),
    h("ul", { class: `effects ${style}` }, effects.map((e) => h("li", {}, h("span", { class: "num" }, plus(e.value)), tokenChip(e, style)))));
  return h("div", { class: "both-effects" }, list("Boosts \u2191", "boost", logits.boosted), list("Suppresses \u2193", "suppress", logits.suppressed));
}

function drawings(latent, query) {
  const log = query.get("hist") === "log";
  const hist = log ? latent.log_hist : latent.hist;
  const tools = h("span", { class: "segments", role: "group", "aria-label": "Scale" },
    [["linear", !log], ["log", log]].map(([name, on]) => h("button", { type: "button", id: `hist-${name}`, "aria-pressed": on ? "true" : "false", click: () => setQuery({ hist: name === "log" ? "log" : null }) }, name)));
  return [
    hist ? histogram({ title: "Activations", tools, hist, xTitle: log ? "log10 of the activation where it fires" : "activation where it fires", logY: !log,
      rules: log ? [] : [{ at: latent.p50, name: "median", soft: true }, { at: latent.p99, name: "99%", soft: true }],
      caption: `${log ? "" : "The height of a bar is logarithmic. "}Half of its ${count(latent.n_active)} firings are above ${number(latent.p50, 3)}, one in a hundred above ${number(latent.p99, 3)}.` }) : null,
    latent.logits?.hist ? histogram({ title: "Effect on output tokens", hist: latent.logits.hist, xTitle: "logit per unit of activation", logY: true, bar: (lo, hi) => (lo >= 0 ? "up" : hi <= 0 ? "down" : "soft"),
      caption: `Over the whole vocabulary, the height of a bar logarithmic; standard deviation ${number(latent.logits.std, 3)}.` }) : null,
  ];
}

/* ---- the page ---- */

export async function latentPage([name, id], query) {
  const view = readView(query), wanted = tableQuery(query);
  const [latent, place, sae, { database: db }, labels] = await Promise.all([
    get(latentPath(name, id), { around: view.around }), get(`${latentPath(name, id)}/place`, wanted),
    get(`/saes/${encodeURIComponent(name)}`), get("/meta"), labelsOf(name)]);
  const state = { ...wanted, ctx: query.get("ctx"), nl: query.get("nl"), v: query.get("v"), hist: query.get("hist") };
  const to = (other) => link(saePath(name, `/f/${other}`), state);
  const step = (other) => () => other !== null && go(to(other));
  const tools = viewTools(view);
  const random = async () => {
    const among = { dead: "not", ...wanted, limit: 1 }, path = `/saes/${encodeURIComponent(name)}/latents`;
    const { total } = await get(path, among);
    const { items } = await get(path, { ...among, offset: Math.floor(Math.random() * total) });
    if (items.length) go(to(items[0].id));
  };
  const jump = (title, other, key) => h("a", { class: "button", id: key, href: other === null ? null : to(other), "aria-disabled": other === null ? "true" : null, title: `${title} (${key === "next" ? "j" : "k"})` }, title);
  return {
    title: `Latent ${id} of ${name}`,
    content: [
      h("nav", { class: "crumbs", "aria-label": "Path" }, h("a", { href: "/" }, "SAEs"), "\u203A", h("a", { href: link(saePath(name), wanted) }, name), "\u203A", h("span", {}, `latent ${id}`)),
      h("div", { class: "head" },
        h("h1", {}, `Latent ${id}`),
        h("div", { class: "row center noprint" },
          h("span", { class: "small muted" }, place.position === null ? "outside the filters" : `${count(place.position + 1)} of ${count(place.total)}`),
          jump("\u2190 Back", place.previous, "previous"), jump("Next \u2192", place.next, "next"),
          bookmark(name, Number(id), labels))),
      h("div", { class: "aside" },
        h("aside", { tabindex: 0, "aria-label": "about this latent" },
          labelBox(name, Number(id), labels),
          h("h2", { class: "sub" }, "Numbers"), statistics(latent, db.tokens, sae),
          latent.dead ? null : [
            linkList("Nearest by decoder cosine", null, name, latent.id, latent.neighbours.by_cosine.slice(0, 5), "cosine"),
            linkList("Fires alike (Pearson)", null, name, latent.id, latent.neighbours.by_pearson.slice(0, 5), "pearson"),
            linkList("Fires together (Jaccard)", null, name, latent.id, latent.neighbours.by_together.slice(0, 5), "jaccard"),
          ],
          matchList(latent, name),
          latent.neurons.length ? [h("h2", { class: "sub" }, "Largest weights of W_dec"), h("dl", { class: "pairs" }, latent.neurons.map((n) => [h("dt", {}, `dimension ${n.neuron}`), h("dd", {}, `${plus(n.value, 3)} (${number(100 * n.share, 2)}%)`)]))] : null),
        h("div", {},
          latent.dead ? h("div", { class: "notice warn" }, h("p", {}, h("strong", {}, "Dead here: "), `it never fired on these ${count(db.tokens)} tokens, so there are no texts to show.`)) : null,
          h("section", { class: "card" },
            latent.logits ? effectLists(latent.logits) : h("p", { class: "muted" }, "Its effect on the output was not computed: that takes the language model's unembedding (sae dash --model, or --unembed)."),
            h("div", { class: "two charts" }, drawings(latent, query))),
          latent.dead ? null : h("div", { class: "head" }, h("span"), tools.tools),
          textsView(latent, db.tokens, view))),
    ],
    keys: {
      j: { does: "next latent of the table", run: step(place.next) },
      k: { does: "latent before", run: step(place.previous) },
      g: { does: "go to a latent by number", run: () => document.getElementById("find").focus() },
      r: { does: "a random latent", run: random },
      ...tools.keys,
      b: { does: "put on a list, or take off", run: () => document.getElementById("bookmark")?.click() },
      c: { does: "copy a link to this view", run: copyLink },
    },
  };
}

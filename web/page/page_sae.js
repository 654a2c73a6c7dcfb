// One SAE: its numbers, how dense its latents are, and the table of its latents.
import { get } from "./api.js";
import { h } from "./dom.js";
import { count, number, tick } from "./format.js";
import { histogram } from "./histogram.js";
import { copyLink, toast } from "./keys.js";
import { labelsOf } from "./labels.js";
import { kindName, recovered } from "./page_saes.js";
import { go, link, saePath, setQuery } from "./router.js";
import { COLUMNS, latentTable, pager, tableQuery } from "./table.js";

const LIMIT = 50;
const USUAL = ["n_active", "max", "mean", "max_cos"];

function facts(sae) {
  const items = [
    ["Latents", count(sae.n), `${count(sae.dead)} dead`],
    ["L0", number(sae.l0), "active per token"],
    ["FVU", number(sae.fvu), `explains ${number(100 * sae.explained_variance, 3)}%`],
    ["MSE", number(sae.mse), `${number(sae.mse_per_dim)} per dimension`],
    ["Cosine", number(sae.cosine), `norm ratio ${number(sae.l2_ratio, 3)}`],
    sae.ce ? ["CE recovered", recovered(sae), `${number(sae.ce.clean)} \u2192 ${number(sae.ce.spliced)} nats`] : null,
  ].filter(Boolean);
  return [
    h("dl", { class: "figures" }, items.map(([name, value, note]) => h("div", {}, h("dt", {}, name), h("dd", {}, value, h("small", {}, note))))),
    h("p", { class: "small muted" }, `${kindName(sae.arch)}, d = ${sae.d}${sae.k ? `, k = ${sae.k}` : ""}${sae.theta !== null ? `, \u03B8 = ${number(sae.theta)}` : ""}. `,
      `A latent fires ${sae.rule === "topk" ? "when it is among the k largest of its token" : "when its pre-activation is above its threshold"}: the SAE's form at inference. Measured on ${count(sae.tokens)} tokens. `,
      h("code", {}, sae.path)),
  ];
}

function density(sae, tokens, query) {
  const edges = sae.density_counts.map((_, i) => -8 + i * 0.2).concat(0);
  let first = sae.density_counts.findIndex((n) => n > 0);
  if (first < 0) return null;
  first = Math.max(0, first - 1);
  let last = sae.density_counts.findLastIndex((n) => n > 0);
  last = Math.min(sae.density_counts.length - 1, last + 1);
  const min = Number(query.get("min_n_active") ?? NaN), max = Number(query.get("max_n_active") ?? NaN);
  const within = (lo, hi) => (Number.isNaN(min) || tokens * 10 ** hi > min) && (Number.isNaN(max) || tokens * 10 ** lo < max);
  return histogram({
    title: "How often latents fire",
    hist: { edges: edges.slice(first, last + 2), counts: sae.density_counts.slice(first, last + 1) },
    xTitle: "log10 of the share of tokens",
    format: tick,
    bar: (lo, hi) => (within(lo, hi) ? "" : "soft"),
    pick: (lo, hi) => setQuery({ min_n_active: Math.ceil(tokens * 10 ** lo), max_n_active: Math.floor(tokens * 10 ** hi), offset: null }),
    caption: `${count(sae.n - sae.dead)} latents fired, ${count(sae.dead)} never did. A click on a bar shows its latents below.`,
  });
}

function bound(name, query, title) {
  return h("label", { class: "field" }, title, h("input", {
    class: "short", id: `f-${name}`, type: "text", inputmode: "decimal", value: query.get(name) ?? "",
    change: (event) => {
      const value = event.target.value.trim().replaceAll(",", "");
      if (value !== "" && !Number.isFinite(Number(value))) toast(`\u201C${value}\u201D is not a number`);
      else setQuery({ [name]: value, offset: null });
    },
  }));
}

// What of a query needs the other SAE, taken away.
function ofOther(query) {
  const gone = [...query.keys()].filter((name) => /^(min_|max_)vs_/.test(name));
  if (query.get("sort")?.startsWith("vs_")) gone.push("sort", "dir");
  return Object.fromEntries(gone.map((name) => [name, null]));
}

function filters(sae, saes, query, labels) {
  const select = (name, title, options) => h("label", { class: "field" }, title, fillSelect(h("select", { id: `f-${name}`, change: (event) => setQuery({ ...(name === "vs" ? ofOther(query) : {}), [name]: event.target.value, offset: null }) }), options, query.get(name) ?? ""));
  const others = saes.filter((s) => s.name !== sae.name);
  const shown = new Set((query.get("cols") ?? USUAL.join(",")).split(","));
  return h("div", { class: "row noprint" },
    h("label", { class: "field" }, "Token", h("input", { id: "f-tok", type: "search", size: 12, value: query.get("tok") ?? "", placeholder: "in top or boosted", change: (event) => setQuery({ tok: event.target.value, offset: null }) })),
    labels.available ? h("label", { class: "field" }, "Label", h("input", { id: "f-label", type: "search", size: 12, value: query.get("label") ?? "", change: (event) => setQuery({ label: event.target.value, offset: null }) })) : null,
    bound("min_n_active", query, "Tokens at least"),
    bound("max_n_active", query, "at most"),
    bound("min_max", query, "Max at least"),
    bound("max_max_cos", query, "Nearest at most"),
    select("dead", "Dead", [["", "all"], ["not", "not"], ["only", "only"]]),
    others.length ? select("vs", "Beside", [["", "\u2013"], ...others.map((s) => [s.name, s.name])]) : null,
    query.get("vs") ? bound("max_vs_cos", query, "Cosine at most") : null,
    h("details", { class: "columns" }, h("summary", { class: "button" }, "Columns"), h("div", { class: "menu" },
      Object.entries(COLUMNS).filter(([name]) => query.get("vs") || !name.startsWith("vs_")).map(([name, info]) => {
        const box = h("input", { type: "checkbox", id: `c-${name}`, change: (event) => {
          if (event.target.checked) shown.add(name);
          else shown.delete(name);
          setQuery({ cols: Object.keys(COLUMNS).filter((c) => shown.has(c)).join(",") });
        } });
        box.checked = shown.has(name);
        return h("label", { class: "inline" }, box, `${info.title}: ${info.help}`);
      }))),
    [...Object.keys(tableQuery(query))].some((name) => !["sort", "dir", "vs"].includes(name)) ? h("a", { class: "button quiet", href: link(saePath(sae.name), { sort: query.get("sort"), dir: query.get("dir"), vs: query.get("vs") }) }, "Clear filters") : null);
}

export function fillSelect(select, options, chosen) {
  for (const [value, title] of options) {
    const option = h("option", { value }, title);
    option.selected = value === chosen;
    select.append(option);
  }
  return select;
}

export async function saePage([name], query) {
  const offset = Number(query.get("offset") ?? 0) || 0;
  const wanted = tableQuery(query);
  const [sae, { items: saes }, { database: db }, table, labels] = await Promise.all([
    get(`/saes/${encodeURIComponent(name)}`), get("/saes"), get("/meta"),
    get(`/saes/${encodeURIComponent(name)}/latents`, { ...wanted, offset, limit: LIMIT }), labelsOf(name)]);
  const vs = query.get("vs");
  const columns = (query.get("cols") ?? USUAL.concat(vs ? ["vs_cos"] : []).join(",")).split(",").filter((c) => COLUMNS[c] && (vs || !c.startsWith("vs_")));
  const random = async () => {
    const { total } = table;
    if (!total) return;
    const at = Math.floor(Math.random() * total);
    const { items } = await get(`/saes/${encodeURIComponent(name)}/latents`, { ...wanted, offset: at, limit: 1 });
    go(link(saePath(name, `/f/${items[0].id}`), wanted));
  };
  return {
    title: name,
    content: [
      h("nav", { class: "crumbs", "aria-label": "Path" }, h("a", { href: "/" }, "SAEs"), "\u203A", h("span", {}, name)),
      h("div", { class: "head" }, h("h1", {}, name), h("div", { class: "row" },
        h("a", { class: "button", href: saePath(name, "/text") }, "Try a text"),
        h("button", { type: "button", id: "random", click: random }, "A random latent"))),
      facts(sae),
      h("section", { class: "card" }, density(sae, db.tokens, query)),
      h("h2", { id: "latents" }, "Latents"),
      filters(sae, saes, query, labels),
      latentTable({ sae: name, rows: table.items, query, columns, tokens: db.tokens, other: vs, labels: labels.map, keep: wanted }),
      pager({ offset, limit: LIMIT, total: table.total }),
    ],
    keys: {
      g: { does: "go to a latent by number", run: () => document.getElementById("find").focus() },
      r: { does: "a random latent of this table", run: random },
      j: { does: "next part of the table", run: () => document.getElementById("page-on")?.click() },
      k: { does: "part of the table before", run: () => document.getElementById("page-back")?.click() },
      c: { does: "copy a link to this view", run: copyLink },
    },
  };
}

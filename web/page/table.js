// Tables of latents: sorted by their headings, which are buttons, with every choice in the address.
import { count, number, quoted, share } from "./format.js";
import { h } from "./dom.js";
import { spark } from "./chart.js";
import { link, saePath, setQuery } from "./router.js";

// What can stand in a column: [name, heading, explanation]; those with a name of the API's are sorted by it.
export const COLUMNS = {
  n_active: { title: "Density", right: true, help: "share of tokens on which it fires" },
  max: { title: "Max", right: true, help: "largest activation" },
  mean: { title: "Mean", right: true, help: "mean activation where it fires" },
  std: { title: "Std", right: true, help: "standard deviation where it fires" },
  skew: { title: "Skew", right: true, help: "skewness where it fires" },
  kurtosis: { title: "Kurtosis", right: true, help: "kurtosis where it fires; 3 for a normal distribution" },
  p50: { title: "Median", right: true, help: "median activation where it fires" },
  p90: { title: "90%", right: true, help: "90 % of its activations do not exceed this" },
  p99: { title: "99%", right: true, help: "99 % of its activations do not exceed this" },
  dec_norm: { title: "\u2016W_dec\u2016", right: true, help: "norm of its decoder row" },
  enc_dec_cos: { title: "Enc\u00B7dec", right: true, help: "cosine of its encoder and decoder rows" },
  threshold: { title: "\u03B8", right: true, help: "it fires above this" },
  max_cos: { title: "Nearest", right: true, help: "largest decoder cosine with another latent of this SAE" },
  vs_cos: { title: "Cosine there", right: true, help: "largest decoder cosine with a latent of the other SAE" },
  vs_pearson: { title: "Pearson there", right: true, help: "largest correlation of activations with a latent of the other SAE" },
};

export const TABLE_PARAMS = ["sort", "dir", "vs", "dead", "tok", "label", "list", ...Object.keys(COLUMNS).flatMap((c) => [`min_${c}`, `max_${c}`])];

// The part of a page's query that says which latents a table has and in what order.
export function tableQuery(query) {
  const out = {};
  for (const name of TABLE_PARAMS) if (query.get(name)) out[name] = query.get(name);
  return out;
}

export function sortHeading(column, query, extra = {}) {
  const info = COLUMNS[column];
  const active = (query.get("sort") ?? "id") === column;
  const descending = query.get("dir") === "desc";
  const next = { sort: column, dir: active && descending ? "asc" : "desc", offset: null, ...extra };
  return h("th", { scope: "col", class: info.right ? "r" : "", "aria-sort": active ? (descending ? "descending" : "ascending") : null, title: info.help },
    h("button", { type: "button", id: `sort-${column}`, click: () => setQuery(next) }, info.title,
      h("span", { class: "arrow", "aria-hidden": "true" }, active ? (descending ? "\u25BC" : "\u25B2") : "")));
}

export function tokenChip(token, style = "") {
  return token ? h("span", { class: `tok ${style}` }, quoted(token.text, 24) || "(no text)") : h("span", { class: "muted" }, "\u2013");
}

function cell(column, row, tokens) {
  if (column === "n_active") return h("td", { class: "r", title: `fires on ${count(row.n_active)} tokens` }, share(row.n_active, tokens));
  return h("td", { class: "r" }, number(row[column], 3));
}

// options: {sae, rows, query, columns, tokens, other: name of the SAE of vs_ columns, labels: Map id → text, keep: query of links}
export function latentTable(options) {
  const { sae, rows, query, columns, tokens, other, labels } = options;
  const idActive = (query.get("sort") ?? "id") === "id";
  const descending = query.get("dir") === "desc";
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "latents" },
    h("table", {},
      h("thead", {}, h("tr", {},
        h("th", { scope: "col", "aria-sort": idActive ? (descending ? "descending" : "ascending") : null },
          h("button", { type: "button", id: "sort-id", click: () => setQuery({ sort: null, dir: idActive && !descending ? "desc" : null, offset: null }) }, "Latent",
            h("span", { class: "arrow", "aria-hidden": "true" }, idActive ? (descending ? "\u25BC" : "\u25B2") : ""))),
        h("th", { scope: "col" }, "Activations"),
        labels?.size ? h("th", { scope: "col" }, "Label") : null,
        columns.map((column) => sortHeading(column, query)),
        other ? h("th", { scope: "col" }, `Nearest in ${other}`) : null,
        h("th", { scope: "col" }, "Top token"),
        h("th", { scope: "col" }, "Boosts"))),
      h("tbody", {}, rows.map((row) => h("tr", {},
        h("td", {}, h("a", { class: "strong num", href: link(saePath(sae, `/f/${row.id}`), options.keep) }, row.id)),
        h("td", {}, row.n_active ? spark(row.spark) : h("span", { class: "tag" }, "dead")),
        labels?.size ? h("td", { class: "said", title: labels.get(row.id) ?? "" }, h("span", {}, labels.get(row.id) ?? "")) : null,
        columns.map((column) => cell(column, row, tokens)),
        other ? h("td", {}, row.vs_latent === null ? "\u2013" : [h("a", { class: "num", href: `/c/${encodeURIComponent(sae)}/${encodeURIComponent(other)}/f/${row.id}/${row.vs_latent}` }, row.vs_latent), row.vs_mutual ? h("span", { class: "muted small", title: "each is the other's nearest" }, " \u21C4") : null]) : null,
        h("td", {}, tokenChip(row.top)),
        h("td", {}, tokenChip(row.boosted, "boost")))))));
}

export function pager({ offset, limit, total, what = "latents" }) {
  const last = Math.min(offset + limit, total);
  const to = (value) => () => {
    setQuery({ offset: value || null });
    document.getElementById("main").scrollIntoView();
  };
  return h("div", { class: "pager" },
    h("span", { role: "status" }, total ? `${count(offset + 1)} to ${count(last)} of ${count(total)} ${what}` : `No ${what}`),
    total > limit ? h("span", { class: "row" },
      h("button", { type: "button", id: "page-back", disabled: offset === 0, click: to(Math.max(0, offset - limit)) }, "\u2190 Back"),
      h("button", { type: "button", id: "page-on", disabled: last >= total, click: to(offset + limit) }, "On \u2192")) : null);
}

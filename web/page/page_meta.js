// A meta-SAE: the parts that latents of an SAE share. From a latent to its meta-latents, and from a meta-latent to the
// latents that hold it.
import { ApiError, get } from "./api.js";
import { meter } from "./chart.js";
import { h } from "./dom.js";
import { count, fixed, number, plural, quoted } from "./format.js";
import { link, saePath, setQuery } from "./router.js";
import { pager } from "./table.js";

const LIMIT = 25;

// Rows of latents by id: their top tokens name them.
async function rowsOf(sae, ids) {
  const wanted = [...new Set(ids)].slice(0, 400);
  if (!sae || !wanted.length) return new Map();
  const { items } = await get(`/saes/${encodeURIComponent(sae)}/latents`, { ids: wanted.join(","), limit: wanted.length });
  return new Map(items.map((row) => [row.id, row]));
}

function latentLink(sae, id, rows) {
  const top = rows.get(id)?.top;
  return [sae ? h("a", { class: "num", href: saePath(sae, `/f/${id}`) }, id) : id, top ? [" ", h("span", { class: "tok" }, quoted(top.text, 14))] : null];
}

async function read(index) {
  const result = await get(`/results/${encodeURIComponent(index)}`);
  if (result.kind !== "meta") throw new ApiError(404, "not_found", `Result ${index} is not a meta-SAE.`);
  return result;
}

function decomposition(index, id, part, rows, sae) {
  const most = Math.max(...part.meta.map(([, act]) => act), 1e-9);
  return h("section", { class: "card" },
    h("h2", {}, "Latent ", latentLink(sae, id, rows)),
    h("p", { class: "muted small" }, part.meta.length ? `${plural(part.meta.length, "meta-latent")} explain ${number(100 * part.explained, 3)}% of its direction.` : "No meta-latent is active on it."),
    h("ul", { class: "links" }, part.meta.map(([m, act, cosine]) => h("li", {},
      h("a", { class: "name num", href: `/meta/${index}/m/${m}` }, `meta-latent ${m}`), meter(act, most),
      h("span", { class: "num" }, `${number(act, 3)}, cosine ${fixed(cosine, 3)}`)))));
}

export async function metaPage([index], query) {
  const result = await read(index), m = result.json, sae = result.large;
  const offset = Number(query.get("offset") ?? 0) || 0;
  const asked = query.get("l");
  const [table, part] = await Promise.all([
    get(`/results/${index}/meta_latents`, { offset, limit: LIMIT }),
    asked ? get(`/results/${index}/latents/${encodeURIComponent(asked)}`).catch((error) => ({ error })) : null]);
  const rows = await rowsOf(sae, [...table.items.flatMap((item) => item.strongest.map(([id]) => id)), ...(part && !part.error ? [Number(asked)] : [])]);
  const baselines = m.baselines ?? {};
  const bars = [["this meta-SAE", m.explained_variance], ["PCA of the same rank", baselines.pca], ["random rows", baselines.random_rows], ["random directions", baselines.random_directions]].filter(([, v]) => v !== null && v !== undefined);
  return {
    title: "Meta-SAE",
    content: [
      h("nav", { class: "crumbs", "aria-label": "Path" }, h("a", { href: "/compare" }, "Compare"), "\u203A", h("span", {}, "meta-SAE")),
      h("h1", {}, "What the latents of ", sae ?? m.sae, " are made of"),
      h("p", { class: "lead" }, `${count(m.width)} meta-latents, ${number(m.l0, 3)} of them active on a latent, explain ${number(100 * m.explained_variance, 3)}% of the variance of ${count(m.rows)} decoder rows.`),
      h("section", { class: "card" }, h("h2", {}, "Variance explained, at equal sparsity"),
        h("ul", { class: "links" }, bars.map(([name, value]) => h("li", {}, h("span", { class: "wide-name" }, name), meter(value), h("span", { class: "num" }, `${number(100 * value, 3)}%`))))),
      h("form", { class: "row", submit: (event) => {
        event.preventDefault();
        setQuery({ l: event.target.elements.latent.value.trim() });
      } }, h("label", { class: "field" }, "Take a latent apart", h("input", { id: "latent", name: "latent", class: "short", inputmode: "numeric", value: asked ?? "" })), h("button", { class: "primary" }, "Show")),
      part ? part.error ? h("p", { class: "notice bad", role: "alert" }, part.error.message) : decomposition(index, Number(asked), part, rows, sae) : null,
      h("h2", {}, "Meta-latents"),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "meta-latents" }, h("table", {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Meta-latent"), h("th", { scope: "col", class: "r" }, "Latents"), h("th", { scope: "col" }, "The strongest"))),
        h("tbody", {}, table.items.map((item) => h("tr", {},
          h("td", {}, h("a", { class: "strong num", href: `/meta/${index}/m/${item.id}` }, item.id)), h("td", { class: "r" }, count(item.count)),
          h("td", {}, item.strongest.map(([id], i) => [i ? " \u00B7 " : "", latentLink(sae, id, rows)]))))))),
      pager({ offset, limit: LIMIT, total: table.total, what: "meta-latents" }),
    ],
  };
}

export async function metaLatentPage([index, id]) {
  const result = await read(index), sae = result.large;
  const part = await get(`/results/${index}/meta_latents/${encodeURIComponent(id)}`);
  const rows = await rowsOf(sae, part.latents.map(([latent]) => latent));
  const most = Math.max(...part.latents.map(([, act]) => act), 1e-9);
  return {
    title: `Meta-latent ${id}`,
    content: [
      h("nav", { class: "crumbs", "aria-label": "Path" }, h("a", { href: `/meta/${index}` }, "Meta-SAE"), "\u203A", h("span", {}, `meta-latent ${id}`)),
      h("h1", {}, `Meta-latent ${id}`),
      h("p", { class: "lead" }, part.latents.length ? `A part of ${plural(part.latents.length, "latent")} of ${sae ?? result.json.sae}.` : "It is active on no latent."),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "latents" }, h("table", {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Latent"), h("th", { scope: "col" }, "Boosts"), h("th", { scope: "col" }, "How much"), h("th", { scope: "col", class: "r" }, "Activation"), h("th", { scope: "col", class: "r" }, "Cosine"), h("th", { scope: "col" }, "Other parts"))),
        h("tbody", {}, part.latents.slice(0, 300).map(([latent, act, cosine]) => h("tr", {}, h("td", {}, latentLink(sae, latent, rows)),
          h("td", {}, rows.get(latent)?.boosted ? h("span", { class: "tok boost" }, quoted(rows.get(latent).boosted.text, 14)) : ""),
          h("td", {}, meter(act, most)), h("td", { class: "r" }, number(act, 3)), h("td", { class: "r" }, fixed(cosine, 3)),
          h("td", {}, h("a", { href: link(`/meta/${index}`, { l: latent }) }, "all its parts"))))))),
    ],
  };
}

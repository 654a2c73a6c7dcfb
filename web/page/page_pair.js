// Two latents on the same texts, and a latent beside those of another SAE that are nearest to it.
import { get, latentPath } from "./api.js";
import { h } from "./dom.js";
import { count, fixed, number, plural, share } from "./format.js";
import { copyLink } from "./keys.js";
import { effectLists, readView, statistics, viewTools } from "./page_latent.js";
import { passageView } from "./passage.js";
import { go, link, saePath } from "./router.js";

const sae = (name) => `/saes/${encodeURIComponent(name)}`;
const pairPath = (a, b, i, j) => `/c/${encodeURIComponent(a)}/${encodeURIComponent(b)}/f/${i}/${j}`;
const carried = (query) => ({ ctx: query.get("ctx"), nl: query.get("nl"), v: query.get("v") });

function linkFigures(l, tokens) {
  return h("dl", { class: "figures" }, [
    ["Decoder cosine", fixed(l.cosine, 3), l.mutual ? "each is the other's nearest" : "of the decoder rows"],
    ["Pearson", fixed(l.pearson, 3), "of their activations"],
    ["Jaccard", fixed(l.jaccard, 3), "both fire over either fires"],
    ["Fire together", count(l.both), l.both === null ? "" : `on ${share(l.both, tokens)} of tokens`],
  ].map(([name, value, note]) => h("div", {}, h("dt", {}, name), h("dd", {}, value, h("small", {}, note)))));
}

// Where the tokens shown are active: counts of both, of the first alone and of the second alone.
function agreement(examples, others) {
  let both = 0, first = 0, second = 0;
  examples.forEach((example, i) => {
    const a = new Set(example.passage.acts.map(([at]) => at)), b = new Set(others[i].map(([at]) => at));
    for (const at of a) if (b.has(at)) both++;
    else first++;
    for (const at of b) if (!a.has(at)) second++;
  });
  return { both, first, second };
}

function sharedRow(example, others, maxima, view) {
  const options = { peak: example.row, breaks: view.breaks, values: view.values, line: view.ctx === "1" && !view.breaks };
  return h("li", { class: "shared", id: `r${example.row}` },
    h("span", { class: "peak" }, number(example.value, 3)),
    passageView(example.passage, { ...options, max: maxima[0], peakValue: example.value }),
    others.map((acts, i) => {
      const at = acts?.find(([offset]) => offset === example.row - example.passage.first)?.[1] ?? 0;
      return [
        h("span", { class: "peak second" }, acts ? number(at, 3) : "\u2013"),
        h("div", { class: "second" }, passageView({ ...example.passage, acts: acts ?? [] }, { ...options, max: maxima[i + 1] || 1, peakValue: at })),
      ];
    }));
}

function column(name, latent, tokens, info, tone) {
  return h("section", { class: `card ${tone}` },
    h("p", { class: "eyebrow" }, name),
    h("h2", {}, h("a", { href: `/s/${encodeURIComponent(name)}/f/${latent.id}` }, `Latent ${latent.id}`), latent.dead ? [" ", h("span", { class: "tag warn" }, "dead")] : null),
    statistics(latent, tokens, info),
    latent.logits ? effectLists({ boosted: latent.logits.boosted.slice(0, 6), suppressed: latent.logits.suppressed.slice(0, 6) }) : null);
}

function crumbs(a, b, last) {
  return h("nav", { class: "crumbs", "aria-label": "Path" }, h("a", { href: "/" }, "SAEs"), "\u203A",
    a === b ? h("a", { href: saePath(a) }, a) : h("a", { href: `/c/${encodeURIComponent(a)}/${encodeURIComponent(b)}` }, `${a} and ${b}`), "\u203A", h("span", {}, last));
}

// Any other latent of any SAE in the place of the second.
function picker(saes, a, b, i, j, state) {
  const which = h("select", { id: "other-sae" }, saes.map((s) => h("option", { value: s.name }, s.name)));
  which.value = b;
  const most = () => saes.find((s) => s.name === which.value).n - 1;
  const latent = h("input", { id: "other-latent", class: "short", type: "number", min: 0, max: most(), required: true, value: j });
  which.addEventListener("change", () => { latent.max = most(); });
  const form = h("form", { class: "row noprint", id: "beside" },
    h("label", { class: "field" }, "Beside it, of", which), h("label", { class: "field" }, "latent", latent), h("button", { type: "submit" }, "Show"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go(link(pairPath(a, which.value, i, Number(latent.value)), state));
  });
  return form;
}

// What the lower lines are, or why there are none.
function sharedNote(pair, i, j, counts, encode) {
  if (!counts) return h("p", { class: "notice" }, `The database keeps what another SAE's latents do here for the three nearest only, and ${j} is none of them. `,
    encode.available ? "" : ["Started with ", h("code", {}, "--model DIR"), ", the server works it out for any two latents."]);
  return h("p", { class: "muted small" }, `The strongest texts of ${i}. Of the tokens shown, ${count(counts.both)} fire both, ${count(counts.first)} only ${i}, ${count(counts.second)} only ${j}. `,
    pair.live ? "The lower lines were made by the model just now." : "");
}

export async function pairPage([a, b, i, j], query) {
  const view = readView(query);
  const [first, second, pair, { database: db, encode }, infoA, infoB, { items: saes }] = await Promise.all([
    get(latentPath(a, i), { around: 0 }), get(latentPath(b, j), { around: 0 }),
    get(`${latentPath(a, i)}/pair/${encodeURIComponent(b)}/${j}`, { around: view.around }), get("/meta"), get(sae(a)), get(sae(b)), get("/saes")]);
  const tools = viewTools(view), state = carried(query);
  const near = (a === b ? first.neighbours.by_cosine : first.matches.find((m) => m.sae === b)?.by_cosine) ?? [];
  const counts = pair.others ? agreement(pair.examples, pair.others) : null;
  const swap = () => go(link(pairPath(b, a, j, i), state));
  const nextNearest = near[(near.findIndex((l) => l.latent === second.id) + 1) % Math.max(1, near.length)];
  return {
    title: `${i} of ${a} and ${j} of ${b}`,
    content: [
      crumbs(a, b, `${i} and ${j}`),
      h("div", { class: "head" }, h("h1", {}, "Two latents, side by side"),
        h("div", { class: "row noprint" },
          near.length > 1 ? h("a", { class: "button", id: "next-nearest", href: link(pairPath(a, b, i, nextNearest.latent), state) }, `Next nearest of ${b}`) : null,
          h("button", { type: "button", id: "swap", click: swap, title: "x" }, "Swap"))),
      picker(saes, a, b, i, j, state),
      linkFigures(pair.link, db.tokens),
      h("div", { class: "two" }, column(a, first, db.tokens, infoA, "first"), column(b, second, db.tokens, infoB, "second-card")),
      h("div", { class: "head" }, h("h2", {}, "On the same texts"), pair.examples.length ? tools.tools : null),
      counts ? h("ul", { class: "legend" }, h("li", {}, h("i", { "aria-hidden": "true" }), `upper line: ${i} of ${a}`), h("li", {}, h("i", { class: "s2", "aria-hidden": "true" }), `lower line: ${j} of ${b}`)) : null,
      sharedNote(pair, i, j, counts, encode),
      h("ol", { class: "texts" }, pair.examples.map((e, n) => sharedRow(e, counts ? [pair.others[n]] : [], [first.max, second.max], view))),
    ],
    keys: { x: { does: "swap the two", run: swap }, ...tools.keys, c: { does: "copy a link to this view", run: copyLink } },
  };
}

export async function nearestPage([a, b, i], query) {
  const view = readView(query);
  const [latent, nearest, { database: db }, info] = await Promise.all([
    get(latentPath(a, i), { around: 0 }), get(`${latentPath(a, i)}/nearest/${encodeURIComponent(b)}`, { around: view.around }), get("/meta"), get(sae(a))]);
  const others = await Promise.all(nearest.items.map((item) => get(latentPath(b, item.link.latent), { around: 0 })));
  const tools = viewTools(view);
  const best = nearest.items[0]?.link.cosine;
  return {
    title: `${i} of ${a} beside its nearest of ${b}`,
    content: [
      crumbs(a, b, `${i} and its nearest`),
      h("h1", {}, `Latent ${i} of ${a} beside its nearest in ${b}`),
      best === undefined ? h("p", { class: "notice" }, "This database holds no matches of this latent there.") : h("p", { class: "lead" }, `The decoder direction that is closest has a cosine of ${fixed(best, 3)}. `,
        best < 0.7 ? "By the usual rule, a maximum below 0.7, this latent is novel: the other SAE has no such direction." : "By the usual rule, a maximum below 0.7, it is not novel."),
      h("div", { class: "nearest" }, column(a, latent, db.tokens, info, "first"),
        h("div", { class: "stack" }, nearest.items.map((item, n) => h("section", { class: "card" },
          h("p", { class: "eyebrow" }, b),
          h("h2", {}, h("a", { href: pairPath(a, b, i, item.link.latent) }, `Latent ${item.link.latent}`), " ", h("span", { class: "tag" }, `cosine ${fixed(item.link.cosine, 3)}`)),
          h("p", { class: "small muted" }, `Pearson ${fixed(item.link.pearson, 3)}, together on ${plural(item.link.both, "token")}; fires on ${share(others[n].n_active, db.tokens)}.`),
          others[n].logits ? h("ul", { class: "links" }, h("li", { class: "several" }, h("span", { class: "small" }, "boosts"), others[n].logits.boosted.slice(0, 4).map((e) => h("span", { class: "tok boost" }, e.text)))) : null)))),
      h("div", { class: "head" }, h("h2", {}, `The strongest texts of ${i}`), nearest.examples.length ? tools.tools : null),
      h("p", { class: "muted small" }, `Upper line: ${i} of ${a}; below it ${nearest.items.map((item) => item.link.latent).join(", ")} of ${b}.`),
      h("ol", { class: "texts" }, nearest.examples.map((e, n) => sharedRow(e, nearest.items.map((item) => item.others?.[n] ?? null), [latent.max, ...others.map((o) => o.max)], view))),
    ],
    keys: { ...tools.keys, c: { does: "copy a link to this view", run: copyLink } },
  };
}

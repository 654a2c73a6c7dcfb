"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const list = document.getElementById("list"), main = document.getElementById("main"), find = document.getElementById("find");
  const key = f => "#f/" + data.saes[f.s].name + "/" + f.i;
  const node = (tag, attributes, ...children) => {
    const e = document.createElement(tag);
    for (const [k, v] of Object.entries(attributes || {})) if (v !== null) e.setAttribute(k, v);
    e.append(...children);
    return e;
  };
  const draw = (tag, attributes, text) => {
    const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    if (text !== undefined) e.textContent = text;
    return e;
  };
  const number = (v, digits = 3) => v === null ? "–" : String(Number(Number(v).toPrecision(digits)));
  const fixed = v => v === null ? "–" : v.toFixed(3);
  const count = v => v.toLocaleString("en-US");
  const word = id => { const w = data.words[id]; return Array.isArray(w) ? w[0] : w; };
  const shown = id => word(id).replace(/\n/g, "⏎");

  const bars = (counts, lo, hi, name, what) => {
    const w = 300, h = 90, top = Math.max(...counts, 1), step = w / counts.length;
    const svg = draw("svg", { viewBox: `0 0 ${w} ${h + 18}`, role: "img", "aria-label": name });
    counts.forEach((c, b) => c && svg.append(draw("rect", { class: what, x: (b * step).toFixed(2), y: (h - Math.max(1, h * Math.sqrt(c / top))).toFixed(2), width: Math.max(.5, step - .6).toFixed(2), height: Math.max(1, h * Math.sqrt(c / top)).toFixed(2) })));
    svg.append(draw("line", { class: "ax", x1: 0, x2: w, y1: h, y2: h }), draw("text", { x: 0, y: h + 13 }, number(lo)), draw("text", { x: w, y: h + 13, "text-anchor": "end" }, number(hi)));
    return svg;
  };

  const passage = (example, max) => {
    const [value, peak, , , ids, acts] = example, text = node("span", { class: "x" });
    const at = new Map();
    for (let k = 0; k < acts.length; k += 2) at.set(acts[k], acts[k + 1]);
    ids.forEach((id, p) => {
      const w = data.words[id], bad = Array.isArray(w), v = at.get(p) || 0;
      const shade = v > 0 && max > 0 ? Math.max(1, Math.min(16, Math.round(16 * v / max))) : 0;
      const names = [shade && "a" + shade, p === peak && "pk", bad && "bad"].filter(Boolean).join(" ");
      const piece = node("bdi", { class: names || null, title: v > 0 ? number(v, 4) : null });
      const parts = word(id).split("\n");
      parts.forEach((part, k) => { if (k) piece.append(node("span", { class: "nl" }, "⏎")); piece.append(part); });
      text.append(piece);
    });
    return node("div", { class: "t" }, node("b", {}, number(value)), text);
  };

  const effects = (pairs, sign, name) => {
    const rows = pairs.map(([id, v]) => node("tr", {}, node("td", {}, node("code", { class: sign }, node("bdi", {}, shown(id)))), node("td", { class: "n " + sign }, (v > 0 ? "+" : "") + number(v))));
    return node("div", {}, node("h2", {}, name), node("table", {}, ...rows));
  };

  const links = (name, rows) => node("div", {}, node("h2", {}, name), node("table", {}, ...rows.map(([s, i, cosine, pearson]) => {
    const there = data.latents.find(f => f.s === s && f.i === i);
    const label = data.saes[s].name + " " + i;
    return node("tr", {}, node("td", {}, there ? node("a", { href: key(there) }, label) : label), node("td", { class: "n" }, "cos " + fixed(cosine)), node("td", { class: "n" }, "r " + fixed(pearson)));
  })));

  const kinds = { top: "Most active texts", interval: "Activations from", random: "Random firings", near_miss: "Near misses: largest pre-activations that did not fire" };
  const group = (g, f) => {
    const [kind, lo, hi, population, examples] = g;
    const share = population ? ` ${count(population)} firings, ${number(100 * population / f.n)}%` : "";
    const title = kind === "interval" ? `${kinds[kind]} ${number(lo)} to ${number(hi)}` : kinds[kind];
    return [node("h2", {}, title, node("span", {}, share)), ...examples.map(e => passage(e, f.max))];
  };

  const show = f => {
    const s = data.saes[f.s], parts = [];
    parts.push(node("h1", {}, "Latent " + f.i), node("div", { class: "m" }, `${s.name} · ${s.arch}, ${count(s.n)} latents · ${data.hook || "activations"} of ${data.model || "a language model"}`));
    if (f.dead) parts.push(node("p", {}, `Dead: it never fired on ${count(data.tokens)} tokens.`));
    const facts = { "fires on": f.dead ? "0 tokens" : `${count(f.n)} tokens (${number(100 * f.n / data.tokens)}%)`, maximum: number(f.max), mean: number(f.mean), median: number(f.p50), "99th percentile": number(f.p99) };
    parts.push(node("dl", {}, ...Object.entries(facts).map(([k, v]) => node("div", {}, node("dt", {}, k), node("dd", {}, v)))));
    const strip = node("div", { class: "row" });
    const plots = node("div", { class: "w" });
    if (f.h.length) plots.append(node("h2", {}, "Activations", node("span", {}, " square root of the count")), bars(f.h, 0, f.max, "Histogram of activations", "b"));
    if (f.e.length) plots.append(node("h2", {}, "Effect on all output tokens"), bars(f.e[2], f.e[0], f.e[1], "Histogram of effects on output tokens", "ef"));
    strip.append(plots);
    if (f.up.length) strip.append(effects(f.up, "up", "Boosts"), effects(f.dn, "dn", "Suppresses"));
    parts.push(strip);
    const side = node("div", { class: "row" });
    if (f.nb.length) side.append(links("Nearest latents of this SAE", f.nb));
    if (f.mt.length) side.append(links("Nearest in the other SAEs", f.mt));
    parts.push(...f.g.flatMap(g => group(g, f)), side);
    parts.push(node("footer", {}, `${data.program}, database ${data.build}. "Fires" means a positive activation in the SAE's inference form.`));
    main.replaceChildren(...parts);
    document.title = `Latent ${f.i} of ${s.name}`;
    for (const a of list.querySelectorAll("a")) a.getAttribute("href") === key(f) ? a.setAttribute("aria-current", "true") : a.removeAttribute("aria-current");
    const current = list.querySelector("[aria-current]");
    if (current) current.scrollIntoView({ block: "nearest" });
    window.scrollTo(0, 0);
  };

  const several = new Set(data.latents.map(f => f.s)).size > 1;
  let visible = data.latents;
  const fill = () => {
    const wanted = find.value.trim().toLowerCase();
    visible = data.latents.filter(f => !wanted || String(f.i) === wanted || (f.w !== null && word(f.w).toLowerCase().includes(wanted)) || data.saes[f.s].name.toLowerCase().includes(wanted));
    list.replaceChildren(...visible.map(f => node("li", {}, node("a", { href: key(f) }, (several ? data.saes[f.s].name + " " : "") + f.i, node("small", {}, f.w === null ? "dead" : node("bdi", {}, shown(f.w)))))));
  };
  const route = () => show(data.latents.find(f => key(f) === decodeURIComponent(location.hash)) || data.latents[0]);
  const step = by => {
    const here = visible.findIndex(f => key(f) === decodeURIComponent(location.hash || key(data.latents[0])));
    const next = visible[Math.min(Math.max(here + by, 0), visible.length - 1)];
    if (next) location.hash = key(next);
  };
  find.addEventListener("input", fill);
  addEventListener("hashchange", route);
  addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input")) return;
    if (e.key === "j") step(1);
    if (e.key === "k") step(-1);
    if (e.key === "/") { e.preventDefault(); find.focus(); }
  });
  fill();
  route();
})();

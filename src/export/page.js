"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = id => document.getElementById(id);
  const list = at("list"), main = at("main"), find = at("find"), keys = at("keys"), say = at("say");

  const add = (e, attributes, children) => {
    for (const [k, v] of Object.entries(attributes)) if (v !== null) e.setAttribute(k, v);
    e.append(...children.flat(9).filter(c => c !== null && c !== undefined));
    return e;
  };
  const h = (tag, attributes, ...children) => add(document.createElement(tag), attributes, children);
  const s = (tag, attributes, ...children) => add(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  // ---- numbers and words
  const number = (v, digits = 3) => {
    if (v === null || v === undefined) return "\u2013";
    if (v === 0) return "0";
    const size = Math.abs(v), decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
    const text = size >= 1e6 || size < 1e-4 ? v.toExponential(digits - 2).replace("e+", "e") : v.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    return text.replace(/^-/, "\u2212");
  };
  const tick = v => String(Number(v.toPrecision(3))).replace(/^-/, "\u2212");
  const count = v => v.toLocaleString("en");
  const plural = (n, one) => `${count(n)} ${one}${n === 1 ? "" : "s"}`;
  const share = (part, whole) => {
    const percent = 100 * part / whole;
    return percent >= .01 || !part ? `${number(percent)}%` : `1 in ${count(Math.round(whole / part))}`;
  };
  const signed = v => (v > 0 ? "+" : "") + (v === null ? "\u2013" : v.toFixed(2).replace(/^-/, "\u2212"));
  const KINDS = { relu: "ReLU", topk: "TopK", batchtopk: "BatchTopK", jumprelu: "JumpReLU", matryoshka: "Matryoshka" };

  // Characters that cannot be seen, or that turn the text around them, are shown as marks.
  const HIDDEN = /[\u0000-\u001F\u007F-\u009F\u00AD\u061C\u200B-\u200F\u2028-\u202F\u2060-\u206F\uFEFF\uFFF9-\uFFFB]/u;
  const MARKS = { "\n": "\u23CE", "\r": "\u240D", "\t": "\u21E5", "\u00AD": "\u2010" };
  const markOf = c => MARKS[c] || (c < " " ? String.fromCodePoint(0x2400 + c.codePointAt(0)) : "U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0"));
  // A word is its text; [text]: bytes that are no UTF-8 are written out; [text, 1]: a special token.
  const word = id => { const w = data.words[id]; return Array.isArray(w) ? w[0] : w; };
  const broken = id => Array.isArray(data.words[id]) && data.words[id].length === 1;
  const special = id => Array.isArray(data.words[id]) && data.words[id].length === 2;
  const quoted = id => Array.from(word(id).replace(/^ +| +$/g, b => "\u00B7".repeat(b.length)), c => HIDDEN.test(c) ? markOf(c) : c).join("");
  const token = (id, style = "") => h("bdi", { class: `tok ${style}` }, quoted(id));

  // ---- a hint over a token, which is read out too
  let hint = null;
  const hide = () => { hint?.remove(); hint = null; };
  const show = (span, ...lines) => {
    hide();
    hint = h("div", { id: "hint" }, lines);
    document.body.append(hint);
    const box = span.getBoundingClientRect(), size = hint.getBoundingClientRect();
    hint.style.left = `${Math.max(8, Math.min(box.left + box.width / 2 - size.width / 2, document.documentElement.clientWidth - size.width - 8)) + scrollX}px`;
    hint.style.top = `${(box.top < size.height + 10 ? box.bottom + 7 : box.top - size.height - 7) + scrollY}px`;
  };
  addEventListener("scroll", hide, { passive: true });

  // ---- texts
  const passage = ([value, peak, , , ids, acts, cut], max) => {
    const values = new Map();
    for (let k = 0; k < acts.length; k += 2) values.set(acts[k], acts[k + 1]);
    const spans = ids.map((id, p) => {
      const v = values.get(p) || 0, level = v > 0 && max > 0 ? Math.max(1, Math.min(16, Math.round(16 * Math.log10(1 + 9 * v / max)))) : 0;
      const parts = special(id) ? [h("span", { class: "mark" }, "\u00B6")]
        : HIDDEN.test(word(id)) ? Array.from(word(id), c => HIDDEN.test(c) ? h("span", { class: "mark" }, markOf(c)) : c) : [word(id)];
      return h("span", { class: ["t", level && "a" + level, p === peak && "pk", broken(id) && "bad"].filter(Boolean).join(" ") }, parts);
    });
    const dots = there => there ? h("span", { class: "cut", "aria-hidden": "true" }, "\u2026") : null;
    const view = h("div", { class: "passage", role: "group", tabindex: 0, "aria-label": `${number(value)} at \u201C${quoted(ids[peak])}\u201D, token ${peak + 1} of the ${ids.length} shown` },
      dots(cut & 1), spans, dots(cut & 2));
    const about = p => [h("b", {}, quoted(ids[p])), values.get(p) ? ` \u00B7 activation ${number(values.get(p), 4)}` : " \u00B7 not active"];
    let cursor = -1;
    const firing = step => {
      for (let p = cursor + step; p >= 0 && p < ids.length; p += step) if (values.get(p)) return p;
      return cursor;
    };
    view.addEventListener("keydown", e => {
      const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -ids.length, End: ids.length };
      if (!moves[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
      e.preventDefault();
      spans[cursor]?.classList.remove("here");
      cursor = cursor < 0 && Math.abs(moves[e.key]) === 1 ? peak : e.shiftKey ? firing(Math.sign(moves[e.key])) : Math.max(0, Math.min(ids.length - 1, cursor + moves[e.key]));
      spans[cursor].classList.add("here");
      show(spans[cursor], about(cursor));
      say.textContent = hint.textContent;
    });
    view.addEventListener("blur", () => { spans[cursor]?.classList.remove("here"); cursor = -1; hide(); });
    view.addEventListener("pointerover", e => { const p = spans.indexOf(e.target.closest(".t")); if (p >= 0) show(spans[p], about(p)); });
    view.addEventListener("pointerleave", hide);
    return view;
  };

  const NAMES = { top: () => "Strongest", interval: (lo, hi) => `${number(lo)} to ${number(hi)}`, near_miss: () => "Near misses" };
  const NOTES = {
    top: (n, f) => `of ${plural(n, "token")} on which it fires (${share(f.n, data.tokens)} of all), one for each text`,
    interval: (n, f) => `${plural(n, "firing")}, ${share(n, f.n)} of all`,
    near_miss: () => "the largest pre-activations that did not fire",
  };
  const group = ([kind, lo, hi, population, examples], f) => h("section", { class: `group ${kind === "near_miss" ? "near" : ""}` },
    h("header", {}, h("h3", {}, NAMES[kind](lo, hi)), h("span", {}, NOTES[kind](population, f))),
    h("ol", { class: "texts" }, examples.map(e => h("li", {}, h("span", { class: "peak" }, number(e[0])), passage(e, f.max ?? 0),
      h("span", { class: "more" }, e[3] ? `+${count(e[3])} in this text` : "")))));

  // ---- drawings
  const ticksOf = (lo, hi) => {
    const raw = (hi - lo) / 4, power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].map(m => m * power).find(t => t >= raw * .99), out = [];
    for (let k = Math.ceil(lo / step - 1e-9); k * step <= hi + step * 1e-6; k++) out.push(k * step);
    return out;
  };
  const histogram = (title, note, counts, lo, hi, styleOf) => {
    const W = main.clientWidth < 700 ? 320 : 460, left = 42, right = W - 8, top = 8, bottom = 116;
    const level = n => n > 0 ? Math.log10(n) + .3 : 0, most = level(Math.max(1, ...counts));
    const x = v => left + (v - lo) / (hi - lo) * (right - left), y = n => bottom - level(n) / most * (bottom - top);
    const edge = b => lo + (hi - lo) * b / counts.length;
    const svg = s("svg", { viewBox: `0 0 ${W} 138`, role: "img", "aria-label": `${title}: ${note}` });
    for (let n = 1; level(n) <= most; n *= 10) svg.append(s("line", { class: "grid", x1: left, x2: right, y1: y(n), y2: y(n) }), s("text", { x: left - 6, y: y(n) + 4, "text-anchor": "end" }, count(n)));
    counts.forEach((n, b) => n && svg.append(s("rect", { class: `bar ${styleOf(edge(b), edge(b + 1))}`, x: x(edge(b)).toFixed(2), width: (Math.max(1, (right - left) / counts.length - 1)).toFixed(2), y: y(n).toFixed(2), height: (bottom - y(n)).toFixed(2) }, s("title", {}, `${tick(edge(b))} to ${tick(edge(b + 1))}: ${count(n)}`))));
    svg.append(s("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
    for (const t of ticksOf(lo, hi)) svg.append(s("text", { x: x(t).toFixed(1), y: bottom + 15, "text-anchor": "middle" }, tick(t)));
    const cell = v => h("td", {}, v);
    return h("figure", {}, h("h2", { class: "sub" }, title), svg, h("figcaption", {}, note), h("details", {}, h("summary", {}, "Show the numbers"),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `numbers: ${title}` }, h("table", {}, h("thead", {}, h("tr", {}, ["from", "to", "count"].map(t => h("th", { scope: "col" }, t)))),
        h("tbody", {}, counts.map((n, b) => h("tr", {}, cell(number(edge(b))), cell(number(edge(b + 1))), cell(count(n)))))))));
  };
  const effects = (pairs, style, name) => h("section", {}, h("h2", { class: "sub" }, name), h("ol", { class: "list" }, pairs.map(([id, v]) => h("li", {}, h("span", { class: `n ${style}` }, signed(v)), token(id, style)))));

  // ---- one latent
  const key = f => `#f/${encodeURIComponent(data.saes[f.s].name)}/${f.i}`;
  const byKey = new Map(data.latents.map(f => [key(f), f]));
  const meter = v => s("svg", { class: "meter", viewBox: "0 0 54 6", preserveAspectRatio: "none", "aria-hidden": "true" }, s("rect", { class: "all", width: 54, height: 6 }), s("rect", { class: "bar", width: 54 * Math.max(0, Math.min(1, v)), height: 6 }));
  const links = (name, rows) => rows.length ? h("section", {}, h("h2", { class: "sub" }, name), h("ul", { class: "list links" }, rows.map(([sae, i, cosine]) => {
    const there = byKey.get(key({ s: sae, i }));
    return h("li", {}, there ? h("a", { href: key(there) }, i) : h("span", {}, i), meter(cosine), h("span", { class: "n" }, cosine.toFixed(3).replace(/^-/, "\u2212")));
  }))) : null;
  const fact = (name, value, note) => h("div", {}, h("dt", {}, name), h("dd", {}, value, note ? h("small", {}, note) : null));

  let visible = data.latents, shown = null;
  const pager = f => {
    const here = visible.indexOf(f), go = (to, text) => to ? h("a", { href: key(to) }, text) : null;
    return here < 0 ? null : h("div", { class: "step" }, `${count(here + 1)} of ${count(visible.length)}`, go(visible[here - 1], "\u2190 Back"), go(visible[here + 1], "Next \u2192"));
  };
  const draw = f => {
    const sae = data.saes[f.s], others = new Map();
    for (const m of f.mt) others.set(m[0], [...(others.get(m[0]) || []), m]);
    const above = f.p50 === null ? "" : `Half of its ${plural(f.n, "firing")} are above ${number(f.p50)}, one in a hundred above ${number(f.p99)}.`;
    main.replaceChildren(
      h("div", { class: "head" }, h("div", {}, h("p", { class: "eyebrow" }, `${sae.name} \u00B7 ${KINDS[sae.arch] || sae.arch} with ${count(sae.n)} latents`), h("h1", {}, `Latent ${f.i}`)), pager(f)),
      f.dead ? h("p", { class: "notice" }, `Dead: it never fired on ${count(data.tokens)} tokens.`)
        : h("dl", { class: "figures" }, fact("Fires on", share(f.n, data.tokens), plural(f.n, "token")), fact("Maximum", number(f.max, 4)), fact("Mean", number(f.mean, 4)), fact("Median", number(f.p50, 4)), fact("99%", number(f.p99, 4))),
      ...(f.up.length || f.h.length || f.e.length ? [h("div", { class: "card" },
        f.up.length ? h("div", { class: "two effects" }, effects(f.up, "up", "Boosts \u2191"), effects(f.dn, "down", "Suppresses \u2193")) : null,
        h("div", { class: "two charts" },
          f.h.length ? histogram("Activations", above, f.h, 0, f.max, () => "") : null,
          f.e.length ? histogram("Effect on output tokens", "Logits per unit of activation, over the whole vocabulary.", f.e[2], f.e[0], f.e[1], (lo, hi) => lo + hi > 0 ? "up" : "down") : null))] : []),
      h("div", { class: "body" },
        h("div", {}, f.g.length ? h("h2", {}, "Texts") : null, f.g.map(g => group(g, f))),
        h("div", { class: "side" }, links("Nearest by decoder cosine", f.nb), [...others].map(([other, rows]) => links(`Nearest in ${data.saes[other].name}`, rows)))),
      h("footer", {}, `${data.hook || "Activations"} of ${data.model || "a language model"}, ${count(data.tokens)} tokens. A latent fires where its activation is positive in the SAE\u2019s inference form. ${data.program}, database ${data.build}.`));
    document.title = `Latent ${f.i} of ${sae.name}`;
    shown = f;
    for (const a of list.querySelectorAll("a")) a.getAttribute("href") === key(f) ? a.setAttribute("aria-current", "page") : a.removeAttribute("aria-current");
    const current = list.querySelector("[aria-current]");
    if (current) list.scrollTop += current.getBoundingClientRect().top - list.getBoundingClientRect().top - list.clientHeight / 3;
  };

  // ---- the list and where one is
  const several = new Set(data.latents.map(f => f.s)).size > 1;
  const fill = () => {
    const wanted = find.value.trim().toLowerCase();
    const fits = f => !wanted || String(f.i) === wanted || (f.w !== null && word(f.w).toLowerCase().includes(wanted)) || data.saes[f.s].name.toLowerCase().includes(wanted);
    visible = data.latents.filter(fits);
    list.replaceChildren(...visible.map(f => h("li", {}, h("a", { href: key(f), "aria-current": f === shown ? "page" : null }, h("span", { class: "name" }, f.i, several ? h("small", {}, data.saes[f.s].name) : null), f.w === null ? h("span", { class: "muted" }, "dead") : token(f.w)))));
    at("found").textContent = visible.length === data.latents.length ? plural(visible.length, "latent") : `${count(visible.length)} of ${plural(data.latents.length, "latent")}`;
  };
  const route = () => {
    hide();
    draw(byKey.get(location.hash) || data.latents[0]);
    scrollTo(0, 0);
  };
  const step = by => {
    const here = visible.indexOf(shown), to = visible[here < 0 ? 0 : here + by];
    if (to) location.hash = key(to);
  };
  find.addEventListener("input", () => { fill(); main.querySelector(".step")?.replaceWith(pager(shown) || ""); });
  find.addEventListener("keydown", e => {
    if (e.key === "Enter" && visible.length) location.hash = key(visible[0]);
    if (e.key === "Escape") { find.value = ""; fill(); main.focus(); }
  });
  document.querySelector(".skip").addEventListener("click", e => { e.preventDefault(); main.focus(); });
  addEventListener("hashchange", route);
  addEventListener("keydown", e => {
    if (e.key === "Escape") hide();
    if (!keys.checked || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input")) return;
    if (e.key === "j") step(1);
    if (e.key === "k") step(-1);
    if (e.key === "/") { e.preventDefault(); find.focus(); }
  });
  at("origin").textContent = [data.hook, data.model].filter(Boolean).join(" \u00B7 ");
  document.body.className = "on";
  fill();
  route();
})();

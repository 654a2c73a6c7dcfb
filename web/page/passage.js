// A text whose tokens are shaded by activation. One tab stop for each text: arrows move over its tokens, and what the
// token under the cursor or the pointer is stands in a small hint and is read out.
import { announce, h } from "./dom.js";
import { HIDDEN, hiddenMark, number, quoted } from "./format.js";

const SHADES = 16;
let hint = null;
let owner = null;

// The shade of a share of the maximum, steeper at the low end so that weak firings can be seen.
export function shade(ratio) {
  if (!(ratio > 0)) return 0;
  return Math.max(1, Math.min(SHADES, Math.round(SHADES * Math.log10(1 + 9 * ratio))));
}

const DOCUMENT = "\u00B6";

function visible({ text, special }, breaks) {
  if (special) return h("span", { class: "mark" }, DOCUMENT);
  if (!HIDDEN.test(text)) return text;
  const parts = [];
  for (const character of text) {
    if (!HIDDEN.test(character)) parts.push(character);
    else parts.push(h("span", { class: "mark" }, hiddenMark(character)), character === "\n" && breaks ? "\n" : "");
  }
  return parts;
}

// Tokens that show one character together are one piece; its activation is the largest of theirs.
function pieces(passage) {
  const acts = new Map(passage.acts), special = new Set(passage.special);
  const out = [];
  passage.text.forEach((text, i) => {
    const value = acts.get(i) ?? 0;
    if (text === null && out.length > 0) {
      const last = out.at(-1);
      last.value = Math.max(last.value, value);
      last.tokens.push(i);
    } else {
      out.push({ text: text ?? "", value, tokens: [i], at: i, special: special.has(i) });
    }
  });
  return out;
}

function hideHint() {
  hint?.remove();
  hint = null;
  owner = null;
}

function placeHint() {
  const box = owner.getBoundingClientRect(), size = hint.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left + box.width / 2 - size.width / 2, innerWidth - size.width - 8));
  const top = box.top - size.height - 8 < 60 ? box.bottom + 8 : box.top - size.height - 8;
  hint.style.left = `${left + scrollX}px`;
  hint.style.top = `${top + scrollY}px`;
}

function showHint(span, lines) {
  hideHint();
  owner = span;
  hint = h("div", { class: "hint", role: "presentation" }, lines);
  document.body.append(hint);
  placeHint();
}

// Moving the cursor can scroll the page, and so can the wheel under the pointer: the hint of a token that is still meant
// goes with it.
function followHint() {
  if (owner?.matches(".here, :hover")) placeHint();
  else hideHint();
}

addEventListener("keydown", (event) => event.key === "Escape" && hideHint());
addEventListener("scroll", followHint, { passive: true, capture: true });
addEventListener("popstate", hideHint);

// options: {max: largest activation of the latent, peak: row of the peak, breaks, values, line, what: "activation"}
export function passageView(passage, options) {
  const list = pieces(passage);
  const peak = options.peak === undefined ? -1 : options.peak - passage.first;
  const spans = list.map((piece) => {
    const level = shade(piece.value / options.max);
    const isPeak = piece.tokens.includes(peak);
    return h("span", { class: `t${level ? ` a${level}` : ""}${isPeak ? " peak" : ""}` }, visible(piece, options.breaks),
      options.values && piece.value > 0 ? h("span", { class: "val" }, number(piece.value, 3)) : null);
  });
  const peakPiece = list.find((piece) => piece.tokens.includes(peak));
  const label = peakPiece
    ? `${number(options.peakValue ?? peakPiece.value, 3)} at \u201C${quoted(peakPiece.text)}\u201D, token ${peak + passage.before + 1} of ${passage.before + passage.text.length + passage.after}`
    : `text of ${passage.text.length} tokens`;
  const view = h("div", {
    class: `passage${options.line ? " line" : ""}`,
    role: "group",
    tabindex: 0,
    "aria-label": label,
  },
  passage.before > 0 ? h("span", { class: "cut", "aria-hidden": "true" }, "\u2026") : null,
  spans,
  passage.after > 0 ? h("span", { class: "cut", "aria-hidden": "true" }, "\u2026") : null);

  let cursor = -1;
  const describe = (i) => {
    const piece = list[i];
    const value = piece.value > 0 ? `${options.what ?? "activation"} ${number(piece.value)}` : "not active";
    return [h("b", {}, quoted(piece.text)), ` \u00B7 ${value} \u00B7 position ${piece.at + passage.before}`];
  };
  const move = (to) => {
    spans[cursor]?.classList.remove("here");
    cursor = Math.max(0, Math.min(list.length - 1, to));
    spans[cursor].classList.add("here");
    spans[cursor].scrollIntoView({ block: "nearest", inline: "nearest" });
    showHint(spans[cursor], describe(cursor));
    announce(`${quoted(list[cursor].text)}, ${list[cursor].value > 0 ? number(list[cursor].value) : "not active"}`);
  };
  const firing = (from, step) => {
    for (let i = from + step; i >= 0 && i < list.length; i += step) if (list[i].value > 0) return i;
    return from;
  };
  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || list.length === 0) return;
    const at = cursor < 0 ? Math.max(0, list.findIndex((piece) => piece.tokens.includes(peak))) : cursor;
    const moves = {
      ArrowLeft: () => (cursor < 0 ? at : event.shiftKey ? firing(at, -1) : at - 1),
      ArrowRight: () => (cursor < 0 ? at : event.shiftKey ? firing(at, 1) : at + 1),
      Home: () => 0,
      End: () => list.length - 1,
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    move(moves[event.key]());
  });
  view.addEventListener("blur", () => {
    spans[cursor]?.classList.remove("here");
    cursor = -1;
    hideHint();
  });
  view.addEventListener("pointerover", (event) => {
    const i = spans.indexOf(event.target.closest(".t"));
    if (i >= 0 && owner !== spans[i]) showHint(spans[i], describe(i));
  });
  view.addEventListener("pointerleave", hideHint);
  return view;
}

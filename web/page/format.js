// Numbers and texts as people read them.

const MINUS = "\u2212";

function signed(text) {
  return text.replace(/^-/, MINUS);
}

// Four significant digits, as the command line prints; a dash for what is not known. In a column of numbers zeros at the
// end keep the places in line; on an axis they are left out.
export function number(value, digits = 4, trimmed = Number.isInteger(value)) {
  if (value === null || value === undefined || Number.isNaN(value)) return "\u2013";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return signed(value.toExponential(Math.max(digits - 2, 0)).replace("e+", "e"));
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return signed(value.toLocaleString("en", { minimumFractionDigits: trimmed ? 0 : decimals, maximumFractionDigits: decimals }));
}

export const tick = (value) => number(value, 4, true);

export function fixed(value, decimals) {
  return value === null || value === undefined || Number.isNaN(value) ? "\u2013" : signed(value.toFixed(decimals));
}

export function plus(value, decimals = 2) {
  const text = fixed(value, decimals);
  return value > 0 ? "+" + text : text;
}

export function count(value) {
  return value === null || value === undefined ? "\u2013" : value.toLocaleString("en");
}

// A share of tokens: rare latents need more digits than a percentage has.
export function share(part, whole) {
  if (!whole) return "\u2013";
  const percent = (100 * part) / whole;
  if (percent === 0) return "0%";
  if (percent >= 0.01) return number(percent, 3) + "%";
  return "1 in " + count(Math.round(whole / part));
}

export function plural(n, one, many = one + "s") {
  return `${count(n)} ${n === 1 ? one : many}`;
}

// Characters that cannot be seen, or that change how the text around them is laid out, as marks.
const MARKS = new Map([["\n", "\u23CE"], ["\r", "\u240D"], ["\t", "\u21E5"], ["\u00AD", "\u2010"]]);

export function hiddenMark(character) {
  const mark = MARKS.get(character);
  if (mark) return mark;
  const code = character.codePointAt(0);
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

export const HIDDEN = /[\u0000-\u001F\u007F-\u009F\u00AD\u061C\u200B-\u200F\u2028-\u202F\u2060-\u206F\uFEFF\uFFF9-\uFFFB]/u;

// A token as a short quotation: marks for what cannot be seen, and a visible blank at its ends.
export function quoted(text, most = 40) {
  let out = "";
  for (const character of text.replace(/^ +| +$/g, (blanks) => "\u00B7".repeat(blanks.length)))
    out += HIDDEN.test(character) ? hiddenMark(character) : character;
  const points = Array.from(out);
  return points.length > most ? points.slice(0, most - 1).join("") + "\u2026" : out;
}

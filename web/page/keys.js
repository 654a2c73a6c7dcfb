// Keys. They are off while something is typed and with Ctrl, Alt or Meta, and can be switched off altogether.
import { announce, h } from "./dom.js";

const ALWAYS = [
  ["/", "find latents by token, or go to one by number"],
  ["?", "this list"],
];
let pageKeys = {};
let dialog = null;

// keys: {j: {does: "next latent", run}}
export function setPageKeys(keys) {
  pageKeys = keys;
}

function enabled() {
  try {
    return localStorage.getItem("keys") !== "off";
  } catch {
    return true;
  }
}

function setEnabled(on) {
  try {
    localStorage.setItem("keys", on ? "on" : "off");
  } catch {
    // storage may be forbidden: the keys stay on
  }
}

export function openHelp() {
  dialog?.remove();
  const list = [...Object.entries(pageKeys).map(([key, { does }]) => [key, does]), ...ALWAYS,
    ["\u2190 \u2192", "in a text: move over its tokens; with Shift from firing to firing"], ["Esc", "close what is open"]];
  const box = h("input", { type: "checkbox", id: "keys-on", change: (event) => setEnabled(event.target.checked) });
  box.checked = enabled();
  dialog = h("dialog", { "aria-labelledby": "keys-title" },
    h("h2", { id: "keys-title" }, "Keys of this page"),
    h("dl", { class: "keys" }, list.map(([key, does]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)])),
    h("p", {}, h("label", { class: "inline" }, box, "Keys are on")),
    h("form", { method: "dialog" }, h("button", { class: "primary" }, "Close")));
  document.body.append(dialog);
  dialog.showModal();
}

function typing(target) {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target) || dialog?.open) return;
    if (event.key === "?") {
      event.preventDefault();
      openHelp();
      return;
    }
    if (!enabled()) return;
    if (event.key === "/") {
      event.preventDefault();
      document.getElementById("find")?.select();
      document.getElementById("find")?.focus();
      return;
    }
    const arrow = { ArrowRight: "j", ArrowLeft: "k" }[event.key];
    if (arrow && event.target.closest?.("[tabindex='0'], details")) return; // they scroll what has the focus
    const name = arrow ?? event.key;
    const key = pageKeys[name];
    if (!key) return;
    event.preventDefault();
    key.run();
  });
}

export async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    announce("Link copied");
    toast("Link copied");
  } catch {
    toast("The browser does not allow copying; the address bar has the link");
  }
}

export function toast(text) {
  document.querySelector(".toast")?.remove();
  const note = h("div", { class: "toast", role: "status" }, text);
  document.body.append(note);
  setTimeout(() => note.remove(), 2600);
}

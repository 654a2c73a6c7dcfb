// What people wrote about latents: labels and lists. They live in a database of their own (sae serve --labels FILE).
import { fresh, latentPath, send } from "./api.js";
import { h, replace } from "./dom.js";
import { toast } from "./keys.js";
import { setQuery } from "./router.js";

const BOOKMARKS = "Bookmarks";
const WHY = "Labels and lists can be written when sae serve is given --labels FILE.";

// {available, writable, map: Map of latent → text, sources: Map, lists: [{id, name, items}]}
export async function labelsOf(sae) {
  const answer = await fresh(`/saes/${encodeURIComponent(sae)}/labels`);
  return {
    available: answer.available,
    writable: answer.writable,
    map: new Map(answer.labels.map((l) => [l.latent, l.text])),
    sources: new Map(answer.labels.map((l) => [l.latent, l.source])),
    lists: answer.lists,
  };
}

async function attempt(work, done) {
  try {
    await work();
    toast(done);
    setQuery({});
  } catch (error) {
    toast(error.message);
  }
}

// What is being written and not saved: whatever draws the page anew must not lose it.
const drafts = new Map();
const draftOf = (sae, latent) => `${latent} of ${sae}`;

function editor(sae, latent, text, close) {
  const field = h("textarea", { id: "label-text", maxlength: 2000, "aria-label": `label of latent ${latent}`, value: drafts.get(draftOf(sae, latent)) ?? text });
  const save = (value) => attempt(async () => {
    await send("PUT", `${latentPath(sae, latent)}/label`, { text: value.trim() });
    drafts.delete(draftOf(sae, latent));
  }, value.trim() ? "Label saved" : "Label removed");
  field.addEventListener("input", () => drafts.set(draftOf(sae, latent), field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save(field.value);
  });
  return [field, h("div", { class: "row" },
    h("button", { type: "button", class: "primary", id: "label-save", click: () => save(field.value) }, "Save"),
    h("button", { type: "button", id: "label-cancel", click: close }, "Cancel"),
    text ? h("button", { type: "button", class: "quiet", id: "label-remove", click: () => save("") }, "Remove") : null)];
}

// The label of a latent, and the field to write it in.
export function labelBox(sae, latent, labels) {
  const text = labels.map.get(latent) ?? "";
  const box = h("div", { class: "label-box" });
  const close = () => {
    drafts.delete(draftOf(sae, latent));
    show();
    box.querySelector("button")?.focus();
  };
  const show = () => replace(box,
    h("p", { class: `label${text ? "" : " none"}` }, text || "No label yet"),
    text && labels.sources.get(latent) ? h("p", { class: "source" }, `from ${labels.sources.get(latent)}`) : null,
    labels.writable ? h("button", { type: "button", id: "label-edit", click: () => {
      replace(box, editor(sae, latent, text, close));
      box.querySelector("textarea").focus();
    } }, text ? "Change" : "Write one") : h("p", { class: "source" }, WHY));
  if (labels.writable && drafts.has(draftOf(sae, latent))) replace(box, editor(sae, latent, text, close));
  else show();
  return box;
}

const holds = (list, sae, latent) => list.items.some((item) => item.sae === sae && item.latent === latent);

// list: null for a new one of that name
async function put(list, sae, latent, on, name) {
  const id = list?.id ?? (await send("POST", "/lists", { name })).id;
  await send(on ? "PUT" : "DELETE", `/lists/${id}/items/${encodeURIComponent(sae)}/${latent}`);
}

function chooser(sae, latent, labels) {
  const name = h("input", { id: "new-list", type: "text", maxlength: 200, placeholder: "A new list", "aria-label": "name of a new list" });
  const dialog = h("dialog", { "aria-labelledby": "lists-title" },
    h("h2", { id: "lists-title" }, `Lists with latent ${latent}`),
    labels.lists.map((list) => {
      const box = h("input", { type: "checkbox", change: () => attempt(() => put(list, sae, latent, box.checked), box.checked ? `On ${list.name}` : `Off ${list.name}`) });
      box.checked = holds(list, sae, latent);
      return h("p", {}, h("label", { class: "inline" }, box, list.name));
    }),
    h("form", { class: "row", submit: (event) => {
      event.preventDefault();
      if (name.value.trim()) attempt(() => put(null, sae, latent, true, name.value.trim()), `On ${name.value.trim()}`);
      dialog.close();
    } }, name, h("button", {}, "Add")),
    h("form", { method: "dialog" }, h("button", { class: "primary" }, "Close")));
  dialog.addEventListener("close", () => dialog.remove());
  return dialog;
}

// The star that puts a latent on the list "Bookmarks", and the way to other lists.
export function bookmark(sae, latent, labels) {
  if (!labels.writable) return null;
  const list = labels.lists.find((l) => l.name === BOOKMARKS);
  const on = Boolean(list && holds(list, sae, latent));
  return h("span", { class: "row" },
    h("button", { type: "button", id: "bookmark", class: "icon", "aria-pressed": on ? "true" : "false", title: "Bookmark (b)", "aria-label": "bookmark",
      click: () => attempt(() => put(list, sae, latent, !on, BOOKMARKS), on ? "Taken off Bookmarks" : "Put on Bookmarks") }, on ? "\u2605" : "\u2606"),
    h("button", { type: "button", id: "lists", click: () => {
      const dialog = chooser(sae, latent, labels);
      document.body.append(dialog);
      dialog.showModal();
    } }, "Lists"));
}

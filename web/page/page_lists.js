// Lists of latents, and one list.
import { fresh, send } from "./api.js";
import { h } from "./dom.js";
import { plural } from "./format.js";
import { toast } from "./keys.js";
import { go, saePath, setQuery } from "./router.js";

async function attempt(work, then) {
  try {
    await work();
    then();
  } catch (error) {
    toast(error.message);
  }
}

export async function listsPage() {
  const { items, writable } = await fresh("/lists");
  const name = h("input", { id: "list-name", type: "text", maxlength: 200, placeholder: "Name", "aria-label": "name of a new list", required: true });
  return {
    title: "Lists",
    content: [
      h("h1", {}, "Lists"),
      h("p", { class: "lead" }, "Latents that belong together, in the database of labels."),
      writable ? h("form", { class: "row", submit: (event) => {
        event.preventDefault();
        attempt(() => send("POST", "/lists", { name: name.value.trim() }), () => setQuery({}));
      } }, name, h("button", { class: "primary" }, "Make a list"))
        : h("p", { class: "notice" }, "Lists can be written when sae serve is given --labels FILE."),
      items.length ? h("ul", { class: "links" }, items.map((list) => h("li", {}, h("a", { class: "strong", href: `/lists/${list.id}` }, list.name), h("span", { class: "muted" }, plural(list.items.length, "latent"))))) : h("p", { class: "muted" }, "There are none yet."),
    ],
  };
}

export async function listPage([id]) {
  const { list, writable } = await fresh(`/lists/${encodeURIComponent(id)}`);
  return {
    title: list.name,
    content: [
      h("nav", { class: "crumbs", "aria-label": "Path" }, h("a", { href: "/lists" }, "Lists"), "\u203A", h("span", {}, list.name)),
      h("div", { class: "head" }, h("h1", {}, list.name), writable ? h("button", { type: "button", id: "list-remove", click: () => attempt(() => send("DELETE", `/lists/${list.id}`), () => go("/lists")) }, "Delete this list") : null),
      list.items.length ? h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "latents of the list" }, h("table", {},
        h("thead", {}, h("tr", {}, ["SAE", "Latent", "Label", ""].map((t) => h("th", { scope: "col" }, t || h("span", { class: "unseen" }, "Remove"))))),
        h("tbody", {}, list.items.map((item) => h("tr", {},
          h("td", {}, item.here ? h("a", { href: saePath(item.sae) }, item.sae) : `${item.sae} (not in this database)`),
          h("td", {}, item.here ? h("a", { class: "strong", href: saePath(item.sae, `/f/${item.latent}`) }, item.latent) : item.latent),
          h("td", {}, item.label ?? ""),
          h("td", { class: "r" }, writable && item.here ? h("button", { type: "button", class: "quiet", "aria-label": `take ${item.latent} off the list`, click: () => attempt(() => send("DELETE", `/lists/${list.id}/items/${encodeURIComponent(item.sae)}/${item.latent}`), () => setQuery({})) }, "Remove") : null)))))) : h("p", { class: "muted" }, "It is empty: the star or \u201CLists\u201D on a latent's page puts it here."),
    ],
  };
}

// Keys: one for each element with data-key, while nobody types in a field. The
// list of them, and the switch that turns them off, is behind the key ?.
"use strict";
{
  const off = () => localStorage.getItem("rekey-desk-keys") === "off";
  const typing = (at) => at.closest("input:not([type=checkbox], [type=file]), textarea, select, [contenteditable]") !== null;

  function keyed() {
    return [...document.querySelectorAll("[data-key]")].filter((at) => at.checkVisibility());
  }

  function use(at) {
    if (at.tagName === "SUMMARY") {
      const details = at.parentElement;
      details.open = true;
      (details.querySelector("input:not([type=hidden], [type=file]), textarea, select, button") ?? at).focus();
    } else if (at.matches("input, textarea, select")) {
      at.focus();
      at.select?.();
    } else {
      at.click();
    }
  }

  const words = (at) => at.dataset.keyDoes ?? at.textContent.trim();

  function row(key, does) {
    const line = document.createElement("tr");
    const left = document.createElement("th");
    left.scope = "row";
    const sign = document.createElement("kbd");
    sign.textContent = key;
    left.append(sign);
    const right = document.createElement("td");
    right.textContent = does;
    line.append(left, right);
    return line;
  }

  let struck; // what the key that is held leads to

  const dialog = document.createElement("dialog");
  dialog.id = "keys";
  dialog.setAttribute("aria-labelledby", "keys-title");

  function show() {
    const box = document.createElement("article");
    const title = document.createElement("h2");
    title.id = "keys-title";
    title.textContent = "Keys";
    const list = document.createElement("table");
    const body = document.createElement("tbody");
    body.append(...keyed().map((at) => row(at.dataset.key, words(at))), row("Esc", "Leave a field, so that the keys work; close this"), row("?", "This list"));
    list.append(body);
    const label = document.createElement("label");
    const tick = document.createElement("input");
    tick.type = "checkbox";
    tick.checked = !off();
    tick.addEventListener("change", () => localStorage.setItem("rekey-desk-keys", tick.checked ? "on" : "off"));
    label.append(tick, " Letters and digits work as keys");
    const form = document.createElement("form");
    form.method = "dialog";
    const button = document.createElement("button");
    button.textContent = "Close";
    button.autofocus = true;
    form.append(button);
    box.append(title, list, label, form);
    dialog.replaceChildren(box);
    dialog.showModal();
  }

  addEventListener("DOMContentLoaded", () => {
    document.body.append(dialog);
    const nav = document.querySelector("header.site nav ul");
    if (!nav) return;
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "outline secondary";
    button.textContent = "Keys ?";
    button.addEventListener("click", show);
    item.append(button);
    nav.append(item);
  });

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || dialog.open) return;
    const at = document.activeElement ?? document.body;
    if (event.key === "Escape" && typing(at)) {
      at.blur();
      return;
    }
    if (typing(at)) return;
    if (event.key === "?") {
      event.preventDefault();
      show();
      return;
    }
    if (off()) return;
    struck = keyed().find((one) => one.dataset.key === event.key);
    if (struck) event.preventDefault();
  });

  // Only when the key is let go, so that it types nothing into a field that it leads to.
  addEventListener("keyup", (event) => {
    const at = struck;
    if (at?.dataset.key !== event.key) return;
    struck = undefined;
    if (at.isConnected) use(at);
  });
}

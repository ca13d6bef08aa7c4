// The recorder's screen where a page alone is not enough: the context menu of
// the live view, and the button that prints. Every page works without this file.
"use strict";

// The context menu opens by right click, by Shift+F10, by the menu key and by
// its button, and moves as WAI-ARIA's menu pattern has it.
function contextMenu(menu, button) {
  const items = [...menu.querySelectorAll("[role^=menuitem]")];
  let before = null;

  function open(x, y) {
    if (menu.hidden) before = document.activeElement;
    menu.hidden = false;
    const room = document.documentElement;
    menu.style.left = Math.max(0, Math.min(x, room.clientWidth - menu.offsetWidth)) + "px";
    menu.style.top = Math.max(0, Math.min(y, room.clientHeight - menu.offsetHeight)) + "px";
    button.setAttribute("aria-expanded", "true");
    items[0].focus({preventScroll: true});
  }

  function close(goBack) {
    if (menu.hidden) return;
    menu.hidden = true;
    button.setAttribute("aria-expanded", "false");
    if (goBack && before) before.focus({preventScroll: true});
  }

  function openAt(element) {
    const box = element.getBoundingClientRect();
    open(box.left, box.top);
  }

  function step(by) {
    const at = items.indexOf(document.activeElement);
    items[(at + by + items.length) % items.length].focus();
  }

  function startingWith(letter) {
    const at = items.indexOf(document.activeElement);
    const order = [...items.slice(at + 1), ...items.slice(0, at + 1)];
    return order.find((i) => i.textContent.trim().toLowerCase().startsWith(letter));
  }

  const keys = {
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    Home: () => items[0].focus(),
    End: () => items[items.length - 1].focus(),
    Escape: () => close(true),
    Tab: () => close(true),
    " ": () => document.activeElement.click(),
  };

  button.hidden = false;
  button.addEventListener("click", () => {
    const box = button.getBoundingClientRect();
    open(box.left, box.top - menu.offsetHeight);
    open(box.left, box.top - menu.offsetHeight - 4); // its height is known once it is open
  });
  document.addEventListener("contextmenu", (e) => {
    e.preventDefault();
    const byMouse = e.button === 2;
    if (byMouse || menu.hidden) open(e.clientX, e.clientY);
  });
  document.addEventListener("keydown", (e) => {
    if (menu.hidden && (e.key === "ContextMenu" || (e.key === "F10" && e.shiftKey))) {
      e.preventDefault();
      openAt(document.querySelector(".monitor"));
    }
  });
  menu.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.altKey || e.metaKey) return;
    if (keys[e.key]) {
      e.preventDefault();
      keys[e.key]();
    } else if (e.key.length === 1) {
      const item = startingWith(e.key.toLowerCase());
      if (item) item.focus();
    }
  });
  menu.addEventListener("mouseover", (e) => {
    const item = e.target.closest("[role^=menuitem]");
    if (item) item.focus({preventScroll: true});
  });
  document.addEventListener("pointerdown", (e) => {
    if (!menu.contains(e.target) && e.button === 0) close(false);
  });
  addEventListener("pagehide", () => close(false));
}

const menu = document.getElementById("screen-menu");
if (menu) contextMenu(menu, document.getElementById("screen-menu-button"));

for (const button of document.querySelectorAll("button.print")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

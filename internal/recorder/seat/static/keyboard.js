// The on-screen keyboard. A recorder has a monitor and a mouse: a click or a tap
// on a field opens the keyboard below, and so does the small button beside the
// field, for a keyboard's Enter and for a screen reader. Who comes to the field
// by Tab has a keyboard and is left alone.
//
// What is typed goes into the field and nowhere else: no copy of it is kept, in
// no attribute, name or storage.
"use strict";
{
  const typeable = ["textarea", "input:not([type])", ...["text", "password", "number", "search", "tel", "url", "email"].map((t) => `input[type=${t}]`)].join(", ");
  const picked = ["date", "time", "datetime-local", "month", "week"].map((t) => `input[type=${t}]`).join(", ");
  const narrow = matchMedia("(max-width: 40rem) and (min-height: 34rem)");

  const digits = "1 2 3 4 5 6 7 8 9 0";
  const layouts = {
    letters: {
      wide: [digits + " back", "q w e r t y u i o p", "a s d f g h j k l @", "shift z x c v b n m - _ .", "signs left space right enter done"],
      narrow: ["1 2 3 4 5 6 7", "8 9 0 left right back", "a b c d e f g", "h i j k l m n", "o p q r s t u", "v w x y z shift", "signs space enter done"],
    },
    signs: {
      wide: [digits + " back", "! \" # $ % & ' ( ) * +", ", - . / : ; < = > ? @", "[ \\ ] ^ _ ` { | } ~", "letters left space right enter done"],
      narrow: ["1 2 3 4 5 6 7", "8 9 0 left right back", "! \" # $ % & ' (", ") * + , - . / :", "; < = > ? @ [ \\", "] ^ _ ` { | } ~", "letters space enter done"],
    },
    codes: {
      wide: [digits + " back", "Q W E R T Y U I O P", "A S D F G H J K L", "Z X C V B N M -", "left right enter done"],
      narrow: ["1 2 3 4 5 6 7", "8 9 0 left right back", "A B C D E F G", "H I J K L M N", "O P Q R S T U", "V W X Y Z -", "enter done"],
    },
    numbers: {
      wide: ["1 2 3 back", "4 5 6 left", "7 8 9 right", "0 enter done"],
      narrow: ["1 2 3 back", "4 5 6 left", "7 8 9 right", "0 enter done"],
    },
  };
  // Symbols that a temporary password does not have; it takes 0 for O, 1 for I and L.
  const notInAnswers = ["I", "L", "O", "U"];

  // Keys that are no character: what they show, and what they are called.
  const controls = {
    back: ["\u232b", "Backspace"], left: ["\u2190", "Caret left"], right: ["\u2192", "Caret right"], space: ["Space", "Space"],
    shift: ["\u21e7", "Shift"], signs: ["?#&", "Signs"], letters: ["abc", "Letters"], enter: ["Enter", "Enter"], done: ["Done", "Done"],
  };
  const signNames = {
    "!": "exclamation mark", "\"": "double quote", "#": "number sign", "$": "dollar", "%": "percent", "&": "ampersand", "'": "apostrophe", "(": "left parenthesis",
    ")": "right parenthesis", "*": "asterisk", "+": "plus", ",": "comma", "-": "dash", ".": "full stop", "/": "slash", ":": "colon", ";": "semicolon", "<": "less than",
    "=": "equals", ">": "greater than", "?": "question mark", "@": "at sign", "[": "left bracket", "\\": "backslash", "]": "right bracket", "^": "caret sign",
    "_": "underscore", "`": "backquote", "{": "left brace", "|": "vertical bar", "}": "right brace", "~": "tilde",
  };

  function make(tag, props, ...children) {
    const el = Object.assign(document.createElement(tag), props);
    el.append(...children);
    return el;
  }

  const told = make("p", {className: "kb-told", role: "status"});
  const show = make("button", {type: "button", className: "kb-show"}, "Show");
  const clear = make("button", {type: "button", className: "kb-clear"}, "Clear");
  const grid = make("div", {className: "kb-keys", role: "grid"});
  grid.setAttribute("aria-label", "Keys");
  const root = make("section", {id: "keyboard", className: "kb", hidden: true});
  const head = make("div", {className: "kb-head"}, told, show, clear);
  root.setAttribute("aria-label", "On-screen keyboard");
  document.body.append(root);

  let field = null; // that is typed into while the keyboard is open
  let layout = "letters";
  let shift = 0; // 1 = the next letter, 2 = locked
  let secret = false; // the field is a password's, shown or not
  let dirty = false; // something was typed since it opened
  let pointing = false; // between a press of the mouse and its click
  const modes = new WeakMap(); // inputmode of fields from which a phone's own keyboard is kept away

  const usable = (f) => !f.readOnly && !f.disabled;
  const isGrouped = () => field.classList.contains("answer") || field.classList.contains("grouped");
  const inputMode = (f) => modes.get(f) ?? f.getAttribute("inputmode") ?? "";
  const nameOf = (f) => (f.labels && f.labels[0] ? f.labels[0].textContent.trim() : f.getAttribute("aria-label") || "Field");

  function layoutOf(f) {
    if (["number", "tel"].includes(f.type) || ["numeric", "decimal"].includes(inputMode(f))) return "numbers";
    return f.classList.contains("code") ? "codes" : "letters";
  }

  // --- The keys.

  const capital = () => layout === "letters" && shift > 0;
  const face = (id) => (capital() ? id.toUpperCase() : id);

  function makeKey(id) {
    const control = controls[id];
    const key = make("button", {type: "button", tabIndex: -1, className: control ? "kb-" + id : ""}, control ? control[0] : face(id));
    key.dataset.key = id;
    if (control && control[0] !== control[1]) key.setAttribute("aria-label", control[1]);
    if (signNames[id]) key.setAttribute("aria-label", signNames[id]);
    if (id === "shift") key.setAttribute("aria-pressed", "false");
    const cell = make("div", {className: "kb-cell" + (control ? " kb-wide kb-of-" + id : ""), role: "gridcell"}, key);
    return cell;
  }

  function build() {
    const had = grid.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const skip = field.classList.contains("answer") ? notInAnswers : [];
    const lines = layouts[layout][narrow.matches ? "narrow" : "wide"];
    grid.replaceChildren(...lines.map((line) => make("div", {className: "kb-row", role: "row"}, ...line.split(" ").filter((id) => !skip.includes(id)).map(makeKey))));
    grid.dataset.layout = layout;
    label();
    const first = keys().find((k) => k.dataset.key === had) || (had && keys().find((k) => ["signs", "letters"].includes(k.dataset.key))) || keys()[0];
    first.tabIndex = 0;
    if (had) first.focus({preventScroll: true});
  }

  const keys = () => [...grid.querySelectorAll("button")];

  // label writes on the keys what Shift makes of them.
  function label() {
    for (const key of keys()) {
      const id = key.dataset.key;
      if (!controls[id]) key.textContent = face(id);
      if (id === "shift") {
        key.setAttribute("aria-pressed", String(shift > 0));
        key.setAttribute("aria-label", shift === 2 ? "Shift, locked" : "Shift");
        key.textContent = shift === 2 ? "\u21ea" : "\u21e7";
      }
    }
  }

  function tell(more) {
    const n = [...field.value].length;
    told.textContent = `${nameOf(field)}: ${n === 1 ? "1 character" : n + " characters"}${more ? ". " + more : ""}`;
  }

  // --- What they do. Fields of numbers and of e-mail addresses tell no caret;
  // there it is at the end.

  function caret() {
    const end = field.value.length;
    return field.selectionStart === null ? [end, end] : [field.selectionStart, field.selectionEnd];
  }

  function replace(text, from, to) {
    if (field.selectionStart === null) field.value = field.value.slice(0, from) + text + field.value.slice(to);
    else field.setRangeText(text, from, to, "end");
  }

  function changed(kind) {
    dirty = true;
    field.dispatchEvent(new InputEvent("input", {bubbles: true, inputType: kind}));
    if (field) tell();
  }

  // dash is put in before a symbol that begins a group.
  function dash(from, to) {
    const before = field.value.slice(0, from);
    const full = /(^|-)[^-\s]{4}$/.test(before) && before.split("-").length < 4;
    return isGrouped() && full && to === field.value.length ? "-" : "";
  }

  function insert(text) {
    const [from, to] = caret();
    const all = (text === "-" ? "" : dash(from, to)) + text;
    if (field.maxLength >= 0 && field.value.length - (to - from) + all.length > field.maxLength) {
      tell("No more fit");
      return;
    }
    replace(all, from, to);
    if (shift === 1 && layout === "letters") {
      shift = 0;
      label();
    }
    changed("insertText");
  }

  function erase() {
    const [from, to] = caret();
    if (to === 0) return;
    let begin = from === to ? from - 1 : from;
    if (isGrouped() && to === field.value.length && begin > 0 && field.value[begin - 1] === "-") begin--;
    replace("", begin, to);
    changed("deleteContentBackward");
  }

  function move(by) {
    if (field.selectionStart === null) return;
    const [from, to] = caret();
    const at = from !== to ? (by < 0 ? from : to) : Math.min(field.value.length, Math.max(0, from + by));
    field.setSelectionRange(at, at);
  }

  // send does what Enter does on a keyboard.
  function send() {
    if (field.tagName === "TEXTAREA") {
      insert("\n");
      return;
    }
    const form = field.form;
    if (!form) {
      close(true);
      return;
    }
    const button = [...form.elements].find((e) => e.type === "submit" && !e.disabled);
    close(true);
    form.requestSubmit(button);
  }

  function turn(to) {
    layout = to;
    build();
    fit();
  }

  const deeds = {
    back: erase,
    left: () => move(-1),
    right: () => move(1),
    space: () => insert(" "),
    shift: () => {
      shift = (shift + 1) % 3;
      label();
    },
    signs: () => turn("signs"),
    letters: () => turn("letters"),
    enter: send,
    done: () => close(true),
  };

  function press(id) {
    if (deeds[id]) deeds[id]();
    else insert(face(id));
  }

  function reveal(on) {
    const [from, to] = caret();
    field.type = on ? "text" : "password";
    field.setSelectionRange(from, to);
    show.textContent = on ? "Hide" : "Show";
    show.setAttribute("aria-label", on ? "Hide the password" : "Show the password");
  }

  // --- Opening and closing.

  const openerOf = (f) => f.closest(".kb-field")?.querySelector(".kb-open");

  // leave ends the work on a field: a shown password is hidden again, and the
  // page's scripts learn that it has changed.
  function leave() {
    if (!field) return;
    const left = field;
    if (secret && left.type === "text") reveal(false);
    if (modes.has(left)) {
      if (modes.get(left)) left.setAttribute("inputmode", modes.get(left));
      else left.removeAttribute("inputmode");
      modes.delete(left);
    }
    openerOf(left)?.setAttribute("aria-expanded", "false");
    field = null;
    if (dirty) left.dispatchEvent(new Event("change", {bubbles: true}));
  }

  function open(f) {
    if (f === field) return;
    leave();
    field = f;
    secret = f.type === "password";
    dirty = false;
    shift = 0;
    layout = layoutOf(f);
    show.hidden = !secret;
    root.replaceChildren(head, grid);
    root.hidden = false;
    if (secret) reveal(false);
    openerOf(f)?.setAttribute("aria-expanded", "true");
    build();
    tell();
    fit();
    toView();
  }

  function close(back) {
    if (!field) return;
    const left = field;
    const inside = root.contains(document.activeElement);
    leave();
    root.hidden = true;
    root.replaceChildren();
    fit();
    if (back || inside) left.focus({preventScroll: true});
  }

  // fit keeps free below the page what the keyboard covers.
  function fit() {
    const page = document.documentElement;
    page.classList.toggle("kb-on", !root.hidden);
    page.style.setProperty("--kb-height", root.offsetHeight + "px");
  }

  // toView brings the field above the keyboard, with its label and hint if there is room.
  function toView() {
    const around = field.closest(".field");
    if (around) around.scrollIntoView({block: "nearest"});
    field.scrollIntoView({block: "nearest"});
  }

  // --- What people do.

  root.addEventListener("mousedown", (e) => e.preventDefault()); // the caret stays in the field
  root.addEventListener("click", (e) => {
    const key = e.target.closest("button");
    if (!key || !field) return;
    if (key === show) reveal(field.type === "password");
    else if (key === clear) {
      replace("", 0, field.value.length);
      changed("deleteContent");
    } else press(key.dataset.key);
  });

  const steps = {
    ArrowLeft: (rows, r, c) => rows[r][c - 1] || rows[r].at(-1),
    ArrowRight: (rows, r, c) => rows[r][c + 1] || rows[r][0],
    ArrowUp: (rows, r, c) => nearest(rows.at(r - 1), rows[r][c]),
    ArrowDown: (rows, r, c) => nearest(rows[(r + 1) % rows.length], rows[r][c]),
    Home: (rows, r) => rows[r][0],
    End: (rows, r) => rows[r].at(-1),
  };

  const middle = (key) => key.getBoundingClientRect().left + key.offsetWidth / 2;
  const nearest = (row, from) => row.reduce((best, key) => (Math.abs(middle(key) - middle(from)) < Math.abs(middle(best) - middle(from)) ? key : best));

  grid.addEventListener("keydown", (e) => {
    const key = e.target.closest("button");
    if (!steps[e.key] || !key || e.ctrlKey || e.altKey || e.metaKey) return;
    e.preventDefault();
    const rows = [...grid.children].map((row) => [...row.querySelectorAll("button")]);
    const r = rows.findIndex((row) => row.includes(key));
    steps[e.key](rows, r, rows[r].indexOf(key)).focus({preventScroll: true});
  });
  grid.addEventListener("focusin", (e) => {
    for (const key of keys()) key.tabIndex = key === e.target ? 0 : -1;
  });

  document.addEventListener("keydown", (e) => {
    pointing = false;
    if (!field) return;
    if (e.key === "Escape") {
      e.preventDefault();
      close(true);
    } else if (e.isTrusted && e.target === field && e.key.length === 1 && !e.ctrlKey && !e.altKey && !e.metaKey) {
      close(false); // here is somebody with a real keyboard
    }
  });

  document.addEventListener("pointerdown", (e) => {
    pointing = true;
    const f = e.target.closest?.(typeable);
    if (e.pointerType === "touch" && f && usable(f) && !modes.has(f)) {
      modes.set(f, f.getAttribute("inputmode") ?? "");
      f.setAttribute("inputmode", "none"); // one keyboard is enough
    }
  });
  document.addEventListener("pointercancel", () => (pointing = false));

  document.addEventListener("click", (e) => {
    pointing = false;
    if (e.composedPath().includes(root)) return;
    const opener = e.target.closest(".kb-open");
    if (opener) {
      const f = opener.closest(".kb-field").querySelector(typeable);
      if (f === field) close(true);
      else {
        open(f);
        if (e.detail === 0) keys()[0].focus({preventScroll: true}); // by a keyboard or a screen reader
        else f.focus({preventScroll: true});
      }
      return;
    }
    const f = e.target.closest(typeable);
    if (f && usable(f)) open(f);
    else close(false);
    const pick = e.target.closest(picked);
    if (pick && usable(pick)) pickFrom(pick);
  });

  // The browser's own picker takes a date and a time by mouse; a click anywhere in
  // the field opens it, not only one on its small picture.
  function pickFrom(f) {
    try {
      f.showPicker();
    } catch {
      // This browser has none, or has it open already.
    }
  }

  document.addEventListener("focusin", (e) => {
    if (field && !pointing && e.target !== field && !root.contains(e.target)) close(false);
  });

  narrow.addEventListener("change", () => {
    if (!field) return;
    build();
    fit();
    toView();
  });
  addEventListener("resize", () => field && fit());
  document.addEventListener("submit", () => close(false)); // a password that is shown is hidden first
  addEventListener("pagehide", () => close(false));

  // --- The small button beside each field.

  const picture = () => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", "M2 5h20v14H2zM5 8.5h2M9 8.5h2M13 8.5h2M17 8.5h2M5 12h2M9 12h2M13 12h2M17 12h2M7 15.5h10");
    svg.append(path);
    return svg;
  };

  for (const f of document.querySelectorAll(typeable)) {
    if (!usable(f)) continue;
    const focused = document.activeElement === f;
    const opener = make("button", {type: "button", className: "kb-open"}, picture());
    opener.setAttribute("aria-label", "On-screen keyboard for " + nameOf(f));
    opener.setAttribute("aria-expanded", "false");
    opener.setAttribute("aria-controls", root.id);
    const around = make("span", {className: "kb-field"});
    f.before(around);
    around.append(f, opener);
    if (focused) f.focus({preventScroll: true});
  }
}

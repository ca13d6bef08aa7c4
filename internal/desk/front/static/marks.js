// The groups of a challenge, marked while it is typed, with a word for each
// symbol to read back. Words are taken for symbols, too: an agent may type what
// the caller says. Without this file a mistyped group is named when the form is
// sent, which costs nothing either.
"use strict";
{
  const signs = {right: "\u2713", mistyped: "\u2717", unfinished: "\u2026"};

  function wordsOf(field) {
    return new Map(field.dataset.words.split(" ").map((pair) => pair.split("=")));
  }

  // symbolsOf puts the symbol in place of each word; what is no word stays.
  function symbolsOf(typed, words) {
    if (typed.includes("://")) return typed;
    return typed.replace(/[a-z]+(?:-ray)?/gi, (part) => words.get(part.toLowerCase()) ?? part);
  }

  // settled is what goes to the desk: symbols without the blanks between words.
  function settled(field) {
    const symbols = symbolsOf(field.value, wordsOf(field));
    return symbols === field.value ? symbols : symbols.replace(/\s+/g, "");
  }

  function summary(view) {
    const wrong = view.groups.flatMap((state, i) => (state === "mistyped" ? [i + 1] : []));
    if (wrong.length === 1) return `Group ${wrong[0]} is mistyped. Ask for it again; nothing was spent.`;
    if (wrong.length > 1) return `Groups ${wrong.slice(0, -1).join(", ")} and ${wrong.at(-1)} are mistyped. Nothing was spent.`;
    if (view.extra > 0) return "More was typed than a challenge has.";
    if (view.groups.every((state) => state === "right")) return "All groups check.";
    return "";
  }

  function mark(field) {
    const list = document.createElement("ol");
    list.className = "marks";
    list.setAttribute("aria-label", "Groups as typed");
    const said = document.createElement("p");
    said.className = "marked";
    said.setAttribute("role", "status");
    const room = document.createElement("div"); // kept free, so that no mark pushes the button away
    room.className = "room";
    room.append(list, said);
    field.closest(".field").after(room);
    let wait = 0;
    let asked = 0;

    function draw(view) {
      list.replaceChildren(...view.groups.map((state, i) => {
        const item = document.createElement("li");
        item.className = state;
        const told = document.createElement("strong");
        told.textContent = `${i + 1} ${signs[state]} ${state}`;
        const words = document.createElement("span");
        words.textContent = view.words[i].join(" ") || "\u00a0";
        item.append(told, words);
        return item;
      }));
      const text = summary(view);
      said.classList.toggle("bad", text !== "" && !view.groups.every((state) => state === "right"));
      if (said.textContent !== text) said.textContent = text;
    }

    async function look() {
      const mine = ++asked;
      const typed = symbolsOf(field.value, wordsOf(field));
      if (typed.includes("://")) {
        list.replaceChildren();
        said.textContent = "The text of a QR code: the desk checks it as a whole.";
        return;
      }
      try {
        const got = await fetch("/marks", {
          method: "POST",
          headers: {Accept: "application/json"},
          body: new URLSearchParams({form: field.dataset.marks, typed: typed.slice(0, 60)}),
        });
        if (mine === asked && got.ok) draw(await got.json());
      } catch {
        // No answer: no marks.
      }
    }

    field.addEventListener("input", () => {
      clearTimeout(wait);
      wait = setTimeout(look, 120);
    });
    look();
  }

  addEventListener("news", () => {
    for (const field of document.querySelectorAll("input[data-marks]:not([data-marked])")) {
      field.dataset.marked = "yes";
      mark(field);
    }
  });

  // Before the proof of presence is begun, which is for the challenge as it is sent.
  document.addEventListener("submit", (event) => {
    for (const field of event.target.querySelectorAll("input[data-words]")) field.value = settled(field);
  }, {capture: true});
}

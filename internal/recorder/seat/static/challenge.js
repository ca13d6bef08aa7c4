// Countdowns that go on, and the groups of a temporary password that are marked
// while it is typed. Without this file the page says the same when it is loaded
// and when a form is sent.
"use strict";
{
  // span says a time as the pages do.
  function span(n) {
    const two = (x) => String(x).padStart(2, "0");
    if (n === 1) return "1 second";
    if (n < 120) return n + " seconds";
    if (n < 7200) return `${Math.floor(n / 60)} min ${two(n % 60)} s`;
    return `${Math.floor(n / 3600)} h ${two(Math.floor((n % 3600) / 60))} min`;
  }

  function end(clock) {
    const during = document.getElementById(clock.dataset.during);
    const after = document.getElementById(clock.dataset.after);
    const inside = during && during.contains(document.activeElement);
    if (after) after.hidden = false;
    if (during) during.hidden = true;
    if (inside) after?.nextElementSibling?.querySelector("button")?.focus();
  }

  function countdown(clock) {
    const until = performance.now() + Number(clock.dataset.seconds) * 1000;
    const said = document.createElement("span");
    said.className = "unseen";
    said.setAttribute("role", "status");
    clock.after(said);
    function tick() {
      const left = Math.ceil((until - performance.now()) / 1000);
      if (left <= 0) {
        end(clock);
        return;
      }
      clock.textContent = span(left);
      if (left === 60) said.textContent = "1 minute left";
      setTimeout(tick, until - performance.now() - (left - 1) * 1000);
    }
    tick();
  }

  for (const clock of document.querySelectorAll(".countdown")) {
    if (Number(clock.dataset.seconds) > 0) countdown(clock);
  }

  const signs = {right: "\u2713", mistyped: "\u2717", unfinished: "\u2026"};

  function summary(states, extra) {
    const wrong = states.flatMap((s, i) => (s === "mistyped" ? [i + 1] : []));
    if (wrong.length === 1) return `Group ${wrong[0]} is mistyped. Nothing was spent.`;
    if (wrong.length > 1) return `Groups ${wrong.slice(0, -1).join(", ")} and ${wrong.at(-1)} are mistyped. Nothing was spent.`;
    if (extra > 0) return "More was typed than a temporary password has.";
    if (states.every((s) => s === "right")) return "All groups are typed right.";
    return "";
  }

  function mark(field) {
    const list = document.createElement("ol");
    list.className = "marks";
    list.hidden = true;
    list.setAttribute("aria-label", "Groups as typed");
    const said = document.createElement("p");
    said.className = "marked";
    said.setAttribute("role", "status");
    const room = document.createElement("div"); // kept free, so that no mark pushes a button away under the mouse
    room.className = "room";
    room.append(list, said);
    (field.closest(".kb-field") || field).after(room);
    let wait = 0;
    let asked = 0;

    function draw(view) {
      list.hidden = false;
      list.replaceChildren(...view.groups.map((state, i) => {
        const item = document.createElement("li");
        item.className = state;
        const name = document.createElement("span");
        name.textContent = `Group ${i + 1}`;
        const told = document.createElement("strong");
        told.textContent = `${signs[state]} ${state}`;
        item.append(name, told);
        return item;
      }));
      const text = summary(view.groups, view.symbols - 4 * view.groups.length);
      said.classList.toggle("bad", text !== "" && !view.groups.every((state) => state === "right"));
      if (said.textContent !== text) said.textContent = text;
    }

    async function look() {
      const mine = ++asked;
      try {
        const got = await fetch("/recovery/check", {method: "POST", headers: {Accept: "application/json"}, body: new URLSearchParams({answer: field.value})});
        if (mine !== asked) return;
        if (got.ok && field.value !== "") {
          draw(await got.json());
          return;
        }
        if (got.status === 429) {
          wait = setTimeout(look, 1000);
          return;
        }
      } catch {
        // No answer: no marks.
      }
      if (mine !== asked) return;
      list.hidden = true;
      said.textContent = "";
    }

    field.addEventListener("input", () => {
      clearTimeout(wait);
      wait = setTimeout(look, 150);
    });
  }

  for (const field of document.querySelectorAll("input.answer")) mark(field);
}

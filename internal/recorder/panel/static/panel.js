// The front panel live: its buttons are held by mouse, finger or key, and its
// lights follow the server. The page works without this file.
"use strict";

const panel = document.querySelector(".front");
if (panel) livePanel(panel);

function livePanel(front) {
  const at = (id) => document.getElementById(id);
  document.body.classList.add("live");

  function text(element, s) {
    if (element.textContent !== s) element.textContent = s; // else a screen reader would say it again
  }

  // Answers and events overtake each other: what is older than what is shown is not.
  let shown = 0;

  function show(view) {
    if (view.look <= shown) return;
    shown = view.look;
    const on = view.power === "on";
    front.querySelectorAll(".lights li").forEach((item, i) => {
      item.querySelector(".led").dataset.shows = view.lights[i].shows;
      text(item.querySelector(".means"), ": " + view.lights[i].means);
    });
    text(at("said"), view.said);
    at("said").className = "notice " + view.kind;
    text(at("held"), view.held_seconds < 0 ? "" : `Reset held for ${view.held_seconds} s.`);
    text(at("left"), view.confirm_seconds ? `${view.confirm_seconds} s left for the second press.` : "");
    text(at("switch"), on ? "Switch off" : "Switch on");
    for (const id of ["power", "switch"]) at(id).form.elements.to.value = on ? "off" : "on";
    for (const id of ["reset", "hold", "let-go", "plug"]) at(id).disabled = !on;
  }

  function complain(words) {
    const said = document.createElement("p");
    said.className = "notice error";
    said.textContent = words;
    at("trouble").replaceChildren(...(words ? [said] : []));
  }

  // send gives the panel as it is then, or null.
  async function send(path, fields) {
    try {
      const answer = await fetch(path, {method: "POST", headers: {Accept: "application/json"}, body: new URLSearchParams(fields)});
      const view = await answer.json();
      if (view.page !== "panel") {
        if (answer.status === 403 || view.page) location.assign("/panel");
        complain(view.detail || "");
        return null;
      }
      show(view);
      complain(view.error || "");
      return view;
    } catch {
      complain("The recorder does not answer.");
      return null;
    }
  }

  // What the mouse, a finger or a key holds. When it slips off, because the window
  // loses it, nobody lets go: the server counts that as held too long.
  for (const button of front.querySelectorAll("button[data-button]")) {
    const path = "/panel/" + button.dataset.button;
    let finger = null;

    const down = () => {
      if (finger) return;
      button.classList.add("pressed");
      finger = send(path + "/down", {}).then((view) => view && view.hold);
    };
    const slip = () => {
      button.classList.remove("pressed");
      finger = null;
    };
    const up = async () => {
      const held = finger;
      slip();
      const hold = held && await held;
      if (hold) send(path + "/up", {hold});
    };

    button.addEventListener("pointerdown", (e) => {
      if (e.button !== 0 || !e.isPrimary || button.disabled) return;
      button.setPointerCapture(e.pointerId);
      down();
    });
    button.addEventListener("pointerup", up);
    button.addEventListener("pointercancel", slip);
    button.addEventListener("contextmenu", (e) => e.preventDefault());
    button.addEventListener("keydown", (e) => {
      if (e.key !== " " && e.key !== "Enter") return;
      e.preventDefault();
      if (!e.repeat) down();
    });
    button.addEventListener("keyup", (e) => {
      if (e.key !== " " && e.key !== "Enter") return;
      e.preventDefault();
      up();
    });
    button.addEventListener("blur", slip);
    // A click without a mouse is a screen reader's: that sends the form.
    button.addEventListener("click", (e) => {
      if (e.detail > 0) e.preventDefault();
    });
  }

  // One form after the other: who lets go before the press is answered means the
  // finger that the answer tells.
  let sent = Promise.resolve();
  document.querySelector("main").addEventListener("submit", (e) => {
    e.preventDefault();
    const form = e.target;
    sent = sent.then(async () => {
      const view = await send(new URL(form.action).pathname, new FormData(form));
      if (view && form.action.endsWith("/reset/down")) at("finger").value = view.hold || "";
    });
  });

  const events = new EventSource("/panel/events");
  events.addEventListener("message", (e) => show(JSON.parse(e.data)));
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) complain("The panel is no longer live. Load the page again.");
  });
  addEventListener("pagehide", () => events.close());
}

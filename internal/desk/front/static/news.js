// Live news: when something changed at the desk, the parts of the page that show
// it are fetched anew. A part in which somebody types stays as it is, and says so.
// Whoever does nothing for a quarter of an hour is logged out, also on the screen.
"use strict";
{
  const idle = 15 * 60 * 1000;
  let used = performance.now();
  const was = new Map(); // what each part was on the desk's own page, to tell news from what scripts made of it
  for (const kind of ["keydown", "pointerdown", "wheel"]) addEventListener(kind, () => { used = performance.now(); }, {passive: true, capture: true});

  const announce = () => dispatchEvent(new Event("news"));

  const changed = (field) => (field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);

  // busy tells that somebody is at work in a part: something was typed or opened there.
  function busy(part) {
    for (const field of part.querySelectorAll("input:not([type=hidden]), textarea")) if (changed(field)) return true;
    return part.querySelector("details[open], form[data-busy], video:not([hidden])") !== null;
  }

  function put(part, fresh) {
    const inside = part.contains(document.activeElement);
    const idOf = inside ? document.activeElement.id : "";
    part.replaceWith(fresh);
    const next = fresh.querySelector("[autofocus]");
    const same = idOf && fresh.querySelector("#" + CSS.escape(idOf));
    if (same) same.focus();
    else if (next && (inside || document.activeElement === document.body)) next.focus();
  }

  // tell is seen only where the page does not show the news by itself.
  function tell(text, seen) {
    let said = document.getElementById("news");
    if (!said) {
      said = document.createElement("p");
      said.id = "news";
      said.setAttribute("role", "status");
      document.querySelector("main").prepend(said);
    }
    said.className = seen ? "notice info" : "unseen";
    said.textContent = text;
  }

  async function refresh() {
    if (performance.now() - used > idle) return;
    const got = await fetch(location.href, {headers: {Accept: "text/html"}});
    if (got.redirected) {
      location.reload();
      return;
    }
    if (!got.ok) return;
    const page = new DOMParser().parseFromString(await got.text(), "text/html");
    const title = document.getElementById("now-title")?.textContent;
    let held = false;
    for (const part of document.querySelectorAll("[data-news]")) {
      const fresh = page.getElementById(part.id);
      if (!fresh || fresh.innerHTML === was.get(part.id)) continue;
      if (busy(part)) {
        held = true;
        continue;
      }
      was.set(part.id, fresh.innerHTML);
      put(part, document.importNode(fresh, true));
    }
    announce();
    const now = document.getElementById("now-title")?.textContent;
    if (held) tell("Something changed here. What you typed is kept; save it, or load the page again to see the news.", true);
    else if (now && now !== title) tell(now + ".", false);
  }

  let wait = 0;
  function soon() {
    clearTimeout(wait);
    wait = setTimeout(() => refresh().catch(() => {}), 200);
  }

  // listen hears of changes. A page that waits asks once more when the stream is
  // there, as something may have changed before, and now and then.
  function listen() {
    const source = new EventSource("/api/v1/news");
    const waits = () => { if (document.querySelector("[data-waits]")) soon(); };
    source.addEventListener("changed", soon);
    source.addEventListener("open", waits);
    setInterval(waits, 20000);
    addEventListener("pagehide", () => source.close());
  }

  addEventListener("DOMContentLoaded", () => {
    for (const part of document.querySelectorAll("[data-news]")) was.set(part.id, part.innerHTML);
    announce();
    if (was.size === 0) return;
    listen();
    const look = () => {
      if (performance.now() - used > idle) location.reload();
      else setTimeout(look, 30000);
    };
    setTimeout(look, 30000);
  });
}

// Live news: when something changed at the desk, the parts of the page that show
// it are fetched anew. A part in which somebody types stays as it is, and says so;
// only a stop, such as an owner's "not me", takes the place of what is typed.
// What a page asks for by itself does not count as use: whoever does nothing for a
// quarter of an hour is logged out, also on the screen.
"use strict";
{
  const was = new Map(); // what each part was on the desk's own page, to tell news from what scripts made of it

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

  // ask is the page as it is now. It does not count as use of the session: whose
  // session is over is led to the log-in.
  async function ask() {
    const got = await fetch(location.href, {headers: {Accept: "text/html", "Rekey-By-Itself": "yes"}});
    if (new URL(got.url).pathname === "/login") location.replace(got.url);
    else if (got.ok) return got.text();
    return "";
  }

  let late = false; // something changed while nobody could see it

  async function refresh() {
    late = document.hidden;
    if (late) return;
    const text = await ask();
    if (text === "") return;
    const page = new DOMParser().parseFromString(text, "text/html");
    const title = document.getElementById("now-title")?.textContent;
    let held = false;
    for (const part of document.querySelectorAll("[data-news]")) {
      const fresh = page.getElementById(part.id);
      if (!fresh || fresh.innerHTML === was.get(part.id)) continue;
      if (busy(part) && !fresh.hasAttribute("data-stops")) {
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

  // listen hears of changes. It asks once more whenever the stream is there, at first
  // and after it broke off, as something may have changed before; a page that waits
  // asks now and then, too.
  function listen() {
    const source = new EventSource("/api/v1/news");
    const waits = () => { if (document.querySelector("[data-waits]")) soon(); };
    source.addEventListener("changed", soon);
    source.addEventListener("open", soon);
    source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) ask().catch(() => {}); }); // such as at the session's end
    setInterval(waits, 20000);
    document.addEventListener("visibilitychange", () => { if (late && !document.hidden) soon(); });
    addEventListener("pagehide", () => source.close());
  }

  addEventListener("DOMContentLoaded", () => {
    for (const part of document.querySelectorAll("[data-news]")) was.set(part.id, part.innerHTML);
    announce();
    if (was.size === 0) return;
    listen();
  });
}

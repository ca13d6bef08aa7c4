// A new password: what is weak about it while it is typed, in words and in this
// browser alone, and a passphrase that the recorder draws.
"use strict";
{
  const kinds = [[/[a-z]/, "a lower-case letter"], [/[A-Z]/, "an upper-case letter"], [/[0-9]/, "a digit"], [/[^a-zA-Z0-9]/, "a sign"]];
  const common = ["password", "passwort", "passw0rd", "p@ssw", "admin", "administrator", "lorex", "dahua", "amcrest", "hikvision", "hikvis", "flir", "camera", "cctv", "nvr", "dvr",
    "recorder", "security", "qwerty", "welcome", "letmein", "changeme", "default", "login", "master", "monkey", "dragon", "football", "baseball", "iloveyou", "sunshine", "princess",
    "superman", "batman", "trustno", "secret", "summer", "winter", "spring", "autumn", "service", "installer", "support", "system", "test", "guest", "root", "user", "hello"];
  const rows = ["abcdefghijklmnopqrstuvwxyz", "0123456789", "1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "1qaz2wsx3edc", "1q2w3e4r5t6y"];

  // missing is what the recorder's rule still wants.
  function missing(pw, rule) {
    const lines = [];
    if (pw.length < rule.min) lines.push(rule.min - pw.length === 1 ? "1 more character" : `${rule.min - pw.length} more characters`);
    const absent = kinds.filter(([re]) => !re.test(pw)).map(([, name]) => name);
    if (4 - absent.length < rule.classes) lines.push(absent.join(" or "));
    return lines;
  }

  function refused(pw, rule) {
    const bad = [...new Set([...pw].filter((c) => rule.forbidden.includes(c)))];
    if (pw.length > rule.max) return `Too long: this recorder takes ${rule.max} characters at most.`;
    if (bad.length > 0) return `This recorder does not take ${bad.join(" ")}`;
    if (/[^!-~]/.test(pw)) return "This recorder takes letters, digits and signs of plain ASCII, without blanks.";
    return "";
  }

  function follows(low) {
    for (const row of rows) {
      const back = [...row].reverse().join("");
      for (let i = 0; i + 4 <= low.length; i++) {
        const part = low.slice(i, i + 4);
        if (row.includes(part) || back.includes(part)) return true;
      }
    }
    return false;
  }

  // weak names what programs try first. It cannot know everything that they try.
  function weak(pw, user) {
    const low = pw.toLowerCase();
    const plain = low.replace(/[@4]/g, "a").replace(/0/g, "o").replace(/[1!]/g, "i").replace(/3/g, "e").replace(/[$5]/g, "s");
    const lines = [];
    if (user.length > 2 && low.includes(user.toLowerCase())) lines.push("The user name is in it. That is tried first.");
    const word = common.find((w) => w !== user.toLowerCase() && (low.includes(w) || plain.includes(w)));
    if (word) lines.push("A word that everybody takes is in it. Such words are tried first, with other signs for letters, too.");
    if (/(.)\1\1/.test(low) || /(..+)\1\1/.test(low) || /^(.{2,})\1$/.test(low)) lines.push("Something in it is repeated. That adds little.");
    if (follows(low)) lines.push("Neighbours of the alphabet, of the digits or of the keyboard are in it. They are tried first.");
    if (/(19|20)\d\d/.test(low)) lines.push("A year is in it. Years are tried first.");
    if (/^[a-z]+[0-9]{1,4}[^a-z0-9]?$/i.test(pw)) lines.push("A word with a number behind it is the pattern that most people take, and that is tried first.");
    return lines;
  }

  function length(pw, rule) {
    if (rule.max < 12) return `${rule.max} characters are all that this recorder takes. Draw them by chance, and do not let it be reached from the internet.`;
    if (pw.length < 12) return "Short. Each character more makes it harder to guess; take 12 or more.";
    return "";
  }

  function advice(pw, rule, user) {
    if (pw === "") return [];
    const no = refused(pw, rule);
    const more = missing(pw, rule);
    const lines = [...(no ? [no] : []), ...(more.length > 0 ? [`Still wanted: ${more.join("; ")}.`] : [])];
    if (pw.length < rule.min) return lines; // it is still being typed
    const poor = weak(pw, user);
    const short = length(pw, rule);
    lines.push(...poor, ...(short ? [short] : []));
    if (lines.length === 0) lines.push("Nothing that is tried first was seen in it. It is good if nobody could guess how you came by it, and if it is used nowhere else.");
    return lines;
  }

  function write(at, lines) {
    const list = document.createElement("ul");
    list.append(...lines.map((line) => Object.assign(document.createElement("li"), {textContent: line})));
    if (at.textContent !== list.textContent) at.replaceChildren(...(lines.length > 0 ? [list] : []));
  }

  function watch(form, policy) {
    const rule = {min: Number(policy.dataset.min), max: Number(policy.dataset.max), classes: Number(policy.dataset.classes), forbidden: policy.dataset.forbidden};
    const fresh = form.elements.namedItem("new");
    const again = form.elements.namedItem("confirm");
    const user = form.elements.namedItem("username")?.value ?? "";
    const [below, belowAgain] = form.querySelectorAll(".advice");
    let wait = 0;
    form.addEventListener("input", (e) => {
      if (e.target !== fresh && e.target !== again) return;
      clearTimeout(wait);
      wait = setTimeout(() => {
        write(below, advice(fresh.value, rule, user));
        write(belowAgain, again.value !== "" && !fresh.value.startsWith(again.value) ? ["The two are not the same."] : []);
      }, 250);
    });
    form.addEventListener("focusout", (e) => {
      if (e.relatedTarget?.type === "submit") return; // a line that pushes the button away under the mouse swallows the click
      if (e.target === again && again.value !== "" && again.value !== fresh.value) write(belowAgain, ["The two are not the same."]);
    });
    passphrase(form.querySelector(".passphrase"), [fresh, again]);
  }

  // passphrase is drawn by the recorder, shown, and filled in when it is taken.
  function passphrase(box, fields) {
    const [draw, drawn, words, limit, taken] = [".draw", ".drawn", ".words", ".limit", ".taken"].map((s) => box.querySelector(s));
    draw.hidden = false;

    async function ask() {
      taken.textContent = "";
      try {
        const got = await fetch("/passphrase", {method: "POST", headers: {Accept: "application/json"}});
        const view = await got.json();
        if (!got.ok) throw new Error(view.detail);
        words.textContent = view.words;
        limit.textContent = view.limit ?? "";
        limit.hidden = !view.limit;
        drawn.hidden = false;
        draw.hidden = true;
        words.focus({preventScroll: true}); // so that it is read out
        drawn.scrollIntoView({block: "nearest"});
      } catch (e) {
        taken.textContent = `No passphrase was drawn: ${e.message}`;
      }
    }

    draw.addEventListener("click", ask);
    addEventListener("pagehide", () => { // who comes back by Back does not find it here
      words.textContent = "";
      drawn.hidden = true;
      draw.hidden = false;
    });
    box.querySelector(".another").addEventListener("click", ask);
    box.querySelector(".take").addEventListener("click", () => {
      for (const f of fields) {
        f.value = words.textContent;
        f.dispatchEvent(new InputEvent("input", {bubbles: true, inputType: "insertReplacementText"}));
        f.dispatchEvent(new Event("change", {bubbles: true}));
      }
      taken.textContent = "It stands in New Password and in Confirm Password. It counts once you press OK.";
    });
  }

  for (const policy of document.querySelectorAll(".policy[data-min]")) watch(policy.closest("form"), policy);
}

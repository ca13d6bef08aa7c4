// Passkeys: log-in, the registration behind a one-time link, and the fresh proof
// of presence that some forms need.
"use strict";
{
  // post sends JSON to the desk's API and gives what it answers, or throws its words.
  async function post(path, body) {
    let got;
    try {
      got = await fetch("/api/v1/" + path, {
        method: "POST",
        headers: {Accept: "application/json", "Content-Type": "application/json"},
        body: JSON.stringify(body),
      });
    } catch {
      throw new Error("The desk does not answer. Nothing was done; try again.");
    }
    const text = await got.text();
    const view = text === "" ? {} : JSON.parse(text);
    if (got.ok) return view;
    if (got.status === 401 && path === "step-up") throw new Error("Your session is over. Nothing was done; log in again.");
    const detail = view.detail || got.statusText || "It did not work";
    throw new Error(detail.charAt(0).toUpperCase() + detail.slice(1) + ".");
  }

  // words says what became of a ceremony that a browser broke off.
  function words(error) {
    if (error.name === "NotAllowedError" || error.name === "AbortError") return "The passkey was not used. Nothing was done; try again.";
    if (error.name === "InvalidStateError") return "This device or key is registered already.";
    if (error.name === "SecurityError") return "The browser takes no passkey at this address. Open the desk by its own name.";
    return error.message;
  }

  async function prove(ceremony) {
    const options = PublicKeyCredential.parseRequestOptionsFromJSON(ceremony.options.publicKey);
    const got = await navigator.credentials.get({publicKey: options});
    return {id: ceremony.id, assertion: got.toJSON()};
  }

  // during shows that something is going on, and what went wrong, beside the form.
  async function during(form, act) {
    const said = form.querySelector(".waiting");
    if (form.dataset.busy) return;
    form.dataset.busy = "yes";
    said.classList.remove("bad");
    said.textContent = "Use your passkey now\u2026";
    try {
      if (!window.PublicKeyCredential) throw new Error("This browser has no passkeys, or the desk is not opened over https.");
      await act();
      said.textContent = "";
    } catch (error) {
      said.classList.add("bad");
      said.textContent = words(error);
    } finally {
      delete form.dataset.busy;
    }
  }

  const login = document.getElementById("log-in");
  login?.addEventListener("submit", (event) => {
    event.preventDefault();
    during(login, async () => {
      await post("login", await prove(await post("login/begin", {})));
      location.assign(login.dataset.to);
    });
  });

  const join = document.querySelector("#join form");
  if (join) {
    const token = location.hash.slice(1);
    if (token !== "") history.replaceState(null, "", location.pathname); // it must not stay in the history
    join.addEventListener("submit", (event) => {
      event.preventDefault();
      during(join, async () => {
        if (token === "") throw new Error("This is not the whole link. Open it as you were given it, with all that stands after the #.");
        const {ceremony} = await post("join/begin", {token});
        const made = await navigator.credentials.create({publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(ceremony.options.publicKey)});
        const agent = await post("join", {token, id: ceremony.id, credential: made.toJSON(), label: join.elements.label.value});
        const done = document.getElementById("joined");
        join.hidden = true;
        done.hidden = false;
        done.querySelector("p").textContent = `The passkey of ${agent.name} is registered. The link is worth nothing any more.`;
        done.querySelector("a").focus();
      });
    });
  }

  // A form with a field step_up is sent once the field is filled in: with a proof
  // for what the form is about to do, and for nothing else.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const field = form.querySelector("input[name=step_up]");
    if (!field || field.value !== "") return;
    event.preventDefault();
    const button = event.submitter;
    // Values as the desk takes them: without blanks around, boxes that are ticked sorted,
    // and what stands in a field of many lines one a line.
    const sent = new FormData(form, button);
    const named = field.dataset.fields.split(" ").filter((name) => name !== "");
    const lines = (name) => form.elements[name] instanceof HTMLTextAreaElement;
    const values = named.map((name) => lines(name) ? sent.get(name).trim().split(/\s+/).join("\n") : sent.getAll(name).map((value) => value.trim()).sort().join(" "));
    const object = [field.dataset.object, ...values].filter((value, i) => i > 0 || value !== "").join("\n");
    during(form, async () => {
      const begun = await post("step-up", {act: field.dataset.act, case: Number(field.dataset.case), object});
      field.value = JSON.stringify(await prove(begun));
      form.requestSubmit(button);
    });
  });
  addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("input[name=step_up]")) field.value = "";
  });
}

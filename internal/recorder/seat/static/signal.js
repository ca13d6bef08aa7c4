// The screen sees by itself that the power went, and that it is back. Without
// this file the next click shows it.
"use strict";
{
  const dead = Boolean(document.querySelector(".dead"));
  const often = 2000;

  async function look() {
    const answer = await fetch("/panel/signal", {headers: {Accept: "application/json"}});
    if (!answer.ok) return; // nobody stands here any more, or there is no panel
    const {power} = await answer.json();
    if ((power === "off") !== dead) location.reload();
    else setTimeout(watch, often);
  }

  // A recorder that does not answer is asked again.
  function watch() {
    look().catch(() => setTimeout(watch, often));
  }

  setTimeout(watch, often);
}

// The answer's time: it is counted down, told to a screen reader at a minute and
// at ten seconds, and at its end the answer is taken from the page. Leaving the
// page takes it, too, so that going back shows nothing.
"use strict";
{
  const clock = document.querySelector(".countdown");
  if (clock) {
    const answer = document.getElementById("answer");
    const until = performance.now() + Number(clock.dataset.seconds) * 1000;
    const said = document.createElement("span");
    said.className = "unseen";
    said.setAttribute("role", "status");
    clock.after(said);

    function tick() {
      const left = Math.ceil((until - performance.now()) / 1000);
      if (left <= 0) {
        answer.remove();
        location.replace(clock.dataset.to);
        return;
      }
      clock.textContent = left === 1 ? "1 second" : left + " seconds";
      if (left === 60 || left === 10) said.textContent = `The answer goes away in ${left} seconds.`;
      setTimeout(tick, 250);
    }
    tick();
    addEventListener("pagehide", () => answer.remove());
  }
}

// The progress of a backup, once a second. Without this file the page shows it
// as of when it was loaded.
"use strict";

const progress = document.getElementById("progress");

async function look() {
  const answer = await fetch(location.pathname, {headers: {Accept: "application/json"}});
  if (!answer.ok) return location.reload();
  const now = await answer.json();
  if (now.phase !== progress.dataset.phase) return location.reload();
  progress.querySelector("progress").value = now.bytes ? Math.floor(now.bytes_done / now.bytes * 100) : 0;
  document.getElementById("progress-text").textContent = now.text;
  setTimeout(watch, 1000);
}

// A recorder that does not answer is asked again.
function watch() {
  look().catch(() => setTimeout(watch, 3000));
}

if (progress) setTimeout(watch, 1000);

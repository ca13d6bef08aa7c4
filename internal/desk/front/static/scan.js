// Reading a QR code by the camera, from a chosen picture, or from one that was
// pasted. Pictures are made small here; the desk reads them.
"use strict";
{
  const side = 1280; // of a picture that is sent, at most
  const lookFor = 60 * 1000; // the camera is off again after a minute
  const pause = 350;

  const message = (box, text, bad) => {
    const said = box.querySelector(".waiting");
    said.textContent = text;
    said.classList.toggle("bad", Boolean(bad));
  };

  // small draws a picture or a frame of a video to a JPEG.
  function small(source, width, height) {
    const scale = Math.min(1, side / Math.max(width, height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => { canvas.toBlob(done, "image/jpeg", 0.85); });
  }

  async function read(picture) {
    const got = await fetch("/scan", {method: "POST", headers: {Accept: "application/json", "Content-Type": "image/jpeg"}, body: picture});
    const view = await got.json();
    if (got.ok) return view.text;
    throw new Error(view.detail);
  }

  // use puts the text into its field and sends the form, unless that needs more
  // from the agent first.
  function use(box, text) {
    const field = document.getElementById(box.dataset.into);
    field.value = text;
    field.dispatchEvent(new Event("input", {bubbles: true}));
    box.open = false;
    if (field.form.querySelector("input[name=step_up]")) field.focus();
    else field.form.requestSubmit();
  }

  async function readFile(box, file) {
    message(box, "Reading the picture\u2026");
    try {
      const picture = await createImageBitmap(file);
      const text = await read(await small(picture, picture.width, picture.height));
      if (text === "") message(box, "No QR code can be read in this picture. Take it again, closer and in better light.", true);
      else use(box, text);
    } catch (error) {
      message(box, error.name === "InvalidStateError" ? "This is no picture that can be read." : error.message, true);
    }
  }

  async function watch(box, video, button) {
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment", width: {ideal: side}}});
    } catch {
      message(box, "There is no camera, or it was not allowed.", true);
      return;
    }
    const stop = () => {
      for (const track of stream.getTracks()) track.stop();
      video.hidden = true;
      button.textContent = "Use the camera";
    };
    button.textContent = "Stop the camera";
    video.hidden = false;
    video.srcObject = stream;
    await video.play();
    message(box, "Hold the QR code into the picture.");
    const until = performance.now() + lookFor;
    try {
      while (!video.hidden && performance.now() < until && box.isConnected) {
        const text = await read(await small(video, video.videoWidth, video.videoHeight));
        if (text !== "") {
          stop();
          use(box, text);
          return;
        }
        await new Promise((done) => { setTimeout(done, pause); });
      }
      message(box, video.hidden ? "" : "Nothing was read in a minute. Try a picture, or paste the text.");
    } catch (error) {
      message(box, error.message, true);
    }
    stop();
  }

  function scanner(box) {
    const form = box.querySelector("form");
    const file = form.elements.picture;
    file.addEventListener("change", () => { if (file.files[0]) readFile(box, file.files[0]); });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (file.files[0]) readFile(box, file.files[0]);
    });
    form.querySelector("button").hidden = true;
    if (!navigator.mediaDevices) return;
    const camera = box.querySelector(".camera");
    const button = camera.querySelector("button");
    const video = camera.querySelector("video");
    camera.hidden = false;
    button.addEventListener("click", () => {
      if (video.hidden) watch(box, video, button);
      else video.hidden = true;
    });
  }

  addEventListener("news", () => {
    for (const box of document.querySelectorAll("details.scan:not([data-ready])")) {
      box.dataset.ready = "yes";
      scanner(box);
    }
  });

  addEventListener("paste", (event) => {
    const box = document.querySelector("details.scan");
    const picture = [...(event.clipboardData?.files ?? [])].find((file) => file.type.startsWith("image/"));
    if (!box || !picture) return;
    event.preventDefault();
    box.open = true;
    readFile(box, picture);
  });
}

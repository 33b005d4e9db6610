"use strict";
(() => {
  const form = document.getElementById("drop");
  const input = document.getElementById("photo");
  const camera = document.getElementById("camera");
  const viewfinder = document.getElementById("viewfinder");
  const preview = document.getElementById("preview");
  const problem = document.getElementById("problem");

  function showProblem(words) {
    problem.textContent = words;
    problem.hidden = !words;
  }

  /** Sends the first picture of a drop, a paste or the camera, as if it had been chosen. */
  function send(files) {
    const picture = [...files].find((file) => file.type.startsWith("image/"));
    if (!picture) {
      showProblem("This is not a picture: drop a JPEG, PNG or WebP.");
      return;
    }
    const transfer = new DataTransfer();
    transfer.items.add(picture);
    input.files = transfer.files;
    form.requestSubmit();
  }

  input.addEventListener("change", () => input.files.length && form.requestSubmit());
  addEventListener("paste", (event) => event.clipboardData.files.length && send(event.clipboardData.files));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  addEventListener("dragleave", (event) => event.relatedTarget ?? form.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    send(event.dataTransfer.files);
  });

  function release() {
    for (const track of preview.srcObject?.getTracks() ?? []) track.stop();
    viewfinder.hidden = true;
    camera.hidden = false;
  }

  // Browsers allow the camera only on pages from this computer, or over https.
  camera.hidden = !navigator.mediaDevices;
  camera.addEventListener("click", async () => {
    camera.hidden = true; // With a second stream, the first would never be turned off.
    showProblem("");
    try {
      preview.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 1280 } });
      await preview.play();
      viewfinder.hidden = false;
    } catch (error) {
      release();
      showProblem(`The camera cannot be used (${error.message}); choose a picture instead.`);
    }
  });
  document.getElementById("shoot").addEventListener("click", () => {
    const canvas = document.createElement("canvas");
    canvas.width = preview.videoWidth;
    canvas.height = preview.videoHeight;
    canvas.getContext("2d").drawImage(preview, 0, 0);
    release();
    canvas.toBlob((blob) => send([new File([blob], "camera.jpg", { type: "image/jpeg" })]), "image/jpeg", 0.95);
  });
})();

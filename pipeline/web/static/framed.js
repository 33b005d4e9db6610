"use strict";
(() => {
  const report = document.getElementById("report");

  // The report is in a sandbox, from where no page of the server can be opened.
  addEventListener("message", ({ source, data }) => {
    const crop = data?.crop;
    if (source !== report.contentWindow || !Array.isArray(crop) || crop.length !== 3) return;
    const [person, emotion, file] = crop.map((part) => encodeURIComponent(String(part)));
    location.assign(`/review/${report.dataset.movie}/${person}/${emotion}#${file}`);
  });
})();

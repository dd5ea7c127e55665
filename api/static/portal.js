// The live part of the page: the server sends it again whenever usage is counted. Without this script it can be loaded anew.
"use strict";
const part = document.getElementById("usage");
if (part && "EventSource" in window) {
  const source = new EventSource(part.dataset.stream);
  part.classList.add("lives");
  source.addEventListener("usage", (told) => {
    part.innerHTML = JSON.parse(told.data).html;
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) part.classList.remove("lives");
  });
  addEventListener("pagehide", () => source.close());
}

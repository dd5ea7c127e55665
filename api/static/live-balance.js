// The live balance of an account's page: texts and meters follow the stream, which says them as the page does.
"use strict";
(() => {
  const card = document.getElementById("live-balance");
  if (!card || !window.EventSource || !card.querySelector("[data-live]")) return;
  const set = (place, text) => {
    if (place && place.textContent !== text) place.textContent = text;
  };
  const show = (balance) => {
    for (const [name, text] of Object.entries(balance.texts)) set(card.querySelector(`[data-live="${name}"]`), text);
    for (const one of balance.meters) {
      const key = CSS.escape(one.key);
      const meter = card.querySelector(`[data-live-meter="${key}"]`);
      if (meter) [meter.max, meter.value] = [one.included, one.used];
      set(card.querySelector(`[data-live-words="${key}"]`), one.words);
    }
  };
  const stream = new EventSource(card.dataset.stream);
  stream.addEventListener("balance", (event) => show(JSON.parse(event.data)));
  window.addEventListener("pagehide", () => stream.close());
})();

// The live balance of an account's page: words and meters follow the stream while the page is open.
"use strict";
(() => {
  const card = document.getElementById("live-balance");
  if (!card || !window.EventSource || !card.querySelector("[data-live]")) return;
  const money = (one) => {
    const format = new Intl.NumberFormat("en-GB", { style: "currency", currency: one.currency });
    return format.format(one.amount_minor / 10 ** format.resolvedOptions().maximumFractionDigits);
  };
  const set = (name, text) => {
    const place = card.querySelector(`[data-live="${name}"]`);
    if (place && place.textContent !== text) place.textContent = text;
  };
  const number = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 2 });
  const two = (part) => String(part).padStart(2, "0");
  const clock = (seconds) => {
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    return `${hours ? `${hours}:` : ""}${two(minutes)}:${two(seconds % 60)}`;
  };
  const bytes = (quantity, scale) => {
    const [step, names] = scale === "binary" ? [1024, ["B", "KiB", "MiB", "GiB", "TiB"]] : [1000, ["B", "kB", "MB", "GB", "TB"]];
    let place = 0;
    for (; quantity >= step && place < names.length - 1; place += 1) quantity /= step;
    return `${number.format(quantity)} ${names[place]}`;
  };
  // As the server writes it (usage_words.py).
  const written = (quantity, one) =>
    one.counts === "seconds" ? clock(quantity) : one.counts === "bytes" ? bytes(quantity, one.scale) : number.format(quantity);
  const show = (balance) => {
    set("charges", money(balance.charges));
    set("projected", money(balance.projected_charges));
    if (balance.last_update_at) set("updated", new Date(balance.last_update_at).toLocaleString("en-GB"));
    for (const line of balance.services) {
      for (const one of line.allowances) {
        const key = CSS.escape(`${line.service_id}/${one.code}`);
        const meter = card.querySelector(`[data-live-meter="${key}"]`);
        const words = card.querySelector(`[data-live-words="${key}"]`);
        const share = one.included ? Math.floor((100 * one.used) / one.included) : 0;
        if (meter) meter.value = one.used;
        if (words) words.textContent = `${share} % used · ${written(one.used, one)} of ${written(one.included, one)}`;
      }
    }
  };
  const stream = new EventSource(card.dataset.stream);
  stream.addEventListener("balance", (event) => show(JSON.parse(event.data)));
  window.addEventListener("pagehide", () => stream.close());
})();

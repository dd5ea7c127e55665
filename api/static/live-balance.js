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
  const whole = new Intl.NumberFormat("en-GB");
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
        if (words) words.textContent = `${share} % used · ${whole.format(one.used)} of ${whole.format(one.included)}`;
      }
    }
  };
  const stream = new EventSource(card.dataset.stream);
  stream.addEventListener("balance", (event) => show(JSON.parse(event.data)));
  window.addEventListener("pagehide", () => stream.close());
})();

/* The foot of a printed page says when it was printed; the server has put in who and from which page. */
import { $$, onClick } from "./dom.js";

window.addEventListener("beforeprint", () => {
  const now = new Date(), pad = n => String(n).padStart(2, "0");
  const text = `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())} ${pad(now.getHours())}:${pad(now.getMinutes())}`;
  $$("[data-print-time]").forEach(element => { element.textContent = text; });
});

onClick("[data-print]", () => window.print());

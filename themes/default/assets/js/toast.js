/* Short notices. The server sends them in the header HX-Trigger: {"ui:toast": {"text": …, "kind": …}}. */
import { $, onClick } from "./dom.js";

const KEEP = 4000, KEEP_ERROR = 12000;

export function toast(text, kind = "ok") {
  const box = document.createElement("div");
  box.className = `toast toast-${kind}`;
  box.textContent = text;
  $("#toasts")?.append(box);
  setTimeout(() => box.remove(), kind === "ok" ? KEEP : KEEP_ERROR);
}

document.addEventListener("ui:toast", event => toast(event.detail.text, event.detail.kind));
onClick("[data-toast]", button => toast(button.dataset.toast, button.dataset.kind));

// No answer at all: the line is down, or the server restarts. Said once, not for each waiting panel.
let told = 0;
document.addEventListener("htmx:error", () => {
  const text = document.body.dataset.offline;
  if (!text || Date.now() - told < KEEP_ERROR) return;
  told = Date.now();
  toast(text, "danger");
});

/* Drawers, confirmations, and boxes that open with content fetched by htmx. */
import { $, onClick, onContent } from "./dom.js";

onClick("[data-open]", (button, event) => {
  const dialog = document.getElementById(button.dataset.open);
  if (!dialog) return;
  event.preventDefault();
  if (!dialog.open) dialog.showModal();
});

onClick("[data-close]", button => button.closest("dialog")?.close());

// A click on the backdrop hits the dialog itself; a drag that ends there must not close it.
let pressedOn = null;
document.addEventListener("pointerdown", event => { pressedOn = event.target; });
onClick("dialog.drawer, dialog[data-light]", (dialog, event) => {
  if (event.target === dialog && pressedOn === dialog) dialog.close();
});

// A fragment may bring a dialog that is to be open from the start.
onContent(root => { const dialog = $("dialog[data-show]:not([open])", root); if (dialog) dialog.showModal(); });

onClick("[data-dismiss]", button => button.closest(".alert, .tag")?.remove());

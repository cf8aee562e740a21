/* Tabs inside a panel: arrows move and select. Tabs that are links need none of this. */
import { $$, onClick } from "./dom.js";

function select(tab) {
  const list = tab.closest("[role=tablist]");
  for (const other of $$("[role=tab]", list)) {
    const on = other === tab;
    other.setAttribute("aria-selected", String(on));
    other.tabIndex = on ? 0 : -1;
    const panel = document.getElementById(other.getAttribute("aria-controls"));
    if (panel) panel.hidden = !on;
  }
}

onClick("[role=tab]", select);

document.addEventListener("keydown", event => {
  const tab = event.target.closest?.("[role=tab]");
  if (!tab) return;
  const all = $$("[role=tab]", tab.closest("[role=tablist]")), at = all.indexOf(tab);
  const moves = { ArrowRight: at + 1, ArrowLeft: at - 1 + all.length, Home: 0, End: all.length - 1 };
  if (!(event.key in moves)) return;
  event.preventDefault();
  const next = all[moves[event.key] % all.length];
  select(next);
  next.focus();
});

/* Keys for the whole page: "/" searches, "?" lists the keys, Enter opens the row in focus. */
import { $, $$ } from "./dom.js";

const typing = element => Boolean(element?.closest?.("input, textarea, select, [contenteditable]"));
const plain = event => !event.ctrlKey && !event.metaKey && !event.altKey;

document.addEventListener("keydown", event => {
  if (typing(event.target) || !plain(event) || $("dialog[open]")) return;
  if (event.key === "/") {
    const box = $(".topbar-search input[type=search]");
    if (box) { event.preventDefault(); box.focus(); box.select(); }
  } else if (event.key === "?") {
    const help = document.getElementById("keys");
    if (help) { event.preventDefault(); help.showModal(); }
  } else if (event.key === "j" || event.key === "k") {
    moveRow(event.key === "j" ? 1 : -1, event);
  }
});

/** The focus moves along the rows' own links, so Enter opens the row without further help. */
function moveRow(step, event) {
  const links = $$("tbody tr").map(row => $("th a, td a", row)).filter(Boolean);
  if (!links.length) return;
  event.preventDefault();
  const row = document.activeElement?.closest?.("tr");
  const at = row ? links.findIndex(link => row.contains(link)) : -1;
  links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + step))].focus();
}

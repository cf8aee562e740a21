/* Menus that open from a button: arrows move, Esc closes and gives the focus back. <details> carries them, so they open
   without script too. */
import { $, $$ } from "./dom.js";

const items = menu => $$("a[href], button:not(:disabled)", menu);
const summary = host => $("summary", host);

const close = (host, back = false) => {
  host.open = false;
  if (back) summary(host).focus();
};

document.addEventListener("click", event => {
  $$("details.menu-host[open]").forEach(host => { if (!host.contains(event.target)) close(host); });
});

document.addEventListener("focusout", event => {
  const host = event.target.closest?.("details.menu-host[open]");
  if (host && event.relatedTarget && !host.contains(event.relatedTarget)) close(host);
});

document.addEventListener("keydown", event => {
  const host = event.target.closest?.("details.menu-host");
  if (!host) return;
  const all = items($(".menu", host)), at = all.indexOf(document.activeElement);
  const moves = { ArrowDown: at + 1, ArrowUp: at < 0 ? all.length - 1 : at - 1 + all.length, Home: 0, End: all.length - 1 };
  if (event.key === "Escape" && host.open) {
    event.preventDefault();
    close(host, true);
  } else if (event.key in moves && all.length) {
    event.preventDefault();
    host.open = true;
    all[moves[event.key] % all.length].focus();
  }
});

/* Behaviour shared by every page. No inline handlers, no eval: works under a strict CSP. Pages work without it. */
import htmx from "htmx.org/dist/htmx.esm.js";
import "./csrf.js";
import "./display.js";
import "./dialog.js";
import "./drafts.js";
import "./keys.js";
import "./list.js";
import "./menu.js";
import "./tabs.js";
import "./toast.js";
import "./print.js";

window.htmx = htmx;

/* Row height, text size and the collapsed menu: applied at once, kept in cookies. */
import { $, $$, keep, onClick } from "./dom.js";

const root = document.documentElement;

const press = (name, value) => $$(`button[data-${name}]`).forEach(button => button.setAttribute("aria-pressed", String(button.dataset[name] === value)));

const choose = (name, value, event) => {
  event.preventDefault(); // without script the same button posts a form
  if (value) root.dataset[name] = value; else delete root.dataset[name];
  keep(`crm_${name}`, value);
  press(name, value);
};

onClick("button[data-density]", (button, event) => choose("density", button.dataset.density, event));
onClick("button[data-size]", (button, event) => choose("size", button.dataset.size, event));

onClick("[data-toggle-side]", button => {
  const collapsed = root.dataset.side !== "collapsed";
  if (collapsed) root.dataset.side = "collapsed"; else delete root.dataset.side;
  keep("crm_side", collapsed ? "collapsed" : "");
  button.setAttribute("aria-expanded", String(!collapsed));
});

const toggle = $("[data-toggle-side]");
if (toggle) toggle.setAttribute("aria-expanded", String(root.dataset.side !== "collapsed"));

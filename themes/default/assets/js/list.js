/* Lists: selection with its bulk bar, filters that fold out. */
import { $, $$, onClick, onContent } from "./dom.js";

const rows = list => $$("tbody input[type=checkbox][name=id]", list);

function sync(list) {
  const boxes = rows(list), on = boxes.filter(box => box.checked).length;
  boxes.forEach(box => box.closest("tr").classList.toggle("is-on", box.checked));
  const all = $("[data-check-all]", list);
  if (all) { all.checked = on > 0 && on === boxes.length; all.indeterminate = on > 0 && on < boxes.length; }
  const bulk = $("[data-bulk]", list), applied = $("[data-applied]", list), count = $("[data-bulk-count]", list);
  if (count) count.textContent = count.dataset.text ? count.dataset.text.replace("{n}", on) : on;
  if (bulk) bulk.hidden = on === 0;
  if (bulk && applied) applied.hidden = on > 0;
}

document.addEventListener("change", event => {
  const list = event.target.closest(".list-panel");
  if (!list) return;
  if (event.target.matches("[data-check-all]")) rows(list).forEach(box => { box.checked = event.target.checked; });
  sync(list);
});

// A page size, or any select marked so, sends its form when it is changed; without script there is a button.
document.addEventListener("change", event => { if (event.target.matches("select[data-submit]")) event.target.form.requestSubmit(); });

onClick("[data-bulk-clear]", button => {
  const list = button.closest(".list-panel");
  rows(list).forEach(box => { box.checked = false; });
  sync(list);
});

onClick("[data-toggle-filters]", button => {
  button.setAttribute("aria-expanded", String(button.closest(".filters").classList.toggle("is-open")));
});

onClick("[data-toggle-table]", button => {
  const table = document.getElementById(`${button.dataset.toggleTable}-data`), chart = document.getElementById(`${button.dataset.toggleTable}-chart`);
  const show = table.classList.contains("vh");
  table.classList.toggle("vh", !show);
  chart.hidden = show;
  button.setAttribute("aria-pressed", String(show));
});

onContent(root => $$(".list-panel", root).forEach(sync));

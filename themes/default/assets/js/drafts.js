/* A form somebody is filling in while their session runs out: what they typed is kept on the server a moment before, and
   stands in the form again after the next sign-in. Hidden fields, passwords and files are never sent. */
import { $, $$ } from "./dom.js";

const EARLY = 45; // seconds before the end
const SKIP = "[type=hidden], [type=password], [type=file], [type=submit], [type=button]";

const controls = form => $$("input[name], textarea[name], select[name]", form).filter(field => !field.matches(SKIP));
const kept = form => form.method === "post" && !form.matches("[data-no-draft]") && controls(form).length > 0;
const ask = (url, options = {}) => fetch(url, { ...options, headers: { "Accept": "application/json", "Content-Type": "application/json",
  "X-Background": "1", "X-CSRFToken": $("meta[name=csrf-token]")?.content ?? "" } });

function typed(form) {
  const fields = {};
  for (const field of controls(form)) {
    if (/^(checkbox|radio)$/.test(field.type) && !field.checked) continue;
    (fields[field.name] ??= []).push(field.value);
  }
  return fields;
}

const touched = new Set();
let timer = 0;

async function watch() {
  clearTimeout(timer);
  try {
    const { alive, seconds } = await (await ask("/session/alive")).json();
    if (!alive) return;
    if (seconds > EARLY) { timer = setTimeout(watch, (seconds - EARLY + 1) * 1000); return; }
    for (const form of touched) {
      await ask("/session/draft", { method: "POST", body: JSON.stringify({ url: location.pathname + location.search, fields: typed(form) }) });
    }
  } catch { timer = setTimeout(watch, EARLY * 500); } // the line is down: try once more before the end
}

document.addEventListener("input", event => {
  const form = event.target.form;
  if (!$(".app") || !form || event.target.matches(SKIP) || touched.has(form) || !kept(form)) return;
  touched.add(form);
  if (touched.size === 1) watch();
});
document.addEventListener("submit", event => touched.delete(event.target));

/* A form somebody is filling in while their session runs out: what they typed is kept on the server a moment before, and
   stands in the form again after the next sign-in. Hidden fields, passwords, files and fields of class C2 are never sent. */
import { $, $$ } from "./dom.js";

const EARLY = 45; // seconds before the end
const AGAIN = 5; // seconds between looks in that time: they may still be typing
const SKIP = "[data-class^=C2], [type=hidden], [type=password], [type=file], [type=submit], [type=button]";

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

const changed = new Set();
let timer = 0;

async function watch() {
  clearTimeout(timer);
  timer = -1;
  try {
    const { alive, seconds } = await (await ask("/session/alive")).json();
    if (!alive) return;
    if (seconds <= EARLY) await send();
    timer = setTimeout(watch, (seconds > EARLY ? seconds - EARLY + 1 : AGAIN) * 1000);
  } catch { timer = setTimeout(watch, AGAIN * 1000); } // the line is down: try again before the end
}

async function send() {
  for (const form of [...changed]) {
    changed.delete(form);
    try {
      await ask("/session/draft", { method: "POST", body: JSON.stringify({ url: location.pathname + location.search, fields: typed(form) }) });
    } catch (error) { changed.add(form); throw error; }
  }
}

document.addEventListener("input", event => {
  const form = event.target.form;
  if (!$(".app") || !form || event.target.matches(SKIP) || !kept(form)) return;
  changed.add(form);
  if (!timer) watch();
});
document.addEventListener("submit", event => changed.delete(event.target));

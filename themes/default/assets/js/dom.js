export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Runs `what(element, event)` for clicks on, or inside, elements that match, now and later. */
export const onClick = (selector, what) => document.addEventListener("click", event => {
  const element = event.target.closest?.(selector);
  if (element) what(element, event);
});

/** Runs `what(root)` now and for each piece of page that htmx brings in. */
export const onContent = what => {
  what(document);
  document.addEventListener("htmx:after:settle", event => what(event.target instanceof Element ? event.target : document));
};

/** A choice this browser keeps; the server reads it and renders the page that way from the start. */
export const keep = (name, value) => {
  document.cookie = `${name}=${encodeURIComponent(value)};path=/;max-age=31536000;samesite=lax` + (location.protocol === "https:" ? ";secure" : "");
};

/* Requests that htmx sends from outside a form carry the token of the page. */
import { $ } from "./dom.js";

document.addEventListener("htmx:config:request", event => {
  const request = event.detail.ctx.request, token = $("meta[name=csrf-token]")?.content;
  if (token && !/^(GET|HEAD)$/i.test(request.method)) request.headers["X-CSRFToken"] = token;
});

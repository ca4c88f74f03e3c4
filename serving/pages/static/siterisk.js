// The pages work without this; it makes a few things quicker.
"use strict";

// A choice in a form marked so is sent at once.
for (const form of document.querySelectorAll("form[data-at-once]")) {
  form.addEventListener("change", (event) => {
    if (event.target.matches("select, input[type=checkbox], input[type=radio]")) form.requestSubmit();
  });
}

// A button marked so prints the page.
for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// What a range or number field says beside it.
for (const output of document.querySelectorAll("output[for]")) {
  const field = document.getElementById(output.htmlFor.value);
  if (field) field.addEventListener("input", () => { output.value = field.value; });
}

function fill(place, text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  place.replaceChildren(...(page.querySelector("main") ?? page.body).childNodes);
}

// A place with data-load gets what its link leads to, once the page is there; if that fails the link stays.
for (const place of document.querySelectorAll("[data-load]")) {
  fetch(place.querySelector("a").href, { headers: { "X-Part": "1" }, credentials: "same-origin" })
    .then((answer) => (answer.ok ? answer.text() : Promise.reject(answer.status)))
    .then((text) => fill(place, text), () => {});
}

// A form with data-into shows its answer in that place instead of on a page of its own.
for (const form of document.querySelectorAll("form[data-into]")) {
  const place = document.getElementById(form.dataset.into);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const answer = await fetch(form.action, {
        method: "POST", body: new URLSearchParams(new FormData(form)), headers: { "X-Part": "1" }, credentials: "same-origin",
      });
      fill(place, await answer.text());
    } catch {
      form.submit();
    } finally {
      button.disabled = false;
    }
  });
}

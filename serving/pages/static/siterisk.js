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

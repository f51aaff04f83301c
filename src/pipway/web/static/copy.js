// Copy buttons, and the address as the browser sees it: behind a TLS or path-rewriting proxy that is the right one.
"use strict";
(() => {
  const shown = document.getElementById("address").dataset.base;
  const real = new URL(".", location.href).href.replace(/\/$/, "");
  if (real !== shown && new URL(shown).host === location.host) {
    for (const code of document.querySelectorAll("code")) {
      code.textContent = code.textContent.replaceAll(shown, real);
    }
  }

  const said = document.getElementById("said");

  function select(code) {
    const range = document.createRange();
    range.selectNodeContents(code);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  async function copy(code) {
    if (navigator.clipboard) {
      try {
        await navigator.clipboard.writeText(code.textContent);
        return true;
      } catch {
        // not permitted: fall through to the selection
      }
    }
    select(code); // plain http has no clipboard API except on loopback
    return document.execCommand("copy");
  }

  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const done = await copy(button.closest(".snippet").querySelector("code"));
      button.textContent = done ? "Copied" : "Press Ctrl+C";
      button.classList.toggle("done", done);
      said.textContent = done ? "Copied to the clipboard" : "Selected; press Ctrl+C to copy";
      setTimeout(() => {
        button.textContent = "Copy";
        button.classList.remove("done");
        said.textContent = "";
      }, 2000);
    });
  }
})();

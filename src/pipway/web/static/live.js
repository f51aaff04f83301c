// New requests as they come. All text is set as text, never as markup; the filter is the server's work.
"use strict";
(() => {
  const table = document.querySelector("table");
  const rows = document.getElementById("rows");
  const model = document.getElementById("row").content.firstElementChild;
  const empty = document.getElementById("empty");
  const state = document.getElementById("state");
  const pause = document.getElementById("pause");
  const most = Number(table.dataset.most);
  let last = table.dataset.last;
  let source = null;
  let skipped = 0;

  const size = (n) => (n < 1000 ? `${n} B` : n < 1e6 ? `${(n / 1000).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`);

  function duration(seconds) {
    if (seconds === null) return "";
    if (seconds < 0.001) return `${(seconds * 1e6).toFixed(0)} µs`;
    if (seconds >= 10) return `${seconds.toFixed(0)} s`;
    return `${(seconds * 1000).toFixed(seconds < 0.1 ? 1 : 0)} ms`;
  }

  // Where it is and what it is called; the folders in between are made of digits.
  function short(target) {
    const parts = target.split("?")[0].split("/");
    if (target.length <= 60 || parts.length < 6) return target;
    return [...parts.slice(0, 4), "…", parts[parts.length - 1]].join("/");
  }

  // By the reader's clock; the page itself says UTC.
  function clock(time) {
    const date = new Date(time.dateTime);
    const two = (n) => String(n).padStart(2, "0");
    const milliseconds = String(date.getMilliseconds()).padStart(3, "0");
    time.textContent = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
  }

  function made(entry) {
    const row = model.cloneNode(true);
    const set = (selector, text) => { row.querySelector(selector).textContent = text; };
    const time = row.querySelector("time");
    time.dateTime = new Date(entry.ended * 1000).toISOString();
    clock(time);
    set(".client b", entry.tool || "–");
    set(".client span", entry.version);
    set(".badge", entry.outcome);
    row.querySelector(".badge").classList.add(entry.outcome);
    set(".status", entry.status);
    set(".method", entry.method);
    set(".target", short(entry.target));
    row.querySelector(".target").title = entry.target;
    set(".reason", entry.reason);
    set(".bytes", size(entry.sent));
    set(".first", duration(entry.first));
    set(".total", duration(entry.seconds));
    set(".route", entry.route);
    set(".peer", entry.peer);
    return row;
  }

  function say(text, kind) {
    state.className = `state ${kind}`;
    state.lastElementChild.textContent = text;
  }

  function count() {
    const shown = rows.childElementCount;
    const left = skipped ? ` ${skipped} more came too fast to be shown.` : "";
    return `${shown} request${shown === 1 ? "" : "s"}.${left}`;
  }

  function take(message) {
    const { entries, skipped: more } = JSON.parse(message.data);
    last = message.lastEventId;
    skipped += more;
    const added = document.createDocumentFragment();
    for (const entry of entries.reverse()) added.append(made(entry));
    rows.prepend(added);
    while (rows.childElementCount > most) rows.lastElementChild.remove();
    empty.hidden = rows.childElementCount > 0;
    say(`Live. ${count()}`, "good");
  }

  function start() {
    const query = new URLSearchParams(location.search);
    query.set("after", last);
    const mine = new EventSource(`live/events?${query}`);
    mine.onmessage = take;
    mine.onerror = () => {
      say("pipway does not answer; trying again.", "bad");
      if (mine.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      setTimeout(() => { if (source === mine) start(); }, 5000);
    };
    source = mine;
  }

  function stop() {
    source.close();
    source = null;
    say(`Paused. ${count()}`, "bad");
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    const running = source !== null;
    if (running) stop(); else start();
    pause.textContent = running ? "Go on" : "Pause";
    pause.setAttribute("aria-pressed", String(running));
  });
  for (const choice of document.querySelectorAll("#filter select")) {
    choice.addEventListener("change", () => choice.form.requestSubmit());
  }
  document.querySelector("#filter [type=submit]").classList.add("unseen"); // Enter does it
  document.getElementById("zone").textContent = "";
  for (const time of rows.querySelectorAll("time")) clock(time);
  start();
})();

// What all of the page uses: the model, its elements, and requests to the server.

"use strict";

const $ = (id) => document.getElementById(id);
const MODEL = JSON.parse($("model").textContent);
let running = null;  // the AbortController of the request on its way

function made(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
}

function say(words, bad = false) {
  $("status").textContent = words;
  $("status").classList.toggle("bad", bad);
}

async function ask(path, body) {
  const key = $("key").querySelector("input").value;
  const response = await fetch(path, {
    method: "POST",
    headers: {"Content-Type": "application/json", ...(key ? {Authorization: `Bearer ${key}`} : {})},
    body: JSON.stringify(body),
    signal: running.signal,
  });
  if (response.status === 401) $("key").hidden = false;
  return response;
}

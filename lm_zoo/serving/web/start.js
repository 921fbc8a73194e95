// The page's own life: a prediction is chosen, asked for, and stopped.

for (const [name, prediction] of Object.entries(MODEL.predictions)) {
  const isFirst = prediction.batching === "engine";  // a text that grows is what one looks for
  $("prediction").append(new Option(name, name, isFirst, isFirst));
}
$("choice").hidden = $("prediction").options.length === 1;

function chosen() {
  const name = $("prediction").value;
  return [name, MODEL.predictions[name]];
}

function clear() {
  $("text").replaceChildren();
  $("results").replaceChildren();
  $("legend").hidden = true;
  $("copy").disabled = true;
  hide();
}

function choose() {
  const [name, prediction] = chosen();
  buildForm(prediction, name);
  clear();
  say("");
}

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (running) return;
  const [name, prediction] = chosen();
  running = new AbortController();
  for (const id of ["go", "prediction"]) $(id).disabled = true;
  $("stop").disabled = false;
  clear();
  say("Waiting ...");
  try {
    await (prediction.batching === "engine" ? generate(prediction) : predict(name, prediction));
  } catch (error) {
    const stopped = error.name === "AbortError";
    say(stopped ? "Stopped." : error.message, !stopped);
  }
  running = null;
  for (const id of ["go", "prediction"]) $(id).disabled = false;
  $("stop").disabled = true;
  $("copy").disabled = !($("text").textContent || $("results").textContent);
});
$("prediction").addEventListener("change", choose);
$("stop").addEventListener("click", () => running && running.abort());
$("copy").addEventListener("click", () =>
  navigator.clipboard.writeText($("text").textContent || $("results").innerText));
$("form").addEventListener("keydown", (event) => {
  const isText = event.target.tagName === "TEXTAREA";
  if (isText && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    $("form").requestSubmit();
  }
});
choose();
$("texts").querySelector("textarea")?.focus();

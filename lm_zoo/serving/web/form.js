// The form of a prediction, made of the inputs that the model card says it has.

// What the endpoint of completions can be asked for besides the inputs of a prediction.
const COMPLETIONS = [
  {name: "echo", dtype: "bool", default: false, help: "Colour the prompt too."},
  {name: "ignore_eos", dtype: "bool", default: false, help: "Go on after an end token."},
];
const LINES = {name: "lines", dtype: "bool", default: true, help: "Each line is a text."};

function isText(input) {
  return input.dtype === "string" && input.default === null && input.each === "row";
}

function isRandom(input) {
  return input.name === "seed";
}

// The inputs that are settings, and those of this page that go with them.
function settingsOf(prediction) {
  const own = prediction.inputs.filter((input) => !isText(input));
  const names = new Set(own.map((input) => input.name));
  const more = prediction.batching === "engine" ? COMPLETIONS : [LINES];
  return [...own, ...more.filter((input) => !names.has(input.name))];
}

function isNumber(input) {
  return ["int32", "float32"].includes(input.dtype);
}

function controlOf(input) {
  const control = document.createElement(input.choices?.length ? "select" : "input");
  for (const choice of input.choices ?? []) control.append(new Option(choice));
  control.name = input.name;
  if (input.dtype === "bool") {
    control.type = "checkbox";
    control.checked = input.default;
  } else if (isNumber(input)) {
    control.type = "number";
    control.step = input.dtype === "int32" ? "1" : "any";
    const least = input.at_least ?? input.above;
    if (least !== null) control.min = least;
    if (input.at_most !== null) control.max = input.at_most;
    control.required = input.default === null;
  }
  if (isRandom(input)) control.placeholder = "random";
  else if (isNumber(input) || input.choices?.length) control.value = input.default ?? "";
  else if (input.each !== "list" && input.dtype === "string") control.value = input.default ?? "";
  control.autocomplete = "off";
  return control;
}

function fieldOf(input) {
  const label = made("label"), control = isText(input) ? made("textarea") : controlOf(input);
  if (isText(input)) {
    control.name = input.name;
    control.spellcheck = false;
  }
  const words = input.name.replaceAll("_", " "), help = made("small", input.help);
  help.id = `help-${input.name}`;
  control.setAttribute("aria-describedby", help.id);
  if (input.dtype === "bool") {
    label.className = "check";
    label.append(control, input.help || words);
  } else {
    label.append(words, " ", control, help);
  }
  return label;
}

function buildForm(prediction, name) {
  const before = Object.fromEntries(new FormData($("form")));
  $("texts").replaceChildren(...prediction.inputs.filter(isText).map(fieldOf));
  $("settings").replaceChildren(...settingsOf(prediction).map(fieldOf));
  for (const area of $("texts").querySelectorAll("textarea")) area.value = before[area.name] ?? "";
  $("help").textContent = prediction.help ?? "";
  $("go").textContent = (name[0].toUpperCase() + name.slice(1)).replaceAll("_", " ");
  $("text").hidden = prediction.batching !== "engine";
}

// Name -> value of every setting that is not left empty, as JSON has it.
function settingValues(prediction) {
  const values = {};
  for (const input of settingsOf(prediction)) {
    const control = $("settings").querySelector(`[name="${CSS.escape(input.name)}"]`);
    if (input.dtype === "bool") values[input.name] = control.checked;
    else if (control.value === "") continue;
    else if (isNumber(input)) values[input.name] = Number(control.value);
    else if (input.each === "list") values[input.name] = control.value.replaceAll("\\n", "\n");
    else values[input.name] = control.value;
  }
  return values;
}

// Name -> strings, of as many rows as have anything in them.
function textRows(prediction, byLines) {
  const names = prediction.inputs.filter(isText).map((input) => input.name);
  const columns = names.map((name) => {
    const area = $("texts").querySelector(`[name="${CSS.escape(name)}"]`);
    return byLines ? area.value.split("\n") : [area.value];
  });
  const count = Math.max(...columns.map((column) => column.length));
  const rows = [...Array(count).keys()];
  const kept = rows.filter((row) => columns.some((column) => (column[row] ?? "").trim()));
  return Object.fromEntries(
    names.map((name, i) => [name, kept.map((row) => columns[i][row] ?? "")])
  );
}

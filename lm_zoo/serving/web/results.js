// What a prediction found of each text, shown by the kinds of its outputs.

function written(figure) {
  if (figure === null) return "";
  if (Number.isInteger(figure)) return String(figure);
  return Math.abs(figure) < 1e6 ? figure.toFixed(3) : figure.toExponential(2);
}

function isProbability(name) {
  return /log_?probs?$/.test(name);
}

function stringOf(value) {
  if (typeof value === "string") return value;
  return new TextDecoder().decode(bytesOf(value));
}

// A token that is no text by itself is {"b64": ...}.
function bytesOf(value) {
  if (typeof value === "string") return new TextEncoder().encode(value);
  return Uint8Array.from(atob(value.b64), (character) => character.charCodeAt(0));
}

function isString(value) {
  return typeof value === "string" || (value instanceof Object && "b64" in value);
}

// Each row's values: output -> values, of which several rows' may follow one another.
function rowsOf(prediction, outputs, count) {
  const names = Object.keys(prediction.outputs);
  const columns = names.length === 1 ? {[names[0]]: outputs} : outputs;
  const rows = Array.from({length: count}, () => ({}));
  for (const name of names) {
    const lengths = columns[prediction.outputs[name].split(":")[1]];
    let end = 0;
    for (let row = 0; row < count; row++) {
      const begin = end;
      end += lengths ? lengths[row] : 1;
      rows[row][name] = lengths ? columns[name].slice(begin, end) : columns[name][row];
    }
  }
  return rows;
}

// Tokens and their log-probabilities as parts; a character belongs to the last of its tokens, and
// spaces of the text that no token has to the one after them.
function partsOfTokens(tokens, logProbs, given) {
  const decoder = new TextDecoder(), parts = [];
  let waiting = [], place = 0;
  tokens.forEach((token, i) => {
    waiting.push({text: stringOf(token), logProb: logProbs[i], top: null});
    const text = decoder.decode(bytesOf(token), {stream: true});
    if (!text && i + 1 < tokens.length) return;
    const spaces = given.slice(place).match(/^\s*/)[0];
    const isThere = text && given.startsWith(text, place + spaces.length);
    const shown = isThere && !given.startsWith(text, place) ? spaces + text : text;
    if (isThere) place += shown.length;
    parts.push({text: shown || "\u25A1", tokens: waiting});
    waiting = [];
  });
  return parts;
}

// The strings of a list, likeliest first, each with the numbers that belong to it.
function tableOf(strings, numbers) {
  const table = made("table");
  strings.forEach((string, rank) => {
    if (numbers.some(([, values]) => values[rank] === null)) return;  // there are no so many
    const row = table.insertRow();
    row.insertCell().textContent = stringOf(string);
    for (const [name, values] of numbers) {
      const shown = isProbability(name) ? percent(values[rank]) : written(values[rank]);
      row.append(made("td", shown, "number"));
    }
  });
  return table;
}

function vectorOf(name, values) {
  const length = Math.hypot(...values), first = values.slice(0, 8).map(written).join(", ");
  const more = values.length > 8 ? ", ..." : "";
  return `${name}: ${values.length} numbers of length ${written(length)}: ${first}${more}`;
}

// Returns a section for one row.
function sectionOf(prediction, given, found) {
  const section = made("section"), figures = [];
  for (const [name, words] of Object.entries(given)) {
    const label = Object.keys(given).length > 1 ? `${name}: ` : "";
    section.append(made("p", label + words, "given"));
  }
  const entries = Object.entries(found), [text] = Object.values(given);
  const lists = entries.filter(([, value]) => Array.isArray(value));
  const strings = lists.filter(([, values]) => values.length && values.every(isString));
  const numbers = lists.filter(([, values]) => !values.some(isString));
  for (const [name, values] of strings) {
    const beside = numbers.filter(([, others]) => others.length === values.length);
    const probabilities = beside.find(([other]) => isProbability(other));
    if (prediction.outputs[name].includes(":") && probabilities) {
      const box = made("p", "", "tokens");
      partsOfTokens(values, probabilities[1], text).forEach((part) => addPart(box, part));
      section.append(box);
      $("legend").hidden = false;
    } else {
      section.append(tableOf(values, beside));
    }
  }
  for (const [name, values] of numbers) {
    if (strings.some(([, others]) => others.length === values.length)) continue;
    if (values.length) section.append(made("p", vectorOf(name, values)));
  }
  const counts = Object.values(prediction.outputs).map((kind) => kind.split(":")[1]);
  for (const [name, value] of entries) {
    if (Array.isArray(value) || value === null || counts.includes(name)) continue;
    if (Array.isArray(found[`${name}s`])) continue;  // the first of these
    if (isString(value)) section.append(made("p", stringOf(value)));
    else figures.push(`${name.replaceAll("_", " ")} ${written(value)}`);
  }
  if (figures.length) section.append(made("p", figures.join(", "), "figures"));
  return section;
}

// JSON in which TensorFlow Serving's form allows numbers that are none.
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(text.replace(/([\[,:])-?(?:Infinity|NaN)(?=[\],}])/g, "$1null"));
  }
}

async function predict(name, prediction) {
  const {lines, ...inputs} = settingValues(prediction), start = performance.now();
  const texts = textRows(prediction, lines), count = Object.values(texts)[0]?.length;
  if (!count) throw new Error("There is no text.");
  for (const input of prediction.inputs) {
    if (isRandom(input)) inputs[input.name] ??= Math.floor(Math.random() * 2 ** 31);
    if (input.default === null && input.each === "row" && !isText(input)) {
      inputs[input.name] = Array(count).fill(inputs[input.name]);
    }
  }
  const response = await ask(`/v1/models/${encodeURIComponent(MODEL.name)}:predict`, {
    signature_name: name,
    inputs: {...inputs, ...texts},
  });
  const answer = parse(await response.text());
  if (!response.ok) throw new Error(answer.error);
  rowsOf(prediction, answer.outputs, count).forEach((found, row) => {
    const given = Object.entries(texts).map(([text, column]) => [text, column[row]]);
    $("results").append(sectionOf(prediction, Object.fromEntries(given), found));
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  say(`${count} ${count === 1 ? "text" : "texts"} in ${seconds} s.`);
}

// A text that appears as it is generated, by the endpoint of completions.

// Cuts a piece into parts of whole characters, each with the tokens that it came from.
function partsOf(piece, logprobs) {
  const characters = Array.from(piece), offsets = logprobs.text_offset, parts = [];
  let tokens = [];
  for (let i = 0; i < offsets.length; i++) {
    const token = {
      text: logprobs.tokens[i],
      logProb: logprobs.token_logprobs[i],
      top: logprobs.top_logprobs ? logprobs.top_logprobs[i] : null,
    };
    if (token.text || token.logProb !== null) tokens.push(token);  // not a start token
    const end = i + 1 < offsets.length ? offsets[i + 1] - offsets[0] : characters.length;
    const begin = parts.reduce((sum, part) => sum + part.length, 0);
    if (end > begin || i + 1 === offsets.length) {
      parts.push({text: characters.slice(begin, end).join(""), length: end - begin, tokens});
      tokens = [];
    }
  }
  return parts;
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.replace(/^data: /, "");
      if (data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

// The text to go on from, and the settings under the names that they have in the OpenAI API.
function completionRequest(prediction) {
  const {max_new_tokens, ...settings} = settingValues(prediction);
  const [prompt] = Object.values(textRows(prediction, false)).map(([text]) => text ?? "");
  const body = {stream: true, logprobs: 5, prompt, ...settings};
  return max_new_tokens === undefined ? body : {...body, max_tokens: max_new_tokens};
}

async function generate(prediction) {
  const body = completionRequest(prediction), start = performance.now(), text = $("text");
  let count = 0, sum = 0, first = null, reason = "";
  if (!body.echo && body.prompt) text.append(made("span", body.prompt, "given"));
  $("legend").hidden = false;
  const response = await ask("/v1/completions", body);
  if (!response.ok) throw new Error((await response.json()).error.message);
  let isPrompt = body.echo;
  for await (const event of events(response)) {
    if (event.error) throw new Error(event.error.message);
    const choice = event.choices[0];
    reason = choice.finish_reason ?? reason;
    if (!choice.logprobs || !choice.logprobs.tokens.length) {
      if (choice.text) text.append(choice.text);
      isPrompt = isPrompt && !choice.logprobs;
      continue;
    }
    const parts = partsOf(choice.text, choice.logprobs).filter((part) => part.text);
    parts.forEach((part) => addPart(text, part));
    if (isPrompt) {
      isPrompt = false;
      continue;
    }
    first ??= performance.now();
    count += choice.logprobs.tokens.length;
    for (const logProb of choice.logprobs.token_logprobs) sum += logProb;
    say(`${count} tokens ...`);
  }
  const seconds = (performance.now() - start) / 1000;
  const end = {stop: "at an end token or stop text", length: "at the most new tokens"}[reason];
  const speed = count ? `; first token after ${((first - start) / 1000).toFixed(2)} s, ` +
    `${(count / seconds).toFixed(0)} tokens/s; perplexity ${written(Math.exp(-sum / count))}` : "";
  say(`${count} tokens, ended ${end}${speed}.`);
}

// Tokens as text whose colour is their probability, and what is told of one that is pointed at.

const BINS = [[0.5, "50 % and more"], [0.2, "20 to 50 %"], [0.05, "5 to 20 %"],
  [0.01, "1 to 5 %"], [0.001, "0.1 to 1 %"], [0, "less than 0.1 %"]];
const about = $("about-token");

for (const [index, [, words]] of BINS.entries()) {
  $("legend").append(made("span", words, `p${index}`));
}

function binOf(probability) {
  return BINS.findIndex(([least]) => probability >= least);
}

function percent(logProb) {
  const value = 100 * Math.exp(logProb);
  return value >= 10 ? `${value.toFixed(1)} %` : `${value.toPrecision(2)} %`;
}

function visible(token) {
  const signs = {"\n": "\u21B5", "\t": "\u21E5", " ": "\u2423"};
  return token.replace(/[\n\t ]/g, (sign) => signs[sign]);
}

// A part is text and the tokens that it came from.
function addPart(box, part) {
  const known = part.tokens.every((token) => token.logProb !== null);
  const logProb = part.tokens.reduce((sum, token) => sum + token.logProb, 0);
  const span = made("span", part.text, "token" + (known ? ` p${binOf(Math.exp(logProb))}` : ""));
  span.classList.toggle("newline", part.text.startsWith("\n"));
  span.tokens = part.tokens;
  span.tabIndex = box.querySelector(".token") ? -1 : 0;
  const words = known ? percent(logProb) : "not scored";
  span.setAttribute("aria-label", `${visible(part.text)}, ${words}`);
  box.append(span);
}

function show(span) {
  about.replaceChildren();
  for (const token of span.tokens) {
    const table = document.createElement("table");
    const rows = Object.entries(token.top ?? {[token.text]: token.logProb});
    rows.sort((a, b) => b[1] - a[1]);
    for (const [other, logProb] of rows) {
      const row = table.insertRow();
      row.className = other === token.text ? "chosen" : "";
      row.insertCell().textContent = visible(other);
      row.insertCell().textContent = logProb === null ? "not scored" : percent(logProb);
    }
    about.append(table);
  }
  about.hidden = false;
  const at = span.getClientRects()[0] ?? span.getBoundingClientRect();
  const below = at.bottom + 8, height = about.offsetHeight;
  about.style.left = `${Math.max(4, Math.min(at.left, innerWidth - about.offsetWidth - 8))}px`;
  about.style.top = `${below + height < innerHeight ? below : Math.max(4, at.top - height - 8)}px`;
}

function hide() {
  about.hidden = true;
}

// Makes the tokens in a box tell of themselves.
function watch(box) {
  box.addEventListener("mouseover", (event) => event.target.tokens && show(event.target));
  box.addEventListener("mouseout", hide);
  box.addEventListener("focusin", (event) => event.target.tokens && show(event.target));
  box.addEventListener("focusout", hide);
  box.addEventListener("keydown", (event) => {
    const steps = {ArrowRight: "nextElementSibling", ArrowLeft: "previousElementSibling"};
    const next = event.target[steps[event.key]];
    if (event.key === "Escape") hide();
    if (!next || !next.tokens) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

watch($("text"));
watch($("results"));
addEventListener("scroll", hide, {passive: true});

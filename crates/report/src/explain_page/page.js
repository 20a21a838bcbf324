// The lesson: the steps of the forward and the backward pass, what each knows, and the chosen weight or unit.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const last = data.layers.length;
const columns = [data.input, ...data.layers];
const outputSymbol = data.layers[last - 1].symbol;

function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// The symbols of a unit or weight, numbered as in the whole network.
const index = (l, i) => columns[l].units[i];
const value = (l, i) => {
  const symbol = columns[l].symbol;
  return symbol.length === 1 ? `${symbol}_{${index(l, i)}}` : `${symbol[0]}_{${index(l, i)}}${symbol.slice(1)}`;
};
const indexed = (letter, l, i) => `${letter}_{${index(l, i)}}^{(${l})}`;
const weight = ({ l, j, i }) => `W^{(${l},${index(l - 1, j)},${index(l, i)})}`;
// What a unit stands for in the data: a column, or a class.
const meaning = (l, i) => (l === 0 ? data.input.words[i]?.fact : l === last ? data.outputs[i] : undefined) ?? "";
const partial = (of) => `\\frac{∂C}{∂${of}}`;
const signal = (l, i) => partial(l === last && data.fused ? indexed("z", l, i) : value(l, i));

const steps = [
  { kind: "input", l: 0, name: "x" },
  ...data.layers.map((layer, at) => ({ kind: "forward", l: at + 1, name: layer.symbol })),
  { kind: "cost", name: "C" },
  ...data.layers.flatMap((_, at) => [
    { kind: "delta", l: last - at, name: `δ^{(${last - at})}` },
    { kind: "gradient", l: last - at, name: `∂C/∂W^{(${last - at})}` },
  ]),
];
const firstBack = steps.findIndex((step) => step.kind === "delta");

const lesson = {
  at: 0,
  get step() {
    return steps[this.at];
  },
  // Whether a step of this kind, at this layer, has come.
  knows(kind, l) {
    const step = steps.findIndex((step) => step.kind === kind && (kind === "cost" || step.l === l));
    return step <= this.at;
  },
  // An element of the network in words.
  spoken(item) {
    const { kind, l, j, i } = item;
    const layer = data.layers[l - 1];
    if (kind === "weight") {
      const gradient = this.knows("gradient", l) ? `, derivative ${plain(layer.gradient[j][i])}` : "";
      const [from, to] = [index(l - 1, j), index(l, i)];
      return `Weight of layer ${l} from unit ${from} to unit ${to}: ${plain(layer.weight[j][i])}${gradient}`;
    }
    const meant = meaning(l, i);
    const name = (l === 0 ? `Input ${index(0, i)}` : `Unit ${index(l, i)} of layer ${l}`) + (meant && `, ${meant}`);
    const known = this.knows(l === 0 ? "input" : "forward", l) ? `: ${plain(columns[l].h[i])}` : "";
    const back = l > 0 && this.knows("delta", l) ? `, error signal ${plain(columns[l].delta[i])}` : "";
    return name + known + back;
  },
};

// Titles, captions, formulas and tables of the steps.

const heading = ([before, tex, after = ""]) => [before, ...(tex ? [math(tex)] : []), after];

function told(step) {
  const { kind, l } = step;
  const top = l === last;
  const layer = data.layers[l - 1];
  switch (kind) {
    case "input":
      return { title: ["The example ", "x"], caption: "It enters at the input, unit by unit." };
    case "forward":
      return {
        title: [top ? "Forward to the output " : "Forward to ", layer.symbol],
        caption: `Each unit sums what it hears, weighted, into z${layer.name === "linear" ? "" : ", and answers with its function of z"}.`,
        formulas: layer.forward,
      };
    case "cost":
      return {
        title: ["The cost ", "C"],
        caption: `How far is the output from the target y, and which way does C change with each output?${data.unit ? ` C is in ${data.unit}.` : ""}`,
        formulas: data.costFormulas,
      };
    case "delta":
      return {
        title: ["The error signal ", `δ^{(${l})}`],
        caption: top
          ? "It starts at the output: how C changes with the sum z of each unit."
          : "Each unit collects the signals of the units it feeds, through the same weights, times its own slope.",
        formulas: layer.back,
      };
    case "gradient":
      return {
        title: ["The derivatives ", partial(`W^{(${l})}`)],
        caption: "What a weight carried forward times the signal that came back to its unit: an outer product.",
        formulas: layer.outer,
      };
  }
}

function cell(x, className = "") {
  return html("td", { class: className, ...(typeof x === "string" ? { title: x } : {}) }, ...(typeof x === "string" ? [x] : [typeset(x)]));
}

function head(...symbols) {
  return html("thead", {}, html("tr", {}, ...symbols.map((tex) => html("th", { scope: "col" }, tex && math(tex)))));
}

// One row a unit.
function unitTable(l, name, heads, ...cells) {
  const rows = columns[l].units.map((_, i) =>
    html("tr", {}, html("th", { scope: "row", title: meaning(l, i) }, math(name(l, i)), l === last && meaning(l, i) ? ` ${meaning(l, i)}` : ""),
      ...cells.map(([values, tone]) => cell(values[i], tone))));
  return html("table", {}, head("", ...heads), html("tbody", {}, ...rows));
}

function outerProduct(l) {
  const layer = data.layers[l - 1];
  const largest = Math.max(...layer.gradient.flat().map(Math.abs), Number.MIN_VALUE);
  const labels = html("thead", {},
    html("tr", {}, html("th"), html("th"), ...layer.units.map((_, i) => html("th", { scope: "col" }, math(indexed("δ", l, i))))),
    html("tr", {}, html("th"), html("th"), ...layer.delta.map((delta) => cell(delta, "delta"))));
  const rows = columns[l - 1].units.map((_, j) =>
    html("tr", {}, html("th", { scope: "row" }, math(value(l - 1, j))), cell(columns[l - 1].h[j], "h"),
      ...layer.gradient[j].map((gradient, i) => {
        const product = cell(gradient, "product");
        product.style.setProperty("--share", `${Math.round(100 * Math.abs(gradient) / largest)}%`);
        product.dataset.weight = `${l},${j},${i}`;
        return product;
      })));
  return html("table", {}, labels, html("tbody", {}, ...rows));
}

function table({ kind, l }) {
  const layer = data.layers[l - 1];
  switch (kind) {
    case "input":
      return data.input.words.length === 0 ? unitTable(0, value, ["x"], [data.input.h, "h"])
        : unitTable(0, value, [`\\text{${data.input.head}}`, "\\text{value}", "x"],
          [data.input.words.map(({ name }) => name), "name"], [data.input.words.map(({ value }) => value)], [data.input.h, "h"]);
    case "forward":
      return unitTable(l, (l, i) => String(index(l, i)), [`z^{(${l})}`, layer.symbol], [layer.z], [layer.h, "h"]);
    case "cost": {
      const top = data.layers[last - 1];
      const derivative = partial(data.fused ? "z" : outputSymbol);
      return unitTable(last, (l, i) => String(index(l, i)), [outputSymbol, "y", derivative],
        [top.h, "h"], [data.target], [top.signal, "delta"]);
    }
    case "delta": {
      const name = (l, i) => String(index(l, i));
      const signalHead = partial(layer.symbol);
      if (layer.slope) {
        return unitTable(l, name, [signalHead, `g'(z^{(${l})})`, `δ^{(${l})}`], [layer.signal, "delta"], [layer.slope], [layer.delta, "delta"]);
      }
      if (layer.softmax) return unitTable(l, name, [signalHead, `δ^{(${l})}`], [layer.signal, "delta"], [layer.delta, "delta"]);
      return unitTable(l, name, [`δ^{(${l})}`], [layer.delta, "delta"]);
    }
    case "gradient":
      return outerProduct(l);
  }
}

function scrolling(content, label) {
  const box = html("div", { class: "scroll" }, content);
  // What scrolls must be reached by the keyboard; what does not, need not.
  requestAnimationFrame(() => {
    if (box.scrollWidth > box.clientWidth) Object.entries({ tabindex: 0, role: "region", "aria-label": label }).forEach(([key, value]) => box.setAttribute(key, value));
  });
  return box;
}

// The chosen weight or unit.

function factorBox(tex, x, word, tone) {
  return html("li", { class: `factor ${tone}` }, math(tex), html("span", { class: "value" }, math(number(x))), html("span", { class: "word" }, word));
}

const sign = (text) => html("li", { class: "sign", "aria-hidden": "true" }, text);

function weightDetails({ l, j, i }) {
  const layer = data.layers[l - 1];
  const factors = [factorBox(value(l - 1, j), columns[l - 1].h[j], "forward", "forward")];
  if (layer.slope) {
    factors.push(sign("·"), factorBox(`g'(z_{${index(l, i)}}^{(${l})})`, layer.slope[i], "slope", ""),
      sign("·"), factorBox(signal(l, i), layer.signal[i], "signal", "back"));
  } else {
    factors.push(sign("·"), factorBox(indexed("δ", l, i), layer.delta[i], "signal", "back"));
  }
  const gradient = layer.gradient[j][i];
  const direction = gradient === 0 ? "A small change of this weight does not change C."
    : `A little more of this weight ${gradient > 0 ? "raises" : "lowers"} C.`;
  return [
    html("h2", {}, "Weight ", math(weight({ l, j, i })), " = ", html("span", { id: "weight-value" }, typeset(layer.weight[j][i]))),
    html("ul", { class: "factors", id: "factors" },
      factorBox(partial(weight({ l, j, i })), gradient, "derivative", ""), html("li", { class: "turn", "aria-hidden": "true" }),
      sign("="), ...factors),
    ...(cameBack(l, i) ? [formula(cameBack(l, i))] : []),
    ...(ends({ l, j, i }) ? [html("p", { class: "note" }, ends({ l, j, i }))] : []),
    html("p", { class: "note" }, `${direction} `, arrival("gradient", l)),
  ];
}

// What a weight joins, where the data have a name for it.
function ends({ l, j, i }) {
  const [from, to] = [l === 1 ? meaning(0, j) : "", l === last ? meaning(l, i) : ""];
  return [from && `from ${from}`, to && `to ${to}`].filter(Boolean).join(" ").replace(/^./, (letter) => letter.toUpperCase());
}

// Where the signal of a unit comes from, in numbers; nothing where a table says it all.
function cameBack(l, i) {
  const layer = data.layers[l - 1];
  const [o, y] = [layer.h[i], data.target[i]];
  if (l === last) {
    const unit = index(l, i);
    if (data.fused) return `${indexed("δ", l, i)} = p_{${unit}} − y_{${unit}} = ${number(o)} − ${factor(y)} = ${number(layer.delta[i])}`;
    if (data.loss !== "squared-error") return undefined;
    return `${signal(l, i)} = 2(o_{${unit}} − y_{${unit}}) = 2(${number(o)} − ${factor(y)}) = ${number(layer.signal[i])}`;
  }
  const above = data.layers[l];
  const terms = (write) => above.units.map((_, k) => write(k)).join(" + ");
  if (above.width > 3) {
    return `${signal(l, i)} = \\sum_{k} W^{(${l + 1},${index(l, i)},k)} δ_k^{(${l + 1})} = ${number(layer.signal[i])}`;
  }
  return `${signal(l, i)} = ${terms((k) => `${weight({ l: l + 1, j: i, i: k })} ${indexed("δ", l + 1, k)}`)}`
    + ` = ${terms((k) => `${factor(above.weight[i][k])} · ${factor(above.delta[k])}`)} = ${number(layer.signal[i])}`;
}

function arrival(kind, l) {
  if (lesson.knows(kind, l)) return "";
  const step = steps.findIndex((step) => step.kind === kind && step.l === l);
  return `The signal comes back to it at step ${step + 1}.`;
}

function unitDetails({ l, i }) {
  if (l === 0) {
    const { name, value: own, fact } = data.input.words[i] ?? {};
    return [
      html("h2", {}, "Input ", math(`x_{${index(0, i)}}`), " = ", typeset(data.input.h[i])),
      ...(name === undefined ? [] : [html("p", { class: "note" }, `${fact === name ? `${name} = ${own}` : fact} in the data`)]),
    ];
  }
  const layer = data.layers[l - 1];
  const below = columns[l - 1];
  const z = indexed("z", l, i);
  const sum = below.width > 4
    ? `\\sum_{j} W^{(${l},j,${index(l, i)})} ${value(l - 1, 0).replace(/_\{\d+\}/, "_j")} + ${indexed("b", l, i)}`
    : `${below.units.map((_, j) => `${factor(layer.weight[j][i])} · ${factor(below.h[j])}`).join(" + ")} + ${factor(layer.bias[i])}`;
  const delta = indexed("δ", l, i);
  const product = `${delta} = g'(${z}) · ${signal(l, i)} = ${layer.slope && number(layer.slope[i])} · ${factor(layer.signal[i])}`;
  const rows = [
    ["sum", `${z} = ${sum} = ${number(layer.z[i])}`],
    ["answer", `${value(l, i)} = ${number(layer.h[i])}`],
    ...(cameBack(l, i) ? [["signal", cameBack(l, i)]] : []),
    [cameBack(l, i) ? "" : "signal", `${layer.slope ? product : delta} = ${number(layer.delta[i])}`],
    ["bias", `${partial(indexed("b", l, i))} = ${delta} = ${number(layer.biasGradient[i])}`],
  ];
  return [
    html("h2", {}, "Unit ", math(value(l, i)), meaning(l, i) && ` ${meaning(l, i)}`),
    html("dl", {}, ...rows.flatMap(([term, tex]) => [html("dt", {}, term), html("dd", {}, formula(tex))])),
    html("p", { class: "note" }, arrival("delta", l)),
  ];
}

// The page.

let pinned = { kind: "unit", l: 0, i: 0 };
let shown;
// Until the reader chooses, the choice follows the steps.
let follows = true;

function follow({ kind, l }) {
  if (!follows) return;
  const at = kind === "cost" ? last : l;
  pinned = kind === "gradient" ? { kind: "weight", l: at, ...steepest(at) } : { kind: "unit", l: at, i: loudest(at) };
  choose(pinned, true);
}

const largest = (numbers) => numbers.reduce((best, x, at) => (Math.abs(x) > Math.abs(numbers[best]) ? at : best), 0);

// The weight with the largest derivative, and the unit with the largest error signal.
function steepest(l) {
  const { gradient, units } = data.layers[l - 1];
  const at = largest(gradient.flat());
  return { j: Math.floor(at / units.length), i: at % units.length };
}

const loudest = (l) => (l === 0 ? 0 : largest(data.layers[l - 1].delta));

function choose(item, pin) {
  if (item && pin) pinned = item;
  const now = item ?? pinned;
  if (shown) network.mark(now, shown);
  else network.mark(now);
  if (pin) network.items().forEach((other) => network.element(other).group.setAttribute("tabindex", same(other, pinned) ? 0 : -1));
  shown = now;
  details();
  markPixel(now);
}

// Where in the picture of the example the chosen input is, or the one below the chosen weight.
const picture = document.querySelector(".example img");
const pixel = html("span", { class: "pixel", hidden: "" });
picture?.after(pixel);

function markPixel({ kind, l, i, j }) {
  const input = kind === "weight" && l === 1 ? j : kind === "unit" && l === 0 ? i : undefined;
  pixel.hidden = !picture || input === undefined;
  if (pixel.hidden) return;
  const [width, height] = ["width", "height"].map((side) => Number(picture.getAttribute(side)));
  const place = Math.floor((index(0, input) - 1) / Math.max(1, data.input.width / (width * height)));
  const share = (part, whole) => `${100 * part / whole}%`;
  Object.assign(pixel.style, { left: share(place % width, width), top: share(Math.floor(place / width), height),
    width: share(1, width), height: share(1, height) });
}

const same = (a, b) => a.kind === b.kind && a.l === b.l && a.i === b.i && a.j === b.j;

function details() {
  byId("chosen").replaceChildren(...(shown.kind === "weight" ? weightDetails(shown) : unitDetails(shown)));
  document.querySelectorAll(".chosen-cell").forEach((cell) => cell.classList.remove("chosen-cell"));
  if (shown.kind === "weight") {
    document.querySelector(`[data-weight="${shown.l},${shown.j},${shown.i}"]`)?.classList.add("chosen-cell");
  }
}

const network = new Network(byId("network"), data, (item, pin) => {
  if (pin) follows = false;
  choose(item, pin);
});

const still = matchMedia("(prefers-reduced-motion: reduce)");

// All that a step says: its formulas and its numbers.
function stepFormulas(step) {
  return (told(step).formulas ?? []).map(formula);
}

function stepNumbers(step) {
  return [scrolling(table(step), "Numbers of this step"), ...(step.kind === "cost" ? [formula(`C = ${number(data.cost)}`)] : [])];
}

function go(to, animate = true) {
  lesson.at = Math.min(Math.max(to, 0), steps.length - 1);
  const { title, caption } = told(lesson.step);
  const tone = lesson.at >= firstBack ? "back" : "forward";
  document.querySelector(".lesson").className = `lesson ${tone}`;
  byId("count").textContent = `Step ${lesson.at + 1} of ${steps.length}, ${tone === "back" ? "backward" : "forward"}`;
  byId("title").replaceChildren(...heading(title));
  byId("caption").textContent = caption;
  byId("formulas").replaceChildren(...stepFormulas(lesson.step));
  byId("numbers").replaceChildren(...stepNumbers(lesson.step));
  // Not `disabled`: a button that has the focus keeps it.
  byId("previous").setAttribute("aria-disabled", String(lesson.at === 0));
  byId("next").setAttribute("aria-disabled", String(lesson.at === steps.length - 1));
  byId("steps").querySelectorAll("button").forEach((button, at) => {
    button.classList.toggle("done", at <= lesson.at);
    if (at === lesson.at) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
  });
  network.show(lesson, animate && !still.matches);
  follow(lesson.step);
  details();
}

let timer;

function play(on) {
  clearInterval(timer);
  timer = undefined;
  if (on) {
    if (lesson.at === steps.length - 1) go(0);
    timer = setInterval(() => {
      go(lesson.at + 1);
      if (lesson.at === steps.length - 1) play(false);
    }, 2600);
  }
  byId("play").setAttribute("aria-pressed", String(on));
  byId("play").setAttribute("aria-label", on ? "Pause" : "Play");
}

function walk(by) {
  play(false);
  go(lesson.at + by);
}

// Another weight or unit with the arrow keys, while the network has the focus.
function roam(key) {
  const items = network.items();
  const at = items.findIndex((item) => same(item, pinned));
  const layers = { PageDown: 1, PageUp: -1 }[key];
  const next = layers === undefined
    ? items[at + (key === "ArrowDown" ? 1 : -1)]
    : items.find((item) => item.l === pinned.l + layers);
  if (next) network.element(next).group.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const inNetwork = byId("network").contains(document.activeElement);
  const onButton = document.activeElement instanceof HTMLButtonElement;
  const actions = {
    ArrowRight: () => walk(1),
    ArrowLeft: () => walk(-1),
    Home: () => walk(-steps.length),
    End: () => walk(steps.length),
    ...(onButton ? {} : { " ": () => play(timer === undefined) }),
    ...(inNetwork ? Object.fromEntries(["ArrowUp", "ArrowDown", "PageUp", "PageDown"].map((key) => [key, () => roam(key)])) : {}),
  };
  // A wide table scrolls with the arrow keys while it has the focus.
  if (!actions[event.key] || document.activeElement?.classList.contains("scroll")) return;
  event.preventDefault();
  actions[event.key]();
});

byId("previous").addEventListener("click", () => walk(-1));
byId("next").addEventListener("click", () => walk(1));
byId("play").addEventListener("click", () => play(timer === undefined));
byId("steps").append(...steps.map((step, at) => {
  const tone = at >= firstBack ? "back" : "forward";
  const button = html("button", { type: "button", class: tone, "aria-label": `Step ${at + 1}` }, math(step.name));
  button.addEventListener("click", () => walk(at - lesson.at));
  return html("li", {}, button);
}));

// On paper there are no buttons: all steps are printed, below the network as it is drawn at the last one.
let before;
addEventListener("beforeprint", () => {
  play(false);
  before = lesson.at;
  go(steps.length - 1, false);
  byId("printed").replaceChildren(...steps.map((step, at) => {
    const { title, caption } = told(step);
    return html("section", { class: at >= firstBack ? "back" : "forward" }, html("p", { class: "count" }, `Step ${at + 1} of ${steps.length}`),
      html("h2", {}, ...heading(title)), html("p", {}, caption), ...stepFormulas(step), ...stepNumbers(step));
  }));
});
addEventListener("afterprint", () => {
  byId("printed").replaceChildren();
  go(before, false);
});

byId("about").textContent = data.about;
if (columns.some((column) => column.units.length < column.width)) {
  const note = byId("abbreviated");
  note.hidden = false;
  note.className = "note";
  note.textContent = "Of a wide layer ten units are drawn: those whose weights have the largest derivatives. The numbers are those of the whole network.";
}

new ResizeObserver(([entry]) => {
  const width = Math.floor(entry.contentRect.width);
  if (width === network.plan?.width) return;
  const focused = byId("network").contains(document.activeElement);
  network.draw(width);
  shown = undefined;
  choose(pinned, true);
  network.show(lesson, false);
  if (focused) network.element(pinned).group.focus();
}).observe(byId("network").parentElement);

network.draw(byId("network").parentElement.clientWidth);
choose(pinned, true);
go(0);

// Typesets the part of TeX in which the formulas are written as MathML.

const MATHML = "http://www.w3.org/1998/Math/MathML";

function mathElement(name, children = [], attributes = {}) {
  const element = document.createElementNS(MATHML, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const isOperand = (node) => node && node.localName !== "mo" && node.localName !== "mspace";

// A row of what stands in `tex`.
function mathRow(tex) {
  const tokens = tex.match(/\\[a-z]+|[A-Za-z]+|[0-9.]+|\s+|./gu) ?? [];
  let at = 0;

  const group = () => {
    if (tokens[at] !== "{") return [atom()];
    at++;
    const nodes = row("}");
    return nodes;
  };
  const one = (nodes) => (nodes.length === 1 ? nodes[0] : mathElement("mrow", nodes));

  // The text of a group, as it stands.
  const words = () => {
    let text = "";
    for (at++; at < tokens.length && tokens[at] !== "}"; at++) text += tokens[at];
    at++;
    return text;
  };

  const atom = () => {
    const token = tokens[at++];
    switch (token) {
      case "\\frac": return mathElement("mfrac", [one(group()), one(group())]);
      case "\\sqrt": return mathElement("msqrt", group());
      case "\\text": return mathElement("mtext", [words().replace(/^ | $/g, "\u00a0")]);
      case "\\sum": return mathElement("mo", ["∑"], { class: "sum", movablelimits: "false", lspace: "0", rspace: "0.1em" });
      case "(": return mathElement("mrow", [mathElement("mo", ["("]), ...row(")"), mathElement("mo", [")"])]);
      case "{": return one(row("}"));
      case ",": return mathElement("mo", [","], { rspace: "0.12em" });
      case "|": return mathElement("mo", ["|"], { stretchy: "false", lspace: "0", rspace: "0" });
      case "+": case "=": return mathElement("mo", [token], { form: "infix" });
      case "∂": case "…": return mathElement("mi", [token]);
    }
    if (/^−?[0-9.½]/.test(token) && token !== "−") return mathElement("mn", [token]);
    if (/^\p{L}/u.test(token)) return mathElement("mi", [token], token.length > 1 ? { mathvariant: "normal" } : {});
    return mathElement("mo", [token]);
  };

  const scripts = (base) => {
    let below, above;
    let primes = "";
    for (; at < tokens.length; ) {
      if (tokens[at] === "_") { at++; below = one(group()); }
      else if (tokens[at] === "^") { at++; above = one(group()); }
      else if (tokens[at] === "'") { at++; primes += "′"; }
      else break;
    }
    // In the font of a text a prime is raised as it is.
    if (primes) base.append(primes);
    const sum = base.textContent === "∑";
    if (below && above) return mathElement(sum ? "munderover" : "msubsup", [base, below, above]);
    if (below) return mathElement(sum ? "munder" : "msub", [base, below]);
    if (above) return mathElement("msup", [base, above]);
    return base;
  };

  const row = (end) => {
    const nodes = [];
    let spaced = false;
    while (at < tokens.length && tokens[at] !== end) {
      if (/^\s/.test(tokens[at])) { spaced = tokens[at].length; at++; continue; }
      // A minus with nothing before it belongs to what follows.
      const unary = tokens[at] === "−" && !isOperand(nodes.at(-1));
      if (unary && /^[0-9]/.test(tokens[at + 1] ?? "")) tokens[++at] = `−${tokens[at]}`;
      const node = scripts(atom());
      if (unary && node.localName === "mo") node.setAttribute("form", "prefix");
      if (spaced && isOperand(nodes.at(-1)) && isOperand(node)) {
        nodes.push(mathElement("mspace", [], { width: "0.17em" }));
      }
      if (spaced > 1) nodes.push(mathElement("mspace", [], { width: "0.8em" }));
      spaced = false;
      nodes.push(node);
    }
    at++;
    return nodes;
  };

  return row(undefined);
}

// One formula, in the line.
function math(tex) {
  return mathElement("math", [mathElement("mrow", mathRow(tex))]);
}

// The parts between which a formula may break: before an equals sign, and before the terms of a long sum.
function parts(tex) {
  return tex.split(/ (?== )/).flatMap((part) =>
    (part.length > 26 && !/sum|text/.test(part) ? part.split(/ (?=\+ [(−\d])/) : [part]));
}

// A displayed formula, which may break.
function formula(tex) {
  const line = document.createElement("div");
  line.className = "formula";
  parts(tex).forEach((part) => {
    const element = math(part);
    element.setAttribute("displaystyle", "true");
    line.append(element);
  });
  return line;
}

// A number of four decimals, or of as many as it has, and of six digits from ten on; in TeX.
function number(x) {
  if (x === null || x === undefined) return "–";
  const size = Math.abs(x);
  const sign = x < 0 ? "−" : "";
  if (size === 0) return "0";
  const hundredths = Math.round(size * 100);
  if (Math.abs(size * 100 - hundredths) < 1e-5 && hundredths > 0 && size < 1e4) return sign + hundredths / 100;
  if (size >= 1e-3 && size < 10) return sign + size.toFixed(4);
  if (size >= 10 && size < 1e9) return sign + size.toFixed(Math.max(5 - Math.floor(Math.log10(size)), 0));
  const [digits, exponent] = size.toExponential(2).split("e");
  return `${sign}${digits} · 10^{${exponent.replace("-", "−").replace("+", "")}}`;
}

// The same as text, where no formula can stand.
function plain(x) {
  const raised = (digits) => [...digits].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit] ?? "⁻").join("");
  return number(x).replace(/ · 10\^\{(.*)\}/, (_, exponent) => ` · 10${raised(exponent)}`);
}

// The same for a page: typeset where it has a power.
function typeset(x) {
  return number(x).includes("^") ? math(number(x)) : plain(x);
}

// A number that fits into a circle.
function short(x) {
  if (x === null || x === undefined) return "–";
  const size = Math.abs(x);
  const sign = x < 0 ? "−" : "";
  if (size === 0) return "0";
  if (size >= 1000) return sign + size.toExponential(0).replace("e+", "e");
  if (size >= 100) return sign + size.toFixed(0);
  if (size >= 10) return sign + size.toFixed(1);
  if (size >= 0.5 && Math.abs(size - Math.round(size)) < 1e-7) return sign + Math.round(size);
  if (size >= 0.0995) return sign + size.toFixed(2);
  if (size >= 0.00095) return sign + size.toFixed(3);
  return sign + size.toExponential(0).replace("-", "−");
}

// The same with fewer digits, the most first; a power of ten has its exponent behind a line break too.
function shorter(x) {
  if (x === null || x === undefined || x === 0) return [short(x)];
  const size = Math.abs(x);
  const sign = x < 0 ? "−" : "";
  const decimals = (count) => sign + size.toFixed(count).replace(/^0\./, ".");
  const fewer = [2, 1].filter((count) => Number(size.toFixed(count)) > 0).map(decimals);
  const power = sign + size.toExponential(0).replace("e+", "e").replace("e-", "e−");
  const powers = [power, power.replace("e", "\ne")];
  return [short(x), ...fewer, ...(size < 0.05 ? [...powers, "≈0"] : size < 1000 ? [decimals(0)] : powers)];
}

// A factor of a product: negative numbers in brackets.
const factor = (x) => (x < 0 ? `(${number(x)})` : number(x));

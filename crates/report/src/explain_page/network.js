// Draws the network: a column of units for each layer (a row on a narrow window), a line for each weight, and C at the end.

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// `h^{(1)}` as SVG text, with the raised and lowered parts as smaller letters.
function symbolText(tex, attributes) {
  const text = svg("text", { ...attributes, class: `symbol ${attributes.class ?? ""}` });
  let shift = 0;
  for (const [, mark, inside, letters] of tex.matchAll(/([_^])\{([^}]*)\}|([^_^]+)/g)) {
    const dy = mark === "^" ? -0.42 : mark === "_" ? 0.28 : 0;
    const span = svg("tspan", { dy: `${dy - shift}em` }, inside ?? letters);
    if (mark) {
      span.setAttribute("font-size", "72%");
      span.setAttribute("dy", `${(dy - shift) / 0.72}em`);
      if (/[(\d]/.test(inside)) span.classList.add("script");
    }
    shift = dy;
    text.append(span);
  }
  return text;
}

// The width of a text in letters of a size, and as much of it as fits into a width.
const ruler = document.createElement("canvas").getContext("2d");

function widthOf(text, size) {
  ruler.font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(text).width;
}

function fitted(text, size, room) {
  if (widthOf(text, size) <= room) return text;
  let end = text.length;
  while (end > 1 && widthOf(`${text.slice(0, end)}…`, size) > room) end--;
  return `${text.slice(0, end)}…`;
}

// A number in a place of this width and with this many lines: in letters that are a little smaller, with fewer digits, or else in small
// letters.
function fitNumber(text, x, size, room, lines = 1) {
  const options = shorter(x).map((option) => option.split("\n")).filter((option) => option.length <= lines);
  const widest = (option) => Math.max(...option.map((line) => widthOf(line, size)));
  const fits = options.find((option) => 0.88 * widest(option) <= room) ?? options.at(-1);
  const shown = Math.min(size, size * room / widest(fits));
  const line = (part, at) => svg("tspan", { x: text.getAttribute("x"), dy: at === 0 ? 0.5 * (1 - fits.length) * shown : shown }, part);
  text.replaceChildren(...(fits.length === 1 ? fits : fits.map(line)));
  text.setAttribute("font-size", shown);
}

// A name in two lines at most, broken after a word.
function inLines(text, size, room) {
  const words = text.match(/[^\s_./-]*[\s_./-]*/g);
  let first = "";
  while (words.length && widthOf((first + words[0]).trimEnd(), size) <= room) first += words.shift();
  const rest = words.join("");
  return first && rest ? [first.trimEnd(), fitted(rest, size, room)] : [fitted(text, size, room)];
}

// Boxes by their middle and size.
const overlap = (a, b) => 2 * Math.abs(a.x - b.x) < a.width + b.width && 2 * Math.abs(a.y - b.y) < a.height + b.height;

// Whether a line meets a box: the part of it between the sides of the box is neither above it nor below.
function crosses({ x1, y1, x2, y2 }, { x, y, width, height }) {
  const share = (at) => Math.min(1, Math.max(0, (at - x1) / (x2 - x1)));
  const [from, to] = [x - width / 2, x + width / 2].map((at) => y1 + share(at) * (y2 - y1));
  return Math.max(from, to) > y - height / 2 && Math.min(from, to) < y + height / 2;
}

// The letters of a weight, and how far along its line they may stand, the best first.
const LABEL = 13.5;
const SHARES = Array.from({ length: 41 }, (_, at) => at / 40).sort((a, b) => Math.abs(a - 0.25) - Math.abs(b - 0.25));

// The letters of what an output stands for, and how long the longest may be where it stands on end.
const NAME = 13;
const LONGEST = 120;

class Network {
  constructor(root, data, choose) {
    this.root = root;
    this.data = data;
    this.choose = choose;
    this.columns = [data.input, ...data.layers];
  }

  // Where everything stands in a window of this width.
  layout(width) {
    const { columns } = this;
    const upright = width < 620;
    const slots = columns.map((column) => column.units.length + (column.units.length < column.width ? 1 : 0));
    const most = Math.max(...slots);
    const ranks = columns.length + 1;
    let pitch, gap, height;
    if (upright) {
      pitch = Math.min(130, (width - 8) / most);
      gap = 122;
      height = gap * (ranks - 1) + 54 + 34;
    } else {
      // As high as the window allows, so that it can be read from the last row.
      pitch = Math.min(190, Math.max(58, (Math.min(innerHeight, 1000) - 320) / most));
      height = pitch * most + 50;
      gap = (width - 130) / (ranks - 1);
    }
    let radius = upright ? Math.max(8, Math.min(31, pitch * 0.44, (pitch - 4.5) / 2, gap * 0.24))
      : Math.max(11, Math.min(38, pitch * 0.36, (pitch - 5) / 2 - 7.5, gap * 0.24));
    const names = this.names(upright, pitch, radius);
    // Names on the way to C make it longer.
    let lastGap = gap;
    if (names.length > 0 && upright) {
      lastGap = Math.max(gap, names.from + names.length + 36);
      height += lastGap - gap;
    } else if (names.length > 0) {
      lastGap = Math.max(gap, Math.min(radius + names.length + 54, width - 130 - 80 * (ranks - 2)));
      gap = (width - 130 - lastGap) / (ranks - 2);
      radius = Math.max(11, Math.min(radius, gap * 0.24));
    }
    // The ring of a chosen unit leaves its neighbours free.
    const ring = Math.max(radius, Math.min(radius + 4, pitch - radius - 4.5));
    const along = (rank) => (upright ? 54 : 60) + gap * rank + (rank === ranks - 1 ? lastGap - gap : 0);
    const across = (slot, count) => {
      const middle = upright ? width / 2 : height / 2 + 14;
      return middle + (slot - (count - 1) / 2) * pitch;
    };
    const place = (rank, slot, count) =>
      upright ? [across(slot, count), along(rank)] : [along(rank), across(slot, count)];
    // What stands below a circle: two lines where there is room.
    const below = upright ? 0 : 16 * Math.min(2, Math.max(0, Math.floor((pitch - 2 * radius - 4) / 16)));
    const foot = upright ? 0 : Math.max(0, radius + below + 5 - (pitch / 2 + 11));
    return { below, upright, slots, pitch, gap, lastGap, width, height: height + foot, radius, ring, names, place, cost: place(ranks - 1, 0, 1) };
  }

  // What the outputs stand for: inside of their circles where all fit, below them in an upright drawing, else beside them; `from` and
  // `length` say where on the way to C those below are.
  names(upright, pitch, radius) {
    const all = this.data.outputs;
    const widest = Math.max(0, ...all.map((name) => widthOf(name, NAME)));
    const isInside = all.length > 0 && radius >= 22 && widest < 1.5 * radius;
    if (all.length === 0 || isInside) return { isInside, length: 0 };
    const onEnd = upright && widest > pitch - 6;
    return { isInside, onEnd, from: radius + (pitch < 56 ? 8 : 42), length: onEnd || !upright ? Math.min(widest, LONGEST) : NAME };
  }

  draw(width) {
    const { data, columns, root } = this;
    const at = (this.plan = this.layout(width));
    root.replaceChildren();
    root.setAttribute("viewBox", `0 0 ${at.width} ${at.height}`);
    root.style.height = `${at.height}px`;
    const pulses = svg("g", { "aria-hidden": "true" });
    const edges = svg("g");
    const nodes = svg("g");
    this.edges = new Map();
    this.nodes = new Map();
    this.pulses = new Map();
    this.costPulses = [];
    data.layers.forEach((layer, index) => {
      const l = index + 1;
      const largest = (matrix) => Math.max(...matrix.flat().map(Math.abs), Number.MIN_VALUE);
      const dense = columns[l - 1].units.length * layer.units.length > 30;
      const scale = { weight: largest(layer.weight), gradient: largest(layer.gradient), dense };
      const labelled = !at.upright && columns[l - 1].units.length * layer.units.length <= 12
        && columns[l - 1].units.length <= 4 && layer.units.length <= 4 && at.gap > 150;
      const labels = labelled ? this.labels(l) : new Map();
      layer.units.forEach((_, i) => {
        columns[l - 1].units.forEach((_, j) => {
          const edge = this.edge(l, j, i, scale, labels.get(`${j},${i}`));
          edges.append(edge.group);
          this.edges.set(`${l},${j},${i}`, edge);
          this.pulses.set(`${l},${j},${i}`, this.newPulse(pulses, this.line(l, j, i)));
        });
      });
    });
    this.drawCost(edges, nodes, pulses);
    columns.forEach((column, l) => {
      column.units.forEach((_, i) => {
        const node = this.node(column, l, i);
        nodes.append(node.group);
        this.nodes.set(`${l},${i}`, node);
      });
      if (column.units.length < column.width) nodes.append(this.ellipsis(column, l));
      nodes.append(this.heading(column, l));
    });
    root.append(edges, pulses, nodes);
  }

  position(l, i) {
    return this.plan.place(l, i, this.plan.slots[l]);
  }

  // From rim to rim.
  line(l, j, i) {
    return this.between(this.position(l - 1, j), this.position(l, i), this.plan.radius);
  }

  between([x1, y1], [x2, y2], end) {
    const length = Math.hypot(x2 - x1, y2 - y1);
    const [dx, dy] = [(x2 - x1) / length, (y2 - y1) / length];
    const start = this.plan.radius;
    return { x1: x1 + dx * start, y1: y1 + dy * start, x2: x2 - dx * end, y2: y2 - dy * end };
  }

  edge(l, j, i, scale, place) {
    const line = this.line(l, j, i);
    const ring = svg("line", { ...line, class: "ring" });
    const wire = svg("line", { ...line, class: "wire" });
    const group = svg("g", { class: "edge", role: "option", tabindex: -1, "aria-selected": "false" },
      svg("line", { ...line, class: "hit" }), ring, wire);
    let label;
    if (place) {
      label = svg("text", { ...place, "font-size": LABEL, class: "halo" });
      group.append(label);
    }
    const item = { kind: "weight", l, j, i };
    this.listen(group, item);
    return { group, ring, wire, label, scale };
  }

  // A place on each line to layer l for its weight and its derivative, near its start, clear of circles, of what stands below them, of
  // other labels and other lines; none where a line of the layer has no such place.
  labels(l) {
    const { weight, gradient, units } = this.data.layers[l - 1];
    const below = this.columns[l - 1].units;
    const lines = units.flatMap((_, i) => below.map((_, j) => ({ key: `${j},${i}`, j, i, ...this.line(l, j, i) })));
    const reach = this.plan.ring + 3;
    const taken = [l - 1, l].flatMap((at) => this.columns[at].units.map((_, unit) => {
      const [x, y] = this.position(at, unit);
      return { x, y: y + 0.5 * this.plan.below, width: 2 * reach, height: 2 * reach + this.plan.below };
    }));
    const places = new Map();
    for (const { key, j, i, x1, y1, x2, y2 } of lines) {
      const width = Math.max(...[weight, gradient].map((matrix) => widthOf(short(matrix[j][i]), LABEL))) + 6;
      const isClear = (box) => !taken.some((other) => overlap(box, other))
        && !lines.some((other) => other.key !== key && crosses(other, box));
      const box = SHARES.map((share) => ({ x: x1 + share * (x2 - x1), y: y1 + share * (y2 - y1), width, height: LABEL + 2 })).find(isClear);
      if (!box) return new Map();
      taken.push(box);
      places.set(key, { x: box.x, y: box.y + 4.5 });
    }
    return places;
  }

  node(column, l, i) {
    const [x, y] = this.position(l, i);
    const { radius, ring } = this.plan;
    const size = Math.max(9.5, Math.min(18, radius * 0.5));
    const roomy = radius >= 22;
    const group = svg("g", { class: "node", role: "option", tabindex: -1, "aria-selected": "false" });
    group.append(svg("circle", { cx: x, cy: y, r: radius }), svg("circle", { cx: x, cy: y, r: ring, class: "ring" }));
    const letter = column.symbol[0];
    const meant = l === this.columns.length - 1 ? this.data.outputs[i] ?? "" : "";
    // The name above the value, with its lowered letters clear of it.
    const [up, down] = !roomy ? [0, size * 0.36] : radius > 33 ? [12, 17] : [8, 14];
    const attributes = { x, y: y - up, "font-size": radius > 33 ? 16 : 13, class: "soft" };
    // A class is known by its name.
    const name = meant && this.plan.names.isInside ? svg("text", attributes, meant)
      : symbolText(`${letter}_{${column.units[i]}}`, attributes);
    if (roomy) group.append(name);
    const value = svg("text", { x, y: y + down, "font-size": size });
    const below = [0, 1].map((line) =>
      svg("text", { x, y: y + radius + 15 + 16 * line, "font-size": Math.max(10, Math.min(14.5, radius * 0.42)), class: "halo" }));
    group.append(value, ...below);
    if (meant && !this.plan.names.isInside) group.append(svg("title", {}, meant), ...this.meant(meant, x, y));
    this.listen(group, { kind: "unit", l, i });
    // As wide as the circle is where the value stands, with a little air beside its rim.
    const room = 2 * Math.sqrt(radius ** 2 - Math.max(down, size * 0.7 - down) ** 2) - 4.5;
    // Without a name above it, a number may take two lines.
    return { group, name, value, below, up, x, y, size, room, lines: roomy ? 1 : 2 };
  }

  // The name of an output outside of its circle.
  meant(name, x, y) {
    const { upright, radius, lastGap, names } = this.plan;
    const text = (attributes, content) => svg("text", { ...attributes, "font-size": NAME }, content);
    if (!upright) {
      const lines = inLines(name, NAME, lastGap - radius - 54);
      const line = (content, place) =>
        text({ x: x + radius + 8, y: y + 5 + 16 * (place - (lines.length - 1) / 2), class: "halo meant beside" }, content);
      return lines.map(line);
    }
    const from = y + names.from;
    if (!names.onEnd) return [text({ x, y: from + NAME - 2, class: "halo meant" }, name)];
    const turned = { x: x + 4.5, y: from, transform: `rotate(-90 ${x + 4.5} ${from})`, class: "halo meant on-end" };
    return [text(turned, fitted(name, NAME, LONGEST))];
  }

  ellipsis(column, l) {
    const [x, y] = this.plan.place(l, column.units.length, this.plan.slots[l]);
    const text = svg("text", { x, y: y + 1, "font-size": 18, class: "soft" }, this.plan.upright ? "⋯" : "⋮");
    const rest = svg("text", { x, y: y + 17, "font-size": 10.5, class: "soft" }, `+${column.width - column.units.length}`);
    return svg("g", {}, text, rest);
  }

  heading(column, l) {
    const { upright, place, ring } = this.plan;
    const [x, y] = place(l, 0, 1);
    // Above the first circle, where that is below the heading.
    const isOver = upright && this.position(l, 0)[0] - ring < 44;
    const attributes = upright ? { x: 20, y: y - (isOver ? ring + 5 : 26), "font-size": 16 } : { x, y: 22, "font-size": 19 };
    return symbolText(column.symbol, { ...attributes, class: "halo soft" });
  }

  drawCost(edges, nodes, pulses) {
    const { plan, data, columns } = this;
    const last = columns.length - 1;
    const [x, y] = plan.cost;
    columns[last].units.forEach((_, i) => {
      const line = this.between(this.position(last, i), plan.cost, 34);
      const wire = svg("line", { ...line, class: "compared" });
      edges.append(wire);
      this.costPulses.push(this.newPulse(pulses, line));
    });
    const box = svg("rect", { x: x - 34, y: y - 24, width: 68, height: 48, rx: 10 });
    const name = symbolText("C", { x, y: y - 4, "font-size": 14, class: "soft" });
    const value = svg("text", { x, y: y + 14, "font-size": 14 });
    this.cost = { group: svg("g", { class: "cost" }, box, name, value), value };
    nodes.append(this.cost.group);
  }

  listen(group, item) {
    group.addEventListener("pointerenter", () => this.choose(item, false));
    group.addEventListener("pointerleave", () => this.choose(undefined, false));
    group.addEventListener("click", () => this.choose(item, true));
    group.addEventListener("focus", () => this.choose(item, true));
  }

  element(item) {
    return item.kind === "weight" ? this.edges.get(`${item.l},${item.j},${item.i}`) : this.nodes.get(`${item.l},${item.i}`);
  }

  // Every weight and unit in the order of the arrow keys.
  items() {
    return this.columns.flatMap((column, l) => column.units.flatMap((_, i) => [
      ...(l === 0 ? [] : this.columns[l - 1].units.map((_, j) => ({ kind: "weight", l, j, i }))),
      { kind: "unit", l, i },
    ]));
  }

  // What is known, and what happens, at a step.
  show(lesson, animate) {
    const { data, columns } = this;
    const step = lesson.step;
    data.layers.forEach((layer, index) => {
      const l = index + 1;
      const graded = lesson.knows("gradient", l);
      layer.units.forEach((_, i) => columns[l - 1].units.forEach((_, j) => {
        const edge = this.edges.get(`${l},${j},${i}`);
        const value = graded ? layer.gradient[j][i] : layer.weight[j][i];
        const share = Math.abs(value) / (graded ? edge.scale.gradient : edge.scale.weight);
        const thickness = edge.scale.dense ? 0.4 + 2.8 * share : 0.9 + 3.6 * share;
        edge.group.style.setProperty("--faint", edge.scale.dense ? 0.12 + 0.88 * share : 1);
        edge.wire.style.strokeWidth = `${thickness}px`;
        edge.ring.style.strokeWidth = `${thickness + 9}px`;
        const returning = step.kind === "delta" && step.l === l - 1;
        edge.group.classList.toggle("negative", value < 0);
        edge.group.classList.toggle("graded", graded);
        edge.group.classList.toggle("now", (step.kind === "forward" || step.kind === "gradient") && step.l === l);
        edge.group.classList.toggle("flow-back", returning);
        edge.group.setAttribute("aria-label", lesson.spoken({ kind: "weight", l, j, i }));
        if (edge.label) edge.label.textContent = short(value);
        this.pulse(this.pulses.get(`${l},${j},${i}`), animate && step.kind === "forward" && step.l === l, animate && returning);
      }));
    });
    columns.forEach((column, l) => column.units.forEach((_, i) => this.showNode(lesson, column, l, i)));
    const costKnown = lesson.knows("cost");
    this.cost.group.classList.toggle("known", costKnown);
    if (costKnown) fitNumber(this.cost.value, data.cost, 14, 60);
    else this.cost.value.textContent = "";
    const first = step.kind === "delta" && step.l === data.layers.length;
    this.costPulses.forEach((pulse) => this.pulse(pulse, animate && step.kind === "cost", animate && first));
  }

  showNode(lesson, column, l, i) {
    const { step } = lesson;
    const node = this.nodes.get(`${l},${i}`);
    const known = lesson.knows(l === 0 ? "input" : "forward", l);
    const signalled = l > 0 && lesson.knows("delta", l);
    node.group.classList.toggle("known", known);
    node.group.classList.toggle("signalled", signalled);
    const here = step.l === l && step.kind !== "gradient";
    node.group.classList.toggle("now", here || (step.kind === "input" && l === 0));
    node.group.setAttribute("aria-label", lesson.spoken({ kind: "unit", l, i }));
    if (known) fitNumber(node.value, column.h[i], node.size, node.room, node.lines);
    else node.value.textContent = "";
    node.name.setAttribute("y", known ? node.y - node.up : node.y + 5);
    const lines = [];
    if (signalled) lines.push(["d", `δ ${short(column.delta[i])}`]);
    if (l === this.columns.length - 1 && lesson.knows("cost")) lines.push(["z", `y ${short(this.data.target[i])}`]);
    else if (l > 0 && known) lines.push(["z", `z ${short(column.z[i])}`]);
    const room = this.plan.upright ? (this.plan.pitch < 56 ? 0 : 2) : this.plan.below / 16;
    node.below.forEach((text, line) => {
      const [kind, content] = line < room ? lines[line] ?? ["", ""] : ["", ""];
      text.setAttribute("class", `halo ${kind}`);
      text.textContent = content;
    });
  }

  newPulse(pulses, way) {
    const line = svg("line", { ...way, class: "pulse", pathLength: 100 });
    line.way = way;
    pulses.append(line);
    return line;
  }

  pulse(line, forward, back) {
    line.setAttribute("class", "pulse");
    if (!forward && !back) return;
    const { x1, y1, x2, y2 } = line.way;
    const way = back ? { x1: x2, y1: y2, x2: x1, y2: y1 } : line.way;
    Object.entries(way).forEach(([key, value]) => line.setAttribute(key, value));
    line.getBoundingClientRect(); // so that the animation begins anew
    line.setAttribute("class", `pulse run ${back ? "back" : "forward"}`);
  }

  // Marks the chosen element, the one that the tab key reaches.
  mark(item, previous) {
    if (previous) {
      const { group } = this.element(previous);
      group.classList.remove("chosen");
      group.setAttribute("aria-selected", "false");
    }
    const { group } = this.element(item);
    group.classList.add("chosen");
    group.setAttribute("aria-selected", "true");
  }
}

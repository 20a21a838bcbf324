"use strict";
// The numbers of a plot under the mouse, and tables that sort by a click on a heading. Nothing else needs a script.

const digits = (x) => {
  const text = Math.abs(x) >= 1e9 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(3) : Number(x.toPrecision(6)).toLocaleString("en", { maximumSignificantDigits: 6 });
  return text.replaceAll("-", "−");
};

// Curves whose values are shown at most.
const MOST = 6;

for (const figure of document.querySelectorAll("figure.plot")) {
  const { series, ...label } = JSON.parse(figure.dataset.numbers);
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  figure.append(tip);

  const hide = () => {
    tip.hidden = true;
    figure.querySelector(".cross")?.remove();
  };

  const show = (event) => {
    const svg = event.target.closest("svg");
    if (!svg) return hide();
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    const axis = (name) => {
      const [low, high, from, to, log] = svg.dataset[name].split(" ").map(Number);
      return (value) => from + (((log ? Math.log10(value) : value) - low) / (high - low)) * (to - from);
    };
    const [x, y] = [axis("x"), axis("y")];
    const box = svg.getBoundingClientRect();
    const at = { x: (event.clientX - box.x) / scale, y: (event.clientY - box.y) / scale };
    const distance = ([a, b], dots) => Math.hypot(x(a) - at.x, dots ? y(b) - at.y : 0);
    const nearest = series.filter((one) => one.points.length).map((one) => {
      const away = one.points.map((point) => distance(point, one.dots));
      const place = away.indexOf(Math.min(...away));
      return { ...one, place, point: one.points[place], away: away[place] };
    });
    const closest = Math.min(...nearest.map((one) => one.away));
    if (!(closest < 40)) return hide();
    // Curves are read at one place of the axis: of many, those near the pointer, in the order in which they lie there.
    const { point: [value], place, examples } = nearest.find((one) => one.away === closest);
    const below = ({ point }) => Math.abs(y(point[1]) - at.y);
    const here = nearest.filter((one) => one.point[0] === value).sort((a, b) => below(a) - below(b));
    const shown = here.slice(0, MOST).sort((a, b) => b.point[1] - a.point[1]);
    const lines = shown.map(({ name, point, place, colour, counts }) => {
      const count = counts ? `, ${counts[place]} examples` : "";
      return [colour, `${examples ? label.y : name}: ${digits(point[1])}${count}`];
    });
    if (here.length > MOST) lines.push([undefined, `and ${here.length - MOST} more`]);
    const head = [[undefined, `${label.x} ${digits(value)}`]];
    if (examples) head.unshift([undefined, `example ${examples[place]}`]);
    tip.replaceChildren(...[...head, ...lines].map(([colour, text]) => {
      const line = document.createElement("div");
      if (shown.length > 1 && colour !== undefined) line.append(Object.assign(document.createElement("i"), { className: `c${colour}` }));
      line.append(text);
      return line;
    }));
    tip.hidden = false;
    const frame = figure.getBoundingClientRect();
    // Beside the pointer, where there is more room.
    const [left, room] = [at.x * scale, frame.width - tip.offsetWidth];
    tip.style.left = `${Math.max(0, left < frame.width / 2 ? Math.min(left + 16, room) : left - tip.offsetWidth - 16)}px`;
    tip.style.top = `${Math.max(0, Math.min(at.y * scale - tip.offsetHeight / 2, frame.height - tip.offsetHeight))}px`;
    let cross = svg.querySelector(".cross");
    if (!cross) {
      cross = document.createElementNS("http://www.w3.org/2000/svg", "path");
      cross.setAttribute("class", "cross guide");
      svg.append(cross);
    }
    const [, , bottom, top] = svg.dataset.y.split(" ");
    cross.setAttribute("d", `M${x(value)} ${top}V${bottom}`);
  };
  figure.addEventListener("pointermove", show);
  figure.addEventListener("pointerleave", hide);
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = Object.assign(document.createElement("button"), { type: "button", title: "sort" });
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      // Where more is better, the first click puts the best on top.
      const before = head.getAttribute("aria-sort");
      const up = before ? before === "descending" : !head.dataset.high;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const body = table.tBodies[0];
      const rows = [...body.rows].sort((a, b) => {
        const [s, t] = [key(a), key(b)];
        // What has no number is last, whichever way.
        if (s === "" || t === "") return (s === "") - (t === "");
        const [m, n] = [Number(s), Number(t)];
        const order = Number.isNaN(m) || Number.isNaN(n) ? s.localeCompare(t) : m - n;
        return up ? order : -order;
      });
      body.append(...rows);
    });
  });
}

// What scrolls must be reached by the keyboard; what does not, need not.
const boxes = [...document.querySelectorAll(".scroll")].map((box) => [box, box.getAttribute("aria-label")]);
const reach = () => boxes.forEach(([box, name]) => {
  const scrolls = box.scrollWidth > box.clientWidth;
  Object.entries({ tabindex: 0, role: "region", "aria-label": name }).forEach(([key, value]) => {
    if (scrolls) box.setAttribute(key, value);
    else box.removeAttribute(key);
  });
});
reach();
addEventListener("resize", reach);
document.addEventListener("toggle", reach, true);

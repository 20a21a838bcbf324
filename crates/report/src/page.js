"use strict";
// The numbers of a plot under the mouse, and tables that sort by a click on a heading. Nothing else needs a script.

const digits = (x) => (Math.abs(x) >= 1e6 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(3) : String(Number(x.toPrecision(5))));

for (const figure of document.querySelectorAll("figure.plot")) {
  const { x: label, series } = JSON.parse(figure.dataset.numbers);
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
    const nearest = series.filter((one) => one.points.length).map(({ name, dots, points }) => {
      const point = points.reduce((best, point) => (distance(point, dots) < distance(best, dots) ? point : best));
      return { name, point, away: distance(point, dots) };
    });
    const closest = Math.min(...nearest.map((one) => one.away));
    if (!(closest < 40)) return hide();
    // Curves are read at one place of the axis.
    const value = nearest.find((one) => one.away === closest).point[0];
    const here = nearest.filter((one) => one.point[0] === value);
    tip.replaceChildren(...[`${label} ${digits(value)}`, ...here.map(({ name, point }) => `${name}: ${digits(point[1])}`)].map((text) => {
      const line = document.createElement("div");
      line.textContent = text;
      return line;
    }));
    tip.hidden = false;
    const left = x(value) * scale;
    const frame = figure.getBoundingClientRect();
    tip.style.left = `${Math.max(0, Math.min(left + 12, frame.width - tip.offsetWidth))}px`;
    tip.style.top = `${Math.max(0, at.y * scale - tip.offsetHeight - 12)}px`;
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
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
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

//! Where the letters and circles of a page are: none over another, none outside of its drawing, none over a circle of the network.

use serde_json::{Value, json};

use crate::chromium::Page;

/// Letters that lie over each other, in pairs: each line of text of the page has a box, and no two of them meet.
const OVER_EACH_OTHER: &str = r"(() => {
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    // Formulas are set by the browser, and what scrolls is cut by its frame.
    if (!node.data.trim() || parent.closest('math, script, style, noscript') || !parent.checkVisibility()) continue;
    const style = getComputedStyle(parent);
    if (style.visibility === 'hidden' || Number(style.opacity) === 0 || parseFloat(style.fontSize) === 0) continue;
    const frame = parent.closest('.scroll')?.getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width < 1 || box.height < 1) continue;
      if (frame && (box.right > frame.right || box.left < frame.left)) continue;
      // What is cut with an ellipsis ends with its box, and has a second one for its letters without it.
      const isCut = style.textOverflow === 'ellipsis' && parent.scrollWidth > parent.clientWidth;
      if (isCut && boxes.at(-1)?.node === node) continue;
      const cut = isCut ? parent.getBoundingClientRect() : box;
      const [left, right] = [Math.max(box.left, cut.left), Math.min(box.right, cut.right)];
      boxes.push({ node, text: node.data.trim().slice(0, 40), left, right, top: box.top, bottom: box.bottom });
    }
  }
  // A line of letters is higher than its letters.
  const across = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5;
  const down = (a, b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
    > 0.3 * Math.min(a.bottom - a.top, b.bottom - b.top);
  boxes.sort((a, b) => a.top - b.top);
  const found = [];
  boxes.forEach((a, i) => {
    for (let j = i + 1; j < boxes.length && boxes[j].top < a.bottom; j++) {
      if (across(a, boxes[j]) && down(a, boxes[j])) found.push(`${a.text} / ${boxes[j].text}`);
    }
  });
  return { measured: boxes.length, found };
})()";

/// Letters of a plot that leave its drawing.
const OUTSIDE_PLOTS: &str = r"[...document.querySelectorAll('svg.plot')].flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter((text) => {
    const box = text.getBoundingClientRect();
    return frame.width > 0 && (box.left < frame.left - 1 || box.right > frame.right + 1
      || box.top < frame.top - 1 || box.bottom > frame.bottom + 1);
  }).map((text) => text.textContent);
})";

/// Letters in the part of a plot where its curves are.
const OVER_CURVES: &str = r"[...document.querySelectorAll('svg.plot')].flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  if (frame.width === 0) return [];
  const scale = frame.width / svg.viewBox.baseVal.width;
  const [, , left, right] = svg.dataset.x.split(' ').map(Number);
  const [, , bottom, top] = svg.dataset.y.split(' ').map(Number);
  return [...svg.querySelectorAll('text')].filter((text) => {
    const box = text.getBoundingClientRect();
    const [x1, x2] = [box.left, box.right].map((x) => (x - frame.left) / scale);
    const [y1, y2] = [box.top, box.bottom].map((y) => (y - frame.top) / scale);
    return x2 > left + 1 && x1 < right - 1 && y2 > top + 2 && y1 < bottom - 1;
  }).map((text) => text.textContent);
})";

/// Plots whose axes have fewer than two labelled ticks.
const WITHOUT_TICKS: &str = r"[...document.querySelectorAll('svg.plot')].filter((svg) =>
  svg.getBoundingClientRect().width > 0
  && ['middle', 'end'].some((anchor) => svg.querySelectorAll(`.tick[text-anchor=${anchor}]`).length < 2)
).map((svg) => svg.getAttribute('aria-label'))";

/// Letters beside the circles of the network of a lesson that lie over one.
const OVER_CIRCLES: &str = r"(() => {
  const circles = [...document.querySelectorAll('#network .node circle:not(.ring)')].map((circle) => {
    const box = circle.getBoundingClientRect();
    return { x: box.x + box.width / 2, y: box.y + box.height / 2, r: box.width / 2 };
  });
  return [...document.querySelectorAll('#network text.halo')].filter((text) => {
    if (!text.textContent) return false;
    const box = text.getBoundingClientRect();
    return circles.some(({ x, y, r }) => {
      const dx = Math.max(box.left - x, 0, x - box.right);
      const dy = Math.max(box.top + 3 - y, 0, y - box.bottom + 3);
      return Math.hypot(dx, dy) < r - 1;
    });
  }).map((text) => text.textContent);
})()";

/// Numbers on the lines of the network of a lesson that lie over a unit, over what stands below it, or over another line.
const OVER_LINES: &str = r"(() => {
  const found = [];
  const edges = [...document.querySelectorAll('#network .edge')];
  const labels = edges.flatMap((edge) => [...edge.querySelectorAll('text')].filter((text) => text.textContent).map((text) => {
    const { left, right, top, bottom } = text.getBoundingClientRect();
    // A line of letters is higher than its letters.
    const air = 0.2 * (bottom - top);
    return { edge, text: text.textContent, left, right, top: top + air, bottom: bottom - air };
  }));
  // All that is painted of a unit: one of any step may be the chosen one, which has a ring.
  const rings = [...document.querySelectorAll('#network .node .ring')].map((ring) => {
    const box = ring.getBoundingClientRect();
    return { x: box.x + box.width / 2, y: box.y + box.height / 2, r: box.width / 2 + 1.5 };
  });
  const below = [...document.querySelectorAll('#network .node text.halo')].filter((text) => text.textContent)
    .map((text) => text.getBoundingClientRect());
  const wires = edges.map((edge) => {
    const wire = edge.querySelector('.wire');
    const matrix = wire.getScreenCTM();
    const ends = [0, wire.getTotalLength()].map((at) => wire.getPointAtLength(at).matrixTransform(matrix));
    return { edge, ends };
  });
  for (const label of labels) {
    const meets = (x, y, air = 0) => label.left - air < x && x < label.right + air && label.top - air < y && y < label.bottom + air;
    const isOver = ({ x, y, r }) => Math.hypot(Math.max(label.left - x, 0, x - label.right), Math.max(label.top - y, 0, y - label.bottom)) < r;
    if (rings.some(isOver)) found.push(`${label.text} over a unit`);
    if (below.some((box) => box.left < label.right && box.right > label.left && box.top + 3 < label.bottom && box.bottom - 3 > label.top)) {
      found.push(`${label.text} over what stands below a unit`);
    }
    const crosses = ({ edge, ends: [a, b] }) => edge !== label.edge
      && Array.from({ length: 201 }, (_, at) => at / 200).some((t) => meets(a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)));
    if (wires.some(crosses)) found.push(`${label.text} over another line`);
  }
  return { measured: labels.length, found };
})()";

/// Units of the network of a lesson that touch each other or C, by all that is painted of them, and with the ring of a chosen one in
/// focus around each.
const TOUCHING: &str = r"(() => {
  const painted = (circle) => {
    const { fill, stroke, strokeWidth } = getComputedStyle(circle);
    if (fill === 'none' && stroke === 'none') return 0;
    return circle.getBoundingClientRect().width / 2 + (stroke === 'none' ? 0 : parseFloat(strokeWidth) / 2);
  };
  const units = [...document.querySelectorAll('#network .node')].map((node) => {
    const circles = [...node.querySelectorAll('circle')];
    const [box, ring] = circles.map((circle) => circle.getBoundingClientRect());
    return { x: box.x + box.width / 2, y: box.y + box.height / 2, painted: Math.max(...circles.map(painted)),
      body: box.width / 2 + 1.5, ring: ring.width / 2 + 2, name: node.ariaLabel };
  });
  const found = [];
  units.forEach((a, i) => units.forEach((b, j) => {
    const reach = Math.max(a.painted + b.painted, a.ring + b.body);
    if (i !== j && Math.hypot(a.x - b.x, a.y - b.y) < reach + 0.5) found.push(`${a.name} / ${b.name}`);
  }));
  const cost = document.querySelector('#network .cost rect').getBoundingClientRect();
  units.forEach(({ x, y, ring, name }) => {
    const [dx, dy] = [Math.max(cost.left - x, 0, x - cost.right), Math.max(cost.top - y, 0, y - cost.bottom)];
    if (Math.hypot(dx, dy) < ring + 1) found.push(`${name} / C`);
  });
  return { measured: units.length, found };
})()";

/// Letters inside of the circles of the network of a lesson, and of C, that leave them.
const OUTSIDE_CIRCLES: &str = r"(() => {
  const found = [];
  let measured = 0;
  for (const node of document.querySelectorAll('#network .node')) {
    const circle = node.querySelector('circle:not(.ring)').getBoundingClientRect();
    const [x, y, r] = [circle.x + circle.width / 2, circle.y + circle.height / 2, circle.width / 2];
    for (const text of node.querySelectorAll('text:not(.halo)')) {
      if (!text.textContent) continue;
      measured++;
      // A line of letters is higher than its letters.
      const box = text.getBoundingClientRect();
      const [top, bottom] = [box.top + 0.28 * box.height, box.bottom - 0.25 * box.height];
      const reach = Math.hypot(Math.max(x - box.left, box.right - x), Math.max(y - top, bottom - y));
      if (reach > r - 0.5) found.push(`${text.textContent} in ${node.ariaLabel}`);
    }
  }
  const cost = document.querySelector('#network .cost rect').getBoundingClientRect();
  for (const text of document.querySelectorAll('#network .cost text')) {
    if (!text.textContent) continue;
    const box = text.getBoundingClientRect();
    if (box.left < cost.left + 2 || box.right > cost.right - 2) found.push(`${text.textContent} in C`);
  }
  return { measured, found };
})()";

/// Measures the boxes of all letters of a page; at least one is there.
#[track_caller]
pub(crate) fn are_apart(page: &mut Page<'_>, what: &str) {
    let over = page.evaluate(OVER_EACH_OTHER);
    assert!(over["measured"].as_u64() > Some(3), "{what}: {over}");
    assert_eq!(over["found"], json!([]), "{what}: letters over each other");
}

/// Checks the letters of all plots of a page.
#[track_caller]
pub(crate) fn of_plots_are_in_place(page: &mut Page<'_>, what: &str) {
    for (fault, measure) in [
        ("outside of their plot", OUTSIDE_PLOTS),
        ("over a curve", OVER_CURVES),
        ("the plots have fewer than two labelled ticks on an axis", WITHOUT_TICKS),
    ] {
        let found = page.evaluate(measure);
        assert_eq!(found, Value::Array(Vec::new()), "{what}: {fault}");
    }
}

/// Checks the letters and circles of the network of a lesson.
#[track_caller]
pub(crate) fn leave_circles_free(page: &mut Page<'_>, what: &str) {
    assert_eq!(page.evaluate(OVER_CIRCLES), json!([]), "{what}: letters over a circle");
    let touching = page.evaluate(TOUCHING);
    assert!(touching["measured"].as_u64() > Some(2), "{what}: {touching}");
    assert_eq!(touching["found"], json!([]), "{what}: circles that touch");
}

/// Checks the numbers on the lines of the network of a lesson, and returns how many there are.
#[track_caller]
pub(crate) fn of_lines_are_clear(page: &mut Page<'_>, what: &str) -> u64 {
    let over = page.evaluate(OVER_LINES);
    assert_eq!(over["found"], json!([]), "{what}: numbers of lines");
    over["measured"].as_u64().expect("a count")
}

/// Checks that no text in a circle of a lesson, or in its box of C, is wider than its shape.
#[track_caller]
pub(crate) fn are_inside_circles(page: &mut Page<'_>, what: &str) {
    let outside = page.evaluate(OUTSIDE_CIRCLES);
    assert!(outside["measured"].as_u64() > Some(0), "{what}: {outside}");
    assert_eq!(outside["found"], json!([]), "{what}: letters that leave their circle");
}

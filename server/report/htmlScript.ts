/**
 * The script of a report, as text: the page must be one file, and its policy names the script by its hash. It moves the
 * heatmap along the recorded steps and reads the curves out; without it the page shows the same drawings, still.
 */
import { viridisAnchors } from './colour';

export function reportScript(): string {
  return `'use strict';
(() => {
  const data = JSON.parse(document.getElementById('report-data').textContent);
  const anchors = ${JSON.stringify(viridisAnchors)}.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const colour = (alpha) => {
    const position = Math.min(Math.max(alpha, 0), 1) * 10;
    const index = Math.min(Math.floor(position), 9);
    return anchors[index].map((channel, c) => Math.round(channel + (position - index) * (anchors[index + 1][c] - channel)));
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((channel) => {
      const value = channel / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const format = (value, digits) => value.toFixed(digits).replace('-', '\\u2212');
  const count = (value) => String(value).replace(/\\B(?=(\\d{3})+(?!\\d))/g, ',');

  const slider = document.getElementById('path-slider');
  if (slider && data.path.length > 1) {
    const cells = [...document.querySelectorAll('#alphas g[data-block]')].map((cell) => ({ cell, still: cell.cloneNode(true) }));
    const input = slider.querySelector('input');
    const output = slider.querySelector('output');
    const held = [...document.querySelectorAll('#alphas g[data-held-from]')];
    const last = data.path.length;
    const show = (position) => {
      const point = data.path[position];
      output.textContent = point ? 'step ' + count(point.step) : 'as the run ended';
      input.setAttribute('aria-valuetext', output.textContent);
      for (const mark of held) {
        mark.setAttribute('visibility', point && point.step <= +mark.dataset.heldFrom ? 'hidden' : 'visible');
      }
      for (const { cell, still } of cells) {
        cell.replaceChildren(...still.cloneNode(true).childNodes);
        if (!point) continue;
        const alpha = point.alphas[+cell.dataset.block][+cell.dataset.component];
        const [ground, plate] = cell.querySelectorAll('rect');
        if (alpha === null || (alpha === 0 && plate)) continue;
        const [number, note] = cell.querySelectorAll('text');
        if (plate) plate.remove();
        if (note) note.remove();
        const rgb = colour(alpha);
        const level = luminance(rgb);
        ground.setAttribute('fill', 'rgb(' + rgb.join(',') + ')');
        number.setAttribute('fill', (level + 0.05) / 0.05 >= 1.05 / (level + 0.05) ? '#000000' : '#ffffff');
        number.setAttribute('font-size', '17');
        number.setAttribute('font-weight', '600');
        number.setAttribute('y', cell.dataset.middle);
        number.textContent = format(alpha, 2);
        const title = cell.querySelector('title');
        title.textContent = title.textContent.split(':')[0] + ': \\u03b1 ' + format(alpha, 4) + ' at step ' + count(point.step);
      }
    };
    input.max = String(last);
    input.value = String(last);
    input.addEventListener('input', () => show(+input.value));
    slider.hidden = false;
  }

  const curves = document.getElementById('curves');
  const readout = document.getElementById('readout');
  if (curves && readout && data.curves.length > 0) {
    const cursor = document.getElementById('curves-cursor');
    const { left, right, top, bottom, steps } = data.plot;
    let at = steps;
    const nearest = (points, step) => {
      let low = 0;
      let high = points.length - 1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (points[middle][0] <= step) low = middle;
        else high = middle;
      }
      return step - points[low][0] <= points[high][0] - step ? points[low] : points[high];
    };
    const read = (step) => {
      at = Math.round(Math.min(Math.max(step, 1), steps));
      const x = left + ((right - left) * (at - 1)) / Math.max(1, steps - 1);
      const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
      line.setAttribute('d', 'M' + x + ' ' + top + 'V' + bottom);
      line.setAttribute('stroke', 'var(--quiet)');
      cursor.replaceChildren(line);
      readout.replaceChildren('Near step ' + count(at) + ': ');
      for (const { label, seeds } of data.curves) {
        const near = seeds.filter((points) => points.length > 0 && points[points.length - 1][0] >= at * 0.98).map((points) => nearest(points, at)[1]);
        if (near.length === 0) continue;
        const value = document.createElement('b');
        value.textContent = format(near.reduce((sum, loss) => sum + loss, 0) / near.length, 3);
        readout.append(label + ' ', value, '  \\u00b7  ');
      }
      if (readout.lastChild.nodeType === 3) readout.lastChild.remove();
    };
    const follow = (event) => {
      const box = curves.getBoundingClientRect();
      const x = ((event.clientX - box.left) * curves.viewBox.baseVal.width) / box.width;
      read(1 + ((x - left) / (right - left)) * (steps - 1));
    };
    curves.setAttribute('tabindex', '0');
    curves.addEventListener('pointermove', follow);
    curves.addEventListener('pointerdown', follow);
    curves.addEventListener('keydown', (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
      if (move === undefined) return;
      event.preventDefault();
      read(at + move * Math.max(1, Math.round(steps / 100)));
    });
  }
})();
`;
}

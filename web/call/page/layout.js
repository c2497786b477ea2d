/**
 * Where tiles go. Pure: numbers in CSS pixels in, boxes out.
 *
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 */

/** Widest and narrowest shape of a tile, width by height: a wide window keeps pictures whole, a phone upright crops them. */
const WIDE = { narrowest: 4 / 3, widest: 16 / 9 };
const TALL = { narrowest: 3 / 4, widest: 16 / 9 };

/**
 * Best fit: as many columns as make the tiles largest; the last row is centred.
 * @param {number} count
 * @param {Box} area
 * @param {number} gap
 * @returns {Box[]} none overlaps another, all lie inside the area
 */
export function arrange(count, area, gap) {
  if (count === 0) return [];
  let best = fit(count, 1, area, gap);
  for (let columns = 2; columns <= count; columns++) {
    const next = fit(count, columns, area, gap);
    if (next.width * next.height > best.width * best.height) best = next;
  }
  return Array.from({ length: count }, (_, i) => boxOf(i, count, best, area, gap));
}

/** @param {number} count @param {number} columns @param {Box} area @param {number} gap */
function fit(count, columns, area, gap) {
  const rows = Math.ceil(count / columns);
  const cellWidth = Math.max(0, (area.width - gap * (columns - 1)) / columns);
  const cellHeight = Math.max(0, (area.height - gap * (rows - 1)) / rows);
  const { narrowest, widest } = area.width >= area.height ? WIDE : TALL;
  const width = Math.floor(Math.min(cellWidth, cellHeight * widest));
  const height = Math.floor(Math.min(cellHeight, width / narrowest));
  return { columns, rows, width, height };
}

/** @param {number} i @param {number} count @param {{columns: number, rows: number, width: number, height: number}} grid @param {Box} area @param {number} gap @returns {Box} */
function boxOf(i, count, { columns, rows, width, height }, area, gap) {
  const row = Math.floor(i / columns);
  const inRow = row === rows - 1 ? count - row * columns : columns;
  const rowWidth = inRow * width + (inRow - 1) * gap;
  const allHeight = rows * height + (rows - 1) * gap;
  return {
    x: Math.round(area.x + (area.width - rowWidth) / 2 + (i % columns) * (width + gap)),
    y: Math.round(area.y + (area.height - allHeight) / 2 + row * (height + gap)),
    width, height,
  };
}

/**
 * With a shared screen: the stage takes most, the cameras become a strip beside or below it.
 * @param {number} screens
 * @param {number} cameras
 * @param {{width: number, height: number}} window
 * @param {number} gap
 * @returns {{screens: Box[], cameras: Box[]}}
 */
export function place(screens, cameras, { width, height }, gap) {
  const area = { x: 0, y: 0, width, height };
  if (screens === 0) return { screens: [], cameras: arrange(cameras, area, gap) };
  if (width >= height) {
    const strip = Math.round(Math.min(width * (cameras > 4 ? 0.3 : 0.2), 420));
    return {
      screens: stack(screens, { ...area, width: width - strip - gap }, gap),
      cameras: arrange(cameras, { x: width - strip, y: 0, width: strip, height }, gap),
    };
  }
  const strip = Math.round(height * (cameras > 3 ? 0.45 : 0.3));
  return {
    screens: stack(screens, { ...area, height: height - strip - gap }, gap),
    cameras: arrange(cameras, { x: 0, y: height - strip, width, height: strip }, gap),
  };
}

/** Shared screens below one another, each as wide as there is room. @param {number} count @param {Box} area @param {number} gap @returns {Box[]} */
function stack(count, area, gap) {
  const height = Math.floor((area.height - gap * (count - 1)) / count);
  return Array.from({ length: count }, (_, i) => ({ ...area, y: area.y + i * (height + gap), height }));
}

"use strict";
// Label maps to their pixels. They are PNG files with a palette, whose indices are the labels; reading the indices from
// the file itself is exact, where a canvas could change colours, or refuse to be read.
const viewer = {};
viewer.bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
viewer.inflate = async (parts) => {
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};
// The labels of a PNG of one channel, of 1, 2, 4 or 8 bits: {width, height, labels}. PNG specification, sections 7 and 9.
viewer.decode = async (text) => {
  const bytes = viewer.bytes(text);
  const view = new DataView(bytes.buffer);
  const data = [];
  let width, height, bits;
  for (let at = 8; at < bytes.length; ) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === "IHDR") [width, height, bits] = [view.getUint32(at + 8), view.getUint32(at + 12), bytes[at + 16]];
    if (kind === "IDAT") data.push(bytes.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const raw = await viewer.inflate(data);
  const stride = Math.ceil((width * bits) / 8);
  let above = new Uint8Array(stride);
  const labels = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const filter = raw[row * (stride + 1)];
    const line = raw.subarray(row * (stride + 1) + 1, (row + 1) * (stride + 1));
    viewer.unfilter(filter, line, above);
    above = line;
    const start = row * width;
    if (bits === 8) labels.set(line, start);
    else {
      const mask = (1 << bits) - 1;
      for (let x = 0; x < width; x++) labels[start + x] = (line[(x * bits) >> 3] >> (8 - bits - ((x * bits) & 7))) & mask;
    }
  }
  return { width, height, labels };
};
// Undo the filter of a row of bytes in place; `above` is the row before it.
viewer.unfilter = (filter, line, above) => {
  if (filter === 0) return;
  for (let x = 0; x < line.length; x++) {
    const left = x ? line[x - 1] : 0;
    const up = above[x];
    let guess = 0;
    if (filter === 1) guess = left;
    else if (filter === 2) guess = up;
    else if (filter === 3) guess = (left + up) >> 1;
    else {
      const corner = x ? above[x - 1] : 0;
      const sum = left + up - corner;
      const [a, b, c] = [Math.abs(sum - left), Math.abs(sum - up), Math.abs(sum - corner)];
      guess = a <= b && a <= c ? left : b <= c ? up : corner;
    }
    line[x] += guess;
  }
};

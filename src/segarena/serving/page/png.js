// The class of each pixel, from the bytes of a PNG with a palette. A canvas would give colours, which two classes may share.

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Read the indices of a PNG of 8 bits with a palette: {width, height, indices}. */
export async function readIndices(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const view = new DataView(bytes.buffer);
  if (SIGNATURE.some((value, place) => bytes[place] !== value)) throw new Error("The answer is not a PNG.");
  let width = 0, height = 0;
  const data = [];
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === "IHDR") {
      [width, height] = [view.getUint32(at + 8), view.getUint32(at + 12)];
      if (bytes[at + 16] !== 8 || bytes[at + 17] !== 3 || bytes[at + 20] !== 0) throw new Error("The mask has no palette of 8 bits.");
    }
    if (kind === "IDAT") data.push(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const stream = new Blob(data).stream().pipeThrough(new DecompressionStream("deflate"));
  const rows = new Uint8Array(await new Response(stream).arrayBuffer());
  return { width, height, indices: unfilter(rows, width, height) };
}

/** Undo the filters of PNG (W3C PNG, section 9), for one byte per pixel. */
function unfilter(rows, width, height) {
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = y * (width + 1), to = y * width, filter = rows[from];
    for (let x = 0; x < width; x++) {
      const left = x ? out[to + x - 1] : 0;
      const above = y ? out[to + x - width] : 0;
      const corner = x && y ? out[to + x - width - 1] : 0;
      let add = 0;
      if (filter === 1) add = left;
      else if (filter === 2) add = above;
      else if (filter === 3) add = (left + above) >> 1;
      else if (filter === 4) add = paeth(left, above, corner);
      out[to + x] = rows[from + 1 + x] + add;
    }
  }
  return out;
}

function paeth(left, above, corner) {
  const byLeft = Math.abs(above - corner), byAbove = Math.abs(left - corner), byCorner = Math.abs(left + above - 2 * corner);
  if (byLeft <= byAbove && byLeft <= byCorner) return left;
  return byAbove <= byCorner ? above : corner;
}

/** The scene that the server hands over, as typed arrays. */

const KINDS = { f4: Float32Array, u2: Uint16Array, u1: Uint8Array, i4: Int32Array };

/** Numbers from base64 of their little-endian bytes. */
export function unpack(text, kind) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new KINDS[kind](bytes.buffer);
}

/** A scene with its arrays: see `core.presentation.maps.scene.MapScene.as_data`. */
export function decode(data) {
  const maybe = (text, kind) => (text === null ? null : unpack(text, kind));
  const xy = unpack(data.xy, "f4");
  return {
    ...data,
    count: xy.length / 2,
    xy,
    y: unpack(data.y, "u2"),
    mark: unpack(data.mark, "u1"),
    baseY: unpack(data.baseY, "u2"),
    baseRow: unpack(data.baseRow, "i4"),
    start: unpack(data.start, "f4"),
    target: maybe(data.target, "f4"),
    shift: maybe(data.shift, "f4"),
    predicted: maybe(data.predicted, "u2"),
    near: maybe(data.near, "i4"),
  };
}

/** Rows of the nearest neighbours of a point, nearest first; none where they are not held. */
export function neighbours(scene, row) {
  if (!scene.near) return [];
  return Array.from(scene.near.subarray(row * scene.nearest, (row + 1) * scene.nearest));
}

/** The run's name and number of a poisoned sample where the poison is of several runs; "" and its number else. */
export function memberOf(scene, row) {
  let number = row - scene.clean;
  for (const [name, size] of scene.groups) {
    if (number < size) return [name, number];
    number -= size;
  }
  return ["", row - scene.clean];
}

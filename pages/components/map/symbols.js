/** Symbols of points as paths; each is begun by itself, so that it can be filled or stroked. */

function disc(context, x, y, radius) {
  context.moveTo(x + radius, y);
  context.arc(x, y, radius, 0, 2 * Math.PI);
}

/** Begin a path with a symbol of the names in `core.presentation.maps.scene.SHAPES`. */
export function symbol(context, shape, x, y, radius) {
  context.beginPath();
  if (shape === "dot" || shape === "disc") disc(context, x, y, radius);
  else if (shape === "diamond" || shape === "open") polygon(context, x, y, radius * 1.15, 4, 0);
  else if (shape === "square") polygon(context, x, y, radius * 1.2, 4, Math.PI / 4);
  else if (shape === "triangle") polygon(context, x, y, radius * 1.25, 3, -Math.PI / 2);
  else {
    const arm = radius * 0.8;
    context.moveTo(x - arm, y - arm);
    context.lineTo(x + arm, y + arm);
    context.moveTo(x - arm, y + arm);
    context.lineTo(x + arm, y - arm);
  }
}

function polygon(context, x, y, radius, corners, turn) {
  for (let i = 0; i < corners; i++) {
    const angle = turn + (2 * Math.PI * i) / corners;
    context[i ? "lineTo" : "moveTo"](x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  context.closePath();
}

/** A symbol as SVG, for legends. */
export function svg(shape, colour, ring = "") {
  const open = shape === "open" || shape === "cross";
  const paint = open ? `fill="none" stroke="${colour}" stroke-width="1.8"` : `fill="${colour}"`;
  const outline = ring ? ` stroke="${ring}" stroke-width="2"` : "";
  const points = { diamond: "7,1 13,7 7,13 1,7", open: "7,2 12,7 7,12 2,7", square: "2.5,2.5 11.5,2.5 11.5,11.5 2.5,11.5" };
  let body = `<circle cx="7" cy="7" r="${shape === "dot" ? 3 : 5}" ${paint}${outline} />`;
  if (points[shape]) body = `<polygon points="${points[shape]}" ${paint}${outline} />`;
  else if (shape === "triangle") body = `<polygon points="7,1.5 13,12 1,12" ${paint}${outline} />`;
  else if (shape === "cross") body = `<path d="M3 3 11 11M3 11 11 3" ${paint} />`;
  return `<svg viewBox="0 0 14 14" aria-hidden="true">${body}</svg>`;
}

/** What of a playground's state stands in the address, as text; `pages/_playground.py` reads it again. */

const DIGITS = 3;

/** A number without needless zeros. */
function short(value) {
  return String(Number(value.toFixed(DIGITS)));
}

/** The poison: label, place and base of each point. */
export function poisonText(poison) {
  return poison.map((point) => [point.label, ...point.x.map(short), point.base].join("_")).join("~");
}

/** Every part of the state that the component can change, as it stands in a link. */
export function linkOf(view) {
  return {
    poison: poisonText(view.poison),
    label: String(view.label),
    budget: String(view.budget),
    constraint: view.constraint,
    defence: view.defence,
    ridge: String(view.ridge),
    field: view.field ? "on" : "off",
  };
}

/** Buttons that are drawn anew: never under a finger. */

const waiting = new WeakSet();

/**
 * Draw buttons anew; at once, or after the press that holds one of them: browsers drop the click of a button that is
 * replaced between press and release.
 * @param place the element that holds the buttons
 * @param draw replaces them by what is right when it is called
 */
export function redraw(place, draw) {
  if (waiting.has(place)) return;
  if (!place.matches(":active")) {
    draw();
    return;
  }
  waiting.add(place);
  const look = () => {
    if (place.isConnected && place.matches(":active")) {
      requestAnimationFrame(look);
      return;
    }
    waiting.delete(place);
    draw();
  };
  requestAnimationFrame(look);
}

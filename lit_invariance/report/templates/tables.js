"use strict";
const number = text => text === "" || text === "nan" ? Infinity : Number(text);
function sortBy(button) {
  const heading = button.closest("th"), table = heading.closest("table"), body = table.tBodies[0];
  const column = [...heading.parentNode.children].indexOf(heading), text = button.dataset.kind === "text";
  const upwards = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of heading.parentNode.children) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", upwards ? "ascending" : "descending");
  const value = row => row.children[column].dataset.value;
  const last = row => "last" in row.children[column].dataset;
  const rows = [...body.rows].sort((one, two) => {
    if (last(one) !== last(two)) return last(one) ? 1 : -1;  // a model at chance is never ranked by its stability
    if (text) return value(one).localeCompare(value(two), undefined, {numeric: true}) * (upwards ? 1 : -1);
    const [first, second] = [number(value(one)), number(value(two))];
    if (first === second) return 0;
    if (first === Infinity || second === Infinity) return first === Infinity ? 1 : -1;  // undefined ones stay below
    return (first - second) * (upwards ? 1 : -1);
  });
  body.append(...rows);
}
for (const button of document.querySelectorAll("table.sortable th button")) button.addEventListener("click", () => sortBy(button));
addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; });

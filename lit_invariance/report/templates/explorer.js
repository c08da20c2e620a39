// Moves the views of a failure about, and shows what each model said of them.
const COLOURS = ["#009e73", "#d55e00", "#0072b2", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1"], OTHERS = "#999999";
const SVG = "http://www.w3.org/2000/svg";

function explore(explorer, failures) {
  const find = selector => explorer.querySelector(selector);
  const choice = find("select"), view = find(".view"), told = find("output"), plot = find(".plot > div"), caption = find("figcaption");
  const sliders = [...explorer.querySelectorAll("input")], rows = [...find("tbody").rows];
  let shown, marks = [];

  const colour = answer => answer < COLOURS.length ? COLOURS[answer] : OTHERS;
  const picked = () => shown.columns ? sliders[0].value * shown.columns + Number(sliders[1].value) : Number(sliders[0].value);

  function choose() {
    shown = failures[choice.value];
    const [high, wide] = shown.window, [rowsOfAll, columnsOfAll] = shown.size;
    view.className = `view sheet${choice.value}`;
    view.textContent = shown.kept ? "" : "The picture is not part of this report.";
    sliders.forEach((slider, axis) => {
      const places = shown.axes[axis];
      slider.parentNode.hidden = !places;
      slider.max = places ? places.length - 1 : 0;
    });
    sliders[0].parentNode.firstElementChild.textContent = shown.columns ? "down" : "move";
    plot.replaceChildren();
    marks = shown.columns ? drawMaps() : drawCurves();
    go(shown.start);
  }

  function go(number) {
    if (shown.columns) [sliders[0].value, sliders[1].value] = [Math.floor(number / shown.columns), number % shown.columns];
    else sliders[0].value = number;
    show();
  }

  function show() {
    const number = picked(), place = shown.axes.map((words, axis) => words[sliders[axis].value]).join(", ");
    const share = axis => {
      const room = shown.size[axis] - shown.window[axis];
      return room ? `${100 * shown.places[number][axis] / room}%` : "0%";
    };
    view.style.backgroundPosition = `${share(1)} ${share(0)}`;
    view.setAttribute("aria-label", `${choice.selectedOptions[0].textContent}, at ${place}`);
    sliders.forEach((slider, axis) => { if (shown.axes[axis]) slider.setAttribute("aria-valuetext", shown.axes[axis][slider.value]); });
    const right = shown.models.filter(model => model.said[number] === 0).length;
    told.textContent = shown.labelled ? `${place}: ${right} of ${rows.length} right` : place;
    rows.forEach((row, place) => {
      const model = shown.models[place], answer = model.said[number], sure = model.sure[number] / 10;
      row.className = shown.labelled ? (answer ? "miss" : "hit") : "";
      row.querySelector(".swatch").style.background = colour(answer);
      row.querySelector(".answer").textContent = (shown.labelled ? (answer ? "✗ " : "✓ ") : "") + shown.names[answer];
      row.querySelector(".bar > span").style.width = `${sure}%`;
      row.querySelector(".sure").textContent = `${sure.toFixed(0)} %`;
    });
    marks.forEach(mark => mark(number));
  }

  function point(element, place) {
    for (const kind of ["pointermove", "pointerdown"]) element.addEventListener(kind, event => {
      const at = element.getBoundingClientRect();
      const inside = share => Math.min(Math.max(share, 0), 0.999999);
      go(place(inside((event.clientX - at.left) / at.width), inside((event.clientY - at.top) / at.height)));
    });
  }

  function drawMaps() {
    const columns = shown.columns, lines = shown.places.length / columns;
    caption.textContent = "The answer of each model at every place of the window: one colour an answer" + (shown.labelled ? ", green the true class." : ".");
    return shown.models.map((model, place) => {
      const map = document.createElement("div"), canvas = document.createElement("canvas"), cursor = document.createElement("span");
      map.className = "map";
      [canvas.width, canvas.height] = [columns, lines];
      const brush = canvas.getContext("2d");
      model.said.forEach((answer, number) => {
        brush.fillStyle = colour(answer);
        brush.fillRect(number % columns, Math.floor(number / columns), 1, 1);
      });
      map.append(canvas, cursor);
      const figure = document.createElement("figure"), name = document.createElement("figcaption");
      name.append(rows[place].querySelector(".chip").cloneNode(true));
      figure.append(map, name);
      plot.append(figure);
      point(canvas, (across, down) => Math.floor(down * lines) * columns + Math.floor(across * columns));
      return number => {
        const [line, column] = [Math.floor(number / columns), number % columns];
        cursor.style.cssText = `left: ${100 * column / columns}%; top: ${100 * line / lines}%; width: ${100 / columns}%; height: ${100 / lines}%`;
      };
    });
  }

  function drawCurves() {
    const last = shown.places.length - 1, drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("viewBox", `0 0 ${last} 1`);
    drawing.setAttribute("preserveAspectRatio", "none");
    const line = (points, stroke) => {
      const drawn = document.createElementNS(SVG, "polyline");
      for (const [name, value] of [["points", points], ["stroke", stroke], ["fill", "none"], ["vector-effect", "non-scaling-stroke"]]) drawn.setAttribute(name, value);
      drawing.append(drawn);
      return drawn;
    };
    shown.models.forEach((model, place) => {
      const values = shown.labelled ? model.truth : model.sure;
      line(values.map((value, number) => `${number},${1 - value / 1000}`).join(" "), rows[place].dataset.colour);
    });
    const cursor = line("", "currentColor");
    caption.textContent = `Probability of the ${shown.labelled ? "true class" : "answer"} at each view, from 0 to 1; one line a model.`;
    plot.append(drawing);
    point(drawing, across => Math.round(across * last));
    return [number => cursor.setAttribute("points", `${number},0 ${number},1`)];
  }

  choice.addEventListener("change", choose);
  for (const slider of sliders) slider.addEventListener("input", show);
  explorer.hidden = false;
  choose();
}

const explorer = document.getElementById("explorer");
if (explorer) explore(explorer, JSON.parse(document.getElementById("explored").textContent));

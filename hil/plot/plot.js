"use strict";
// A crosshair with the values of all lanes. Without it the page is complete.
for (const svg of document.querySelectorAll("svg[data-lanes]")) {
  const view = JSON.parse(svg.dataset.lanes);
  const hint = document.body.appendChild(document.createElement("div"));
  hint.className = "hint";
  const cross = svg.appendChild(document.createElementNS(svg.namespaceURI, "line"));
  cross.setAttribute("class", "cross");
  cross.setAttribute("y1", view.top);
  cross.setAttribute("y2", view.bottom);
  cross.style.display = "none";
  const at = (lane, ms) => {
    let low = 0, high = lane.t.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lane.t[middle] <= ms) low = middle + 1; else high = middle;
    }
    return low ? lane.v[low - 1] : "–";
  };
  const hide = () => { hint.style.display = cross.style.display = "none"; };
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
    if (x < view.left || x > view.right) { hide(); return; }
    const ms = view.from + (x - view.left) * (view.to - view.from) / (view.right - view.left);
    const rows = view.lanes.map((lane) => lane.name.padEnd(10) + "  " + at(lane, ms));
    hint.textContent = [((ms - view.zero) / 1000).toFixed(3) + " s", ...rows].join("\n");
    cross.setAttribute("x1", x);
    cross.setAttribute("x2", x);
    cross.style.display = hint.style.display = "block";
    const flip = event.clientX + hint.offsetWidth + 30 > window.innerWidth;
    hint.style.left = event.clientX + (flip ? -hint.offsetWidth - 14 : 14) + "px";
    hint.style.top = Math.min(event.clientY + 14, window.innerHeight - hint.offsetHeight - 8) + "px";
  });
}

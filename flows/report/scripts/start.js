// Every place for a figure gets its script; a figure that cannot be drawn leaves its table standing.

for (const place of document.querySelectorAll("[data-widget]")) {
  const data = JSON.parse(place.querySelector("script[type='application/json']").textContent);
  const room = html("div", { class: "room" });
  widgets[place.dataset.widget](room, data);
  place.replaceChildren(room);
  place.closest("figure").classList.add("alive");
}

// What the theme leaves out for those who read with a keyboard or a screen reader.

window.addEventListener("load", () => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  // A wide table scrolls: then it can be reached with the keyboard.
  for (const region of document.querySelectorAll(".md-typeset__scrollwrap")) {
    region.tabIndex = 0;
  }
});

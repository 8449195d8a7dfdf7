// Runs before anything is drawn, so that a dark page does not flash white. A module would run too late.

{
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") {
    document.documentElement.dataset.theme = chosen;
  }
}

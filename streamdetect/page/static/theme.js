// Runs before anything is drawn, so that a page in the dark does not flash white: hence no module.

{
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") {
    document.documentElement.dataset.theme = chosen;
  }
}

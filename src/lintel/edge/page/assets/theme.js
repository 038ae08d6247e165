// Loaded before anything is drawn, so that a page that was set to dark never flashes.
"use strict";
{
  const kept = localStorage.getItem("lintel-theme");
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
}

// Language, appearance and full screen.

const theme = document.getElementById("theme");
const language = document.getElementById("language");
const fullScreen = document.getElementById("full-screen");

if (theme) {
  theme.value = document.documentElement.dataset.theme ?? "";
  theme.addEventListener("change", () => {
    if (theme.value) {
      document.documentElement.dataset.theme = theme.value;
      localStorage.setItem("lintel-theme", theme.value);
    } else {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem("lintel-theme");
    }
  });
}

if (language) {
  language.addEventListener("change", () => {
    const there = new URL(location.href);
    there.searchParams.set("lang", language.value);
    location.assign(there);
  });
}

if (fullScreen && document.fullscreenEnabled) {
  fullScreen.hidden = false;
  fullScreen.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen();
  });
}

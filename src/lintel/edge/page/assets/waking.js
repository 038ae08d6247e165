// Loads a view anew whose other scripts or texts did not all come, as where the device stopped amid
// it: nobody touches a kiosk, and it would say what it said first for ever.
"use strict";
{
  const LOOK_EVERY_MS = 20000;

  const look = async () => {
    if ("awake" in document.documentElement.dataset) return;
    try {
      const answer = await fetch(location.href, { method: "HEAD" });
      if (answer.ok) location.reload();
    } catch {
      // The device is still away.
    }
    setTimeout(look, LOOK_EVERY_MS);
  };

  setTimeout(look, LOOK_EVERY_MS);
}

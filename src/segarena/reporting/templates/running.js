// Load the page again as long as it is not finished, at the same place; not while a text is being selected.
{
  const key = `segarena-place ${location.pathname}`;
  const store = (work) => {
    try {
      return work(sessionStorage);
    } catch {} // a file may have no storage
  };
  const before = store((kept) => kept.getItem(key));
  if (before !== null && before !== undefined) scrollTo({ top: Number(before), behavior: "instant" });
  store((kept) => kept.removeItem(key));
  const { reload, written } = document.documentElement.dataset;
  const age = Date.now() / 1000 - Number(written);
  const isSelecting = () => String(getSelection()).length > 0;
  const again = () => {
    if (isSelecting()) return void setTimeout(again, 1000);
    store((kept) => kept.setItem(key, scrollY));
    location.reload();
  };
  setTimeout(again, 1000 * Number(reload) * (age > 600 ? 6 : 1));
  if (age > 120) {
    const minutes = Math.round(age / 60);
    document.getElementById("age").textContent = minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
    document.getElementById("stale").hidden = false;
  }
}

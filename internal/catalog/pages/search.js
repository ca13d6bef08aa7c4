// The search: a row stays when each typed word begins one of its words, or when
// its key is the longest that a label begins with, as in the catalogue's Lookup.
// Where none stays, what holds for any of the maker's does. Without it the list is whole.
(() => {
  const field = document.getElementById("search");
  const count = document.getElementById("count");
  if (!field) return;
  const split = (text) => text.normalize("NFKC").toUpperCase().split(/[^A-Z0-9]+/).filter(Boolean);
  const rows = [...document.querySelectorAll("[data-words]")].map((el) => ({
    el,
    words: " " + el.dataset.words,
    keys: split(el.dataset.match),
    maker: split(el.closest("[data-group]").dataset.group)[0],
  }));
  const groups = [...document.querySelectorAll("section[data-group]")];
  const holds = (row, words) => words.every((w) => row.words.includes(" " + w));

  // longest is the length of the row's longest key that the label begins with;
  // what stands before the label, like the maker, must be words of the row.
  const longest = (row, typed) => {
    let best = 0;
    for (let i = 0; i < typed.length; i++) {
      if (!holds(row, typed.slice(0, i))) break;
      const label = typed.slice(i).join("").replace(/^DHI?(?=NVR|XVR)/, "");
      for (const key of row.keys) if (label.startsWith(key)) best = Math.max(best, key.length);
    }
    return best;
  };
  const generic = (typed) => {
    const any = rows.filter((row) => "any" in row.el.dataset);
    const makers = any.filter((row) => typed.includes(row.maker));
    return makers.length ? makers : any.filter((row) => !row.maker);
  };
  const show = () => {
    const typed = split(field.value);
    const fits = rows.map((row) => longest(row, typed));
    const best = Math.max(1, ...fits);
    const known = rows.filter((row, i) => holds(row, typed) || fits[i] === best);
    const left = known.length ? known : generic(typed);
    for (const row of rows) row.el.hidden = !left.includes(row);
    for (const g of groups) g.hidden = !g.querySelector("[data-words]:not([hidden])");
    const entries = left.length === 1 ? "1 entry" : left.length + " entries";
    count.textContent = known.length ? entries : "This model is not in the list: " + entries + " for any of its kind";
  };
  field.closest("p").hidden = false;
  field.addEventListener("input", show);
  show();
})();
